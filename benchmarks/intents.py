"""Intents: accuracy, out-of-scope texts and certificates, beside semantic-router with the same vectors.

    python benchmarks/intents.py --json benchmarks/results/intents.json

What a default is (method, neighbours, temperature, vectors relative to their mean, what out-of-scope is told
by) is chosen on development data: a fifth of banking77's training texts, clinc150's validation texts, and
halves of xsid's validation texts. Test texts are matched once, with what was chosen. The certificate of
clinc150 rests on the out-of-scope texts of its training part, which nothing was chosen on. Intervals of
shares are exact binomial ones (95 %), those of areas are of 1000 bootstrap draws.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

import samesay
from intent_sets import Sets, Texts
from machine import versions
from models import default_cache
from quality import DataMissingError
from result_file import write_result
from samesay.decision.binomial import lower_bound, upper_bound
from samesay.decision.certificate import Certificate
from samesay.decision.intents.bank import Bank, bank_of, unit_rows
from samesay.decision.intents.evaluating import IntentsReport, Share, evaluate_matches
from samesay.decision.intents.fitted import FittedIntents
from samesay.decision.intents.fitting import fit_intents
from samesay.decision.intents.promising import ScoredTexts, certify_outside
from samesay.decision.intents.scoring import TEMPERATURE, score_intents, score_left_out
from samesay.decision.intents.settings import NEIGHBOURS, IntentSettings, Method
from samesay.decision.measures import area_under_curve
from scored_pairs import DATA

DRAWS = 1000
METHODS: tuple[Method, ...] = get_args(Method)
# Neighbours and temperatures. Cosines of vectors as they are lie closer together, so a lower one suits them.
TRIED = (
    *((neighbours, TEMPERATURE) for neighbours in (1, 3, 5, 10, 20)),
    (NEIGHBOURS, 0.1),
    (NEIGHBOURS, 0.4),
)
TRIED_UNCENTRED = ((NEIGHBOURS, 0.02), (NEIGHBOURS, 0.05), (NEIGHBOURS, TEMPERATURE))
# Of the simulation: out-of-scope texts drawn, and how often.
SAMPLES = (60, 100, 200, 500)
SIMULATED = 500
SHOWN = {"relative": TEMPERATURE, "as they are": 0.02}
LEFT_OUT = 4000
# Texts that semantic-router's settings are chosen on: it takes tens of milliseconds for each.
ROUTER_DEV = 500
ROUTER_TRIED = ((5, "mean"), (5, "max"), (5, "sum"), (10, "sum"), (20, "sum"))
XSID = [(a, b) for a in ("en", "zh") for b in ("en", "zh")]


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Intents, certificates, and semantic-router beside.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-router", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        sets = Sets(options.data, options.cache, samesay.load("bundled"))
        dev = development(sets, options.seed)
        tests = test_pairs(sets)
    except DataMissingError as error:
        print(error, file=sys.stderr)
        return 1
    choosing = [choice(name, bank, texts) for name, (bank, texts) in dev.items()]
    outside = outside_features(*dev["clinc150"])
    results = [judged(sets, name, bank, texts, options.seed) for name, (bank, texts) in tests.items()]
    promises = promises_kept(sets, *tests["clinc150"], options.seed)
    peer = None if options.without_router else beside(dev, tests, results, options.seed)
    _print(choosing, outside, results, peer)
    for row in promises:
        print(f"out-of-scope certificates from {row['labelled']} texts: {_line(row)}")
    if options.json:
        value = {
            "date": datetime.now(timezone.utc).date().isoformat(),
            "command": "python benchmarks/intents.py --json benchmarks/results/intents.json",
            "identity": str(sets.key.identity),
            "seed": options.seed,
            "data": sets.hashes,
            "versions": versions(["samesay", "numpy", "scipy", "semantic-router"]),
            "defaults": {"method": METHODS[0], "neighbours": NEIGHBOURS, "temperature": TEMPERATURE},
            "development": choosing,
            "out_of_scope_features_on_development": outside,
            "test": results,
            "promises_on_clinc150": promises,
            "semantic_router": peer,
        }
        write_result(options.json, value)
    return 0


def development(sets: Sets, seed: int) -> dict[str, tuple[Texts, Texts]]:
    """Give examples and texts to choose on; none of them is a test text."""
    generator = np.random.default_rng(seed)
    banking, clinc = sets.read("banking77/train.tsv"), sets.read("clinc150/train.tsv").inside
    order = generator.permutation(len(banking))
    judged = len(order) // 5
    rest = banking.at(order[judged:])
    found = {
        "banking77": (rest, banking.at(order[:judged])),
        "banking77, 10 examples": (_few(rest, 10, generator), banking.at(order[:judged])),
        "clinc150": (clinc, sets.read("clinc150/val.tsv")),
        "clinc150, 10 examples": (_few(clinc, 10, generator), sets.read("clinc150/val.tsv")),
        "clinc150, 3 examples": (_few(clinc, 3, generator), sets.read("clinc150/val.tsv")),
    }
    for one, other in XSID:
        left, right = sets.read(f"xsid_zh_en/valid.{one}.tsv"), sets.read(f"xsid_zh_en/valid.{other}.tsv")
        order = generator.permutation(len(left))
        bank = left.at(order[len(order) // 2 :])
        known = {example.intent for example in bank.examples}
        places = [place for place in order[: len(order) // 2] if right.examples[place].intent in known]
        found[f"xsid {one} → {other}"] = (bank, right.at(places))
    return found


def test_pairs(sets: Sets) -> dict[str, tuple[Texts, Texts]]:
    """Give examples and test texts of each set."""
    found = {
        "banking77": (sets.read("banking77/train.tsv"), sets.read("banking77/test.tsv")),
        "clinc150": (sets.read("clinc150/train.tsv"), sets.read("clinc150/test.tsv")),
    }
    for one, other in XSID:
        bank = sets.read(f"xsid_zh_en/valid.{one}.tsv")
        known = {example.intent for example in bank.examples}
        texts = sets.read(f"xsid_zh_en/test.{other}.tsv")
        # A matcher cannot know an intent that no example has; these few would be wrong whatever it does.
        places = [place for place, example in enumerate(texts.examples) if example.intent in known]
        found[f"xsid {one} → {other}"] = (bank, texts.at(places))
    return found


def choice(name: str, examples: Texts, texts: Texts) -> dict[str, Any]:
    """Give the accuracy of each method and setting on development texts, in scope."""
    bank = bank_of(examples.examples, examples.vectors)
    inside = texts.inside
    own = _own(bank, inside)
    tried = []
    for kind, tested, settings in (
        ("relative", bank, TRIED),
        ("as they are", _uncentred(bank), TRIED_UNCENTRED),
    ):
        centre = score_intents(tested, inside.vectors, "centroids", NEIGHBOURS)
        for neighbours, temperature in settings:
            near = score_intents(tested, inside.vectors, "examples", neighbours, temperature)
            by_method = {"both": (near + centre) / np.float32(2), "examples": near, "centroids": centre}
            for method, scores in by_method.items():
                accuracy = float((scores.argmax(axis=1) == own).mean())
                tried.append([method, neighbours, temperature, kind, round(accuracy, 4)])
    return {"set": name, "examples": len(bank), "texts": len(inside), "accuracy": tried}


def outside_features(examples: Texts, texts: Texts) -> dict[str, float]:
    """Give the area under the curve of what could tell out-of-scope texts, on development texts."""
    bank = bank_of(examples.examples, examples.vectors)
    inside = np.array([one.intent is not None for one in texts.examples])
    places = np.random.default_rng(0).permutation(len(bank))[:LEFT_OUT]
    found = {}
    for method in METHODS:
        scores = score_intents(bank, texts.vectors, method, NEIGHBOURS)
        best = scores.max(axis=1)
        margin = best - np.sort(scores, axis=1)[:, -2]
        left_out = score_left_out(bank, places, method, NEIGHBOURS)
        own = left_out[np.arange(len(places)), bank.labels[places]]
        usual = np.array([own[bank.labels[places] == place].mean() for place in range(len(bank.intents))])
        level = usual[scores.argmax(axis=1)]
        features = {
            "score": best,
            "margin over the second": margin,
            "score + margin / 2": best + margin / 2,
            "score - usual score of the intent": best - level,
            "score - half of the usual score": best - level / 2,
        }
        found |= {f"{method}: {name}": area_under_curve(one, inside) for name, one in features.items()}
        plain = score_intents(_uncentred(bank), texts.vectors, method, NEIGHBOURS, SHOWN["as they are"]).max(
            axis=1
        )
        found[f"{method}: score of vectors as they are"] = area_under_curve(plain, inside)
    return {name: round(float(area), 4) for name, area in found.items()}


def judged(sets: Sets, name: str, examples: Texts, texts: Texts, seed: int) -> dict[str, Any]:
    """Match test texts with every method and what is certified by default."""
    found: dict[str, Any] = {
        "set": name,
        "examples": len(examples.inside),
        "texts": len(texts),
        "methods": {},
    }
    for method in METHODS:
        fitted = _fitted(sets, examples, IntentSettings(method=method))
        found["methods"][method] = _figures(fitted, texts, seed)
    if name == "banking77":
        fitted = _fitted(sets, examples, IntentSettings(precision=0.95))
        found["precision 0.95"] = _figures(fitted, texts, seed)
    return found


def promises_kept(sets: Sets, examples: Texts, texts: Texts, seed: int) -> list[dict[str, Any]]:
    """Count how often a certificate is broken: all out-of-scope texts stand for all there are.

    Samples are drawn from them, a threshold is certified with each, and held against all of them.
    """
    bank = bank_of(examples.inside.examples, examples.inside.vectors)
    parts = [examples.outside, sets.read("clinc150/val.tsv").outside, texts.outside]
    vectors = np.concatenate([one.vectors for one in parts])
    settings = IntentSettings()
    scores = score_intents(bank, vectors, settings.method, NEIGHBOURS).max(axis=1)
    inside = score_intents(bank, texts.inside.vectors, settings.method, NEIGHBOURS).max(axis=1)
    generator = np.random.default_rng(seed)
    found = []
    for labelled in SAMPLES:
        issued = broken = 0
        coverage = []
        for _ in range(SIMULATED):
            drawn = generator.choice(scores, labelled, replace=True)
            sample = ScoredTexts(drawn, np.zeros(labelled, np.bool_), "")
            certificate = certify_outside(sample, inside, settings, "", "")
            if isinstance(certificate, Certificate):
                issued += 1
                edge = np.float32(certificate.threshold)
                broken += float((scores >= edge).mean()) > certificate.target
                coverage.append(float((inside >= edge).mean()))
        found.append(
            {
                "labelled": labelled,
                "draws": SIMULATED,
                "certificates": issued,
                "broken": _share(Share(broken, SIMULATED)),
                "mean_coverage": float(np.mean(coverage)),
            }
        )
    return found


def beside(
    dev: dict[str, tuple[Texts, Texts]],
    tests: dict[str, tuple[Texts, Texts]],
    results: list[dict[str, Any]],
    seed: int,
) -> list[dict[str, Any]]:
    """Route the same texts with semantic-router and the same vectors: by default, and as chosen on dev."""
    from intents_router import Router

    found = []
    for (name, (examples, texts)), ours in zip(tests.items(), results, strict=True):
        bank, judged_on = dev[name]
        chosen_on = judged_on.inside
        order = np.random.default_rng(seed).permutation(len(chosen_on))[:ROUTER_DEV]
        chosen_on = chosen_on.at(order)
        on_dev = {}
        for top_k, aggregation in ROUTER_TRIED:
            names, _ = Router(bank, top_k, aggregation).route(chosen_on)
            on_dev[f"{top_k} {aggregation}"] = _right(names, chosen_on) / len(chosen_on)
        best = max(ROUTER_TRIED, key=lambda one: on_dev[f"{one[0]} {one[1]}"])
        row: dict[str, Any] = {"set": name, "on_development": on_dev, "settings": {}}
        for top_k, aggregation in dict.fromkeys((ROUTER_TRIED[0], best)):
            names, confidences = Router(examples.inside, top_k, aggregation).route(texts)
            row["settings"][f"{top_k} {aggregation}"] = _router_figures(
                names, confidences, texts, ours["methods"][METHODS[0]], seed
            )
        row["chosen"] = f"{best[0]} {best[1]}"
        found.append(row)
        print(f"semantic-router: {name} done", file=sys.stderr, flush=True)
    return found


def _router_figures(
    names: Sequence[str], confidences: NDArray[np.float64], texts: Texts, ours: dict[str, Any], seed: int
) -> dict[str, Any]:
    inside = np.array([one.intent is not None for one in texts.examples])
    right = _right(names, texts)
    row: dict[str, Any] = {"accuracy": _share(Share(right, int(inside.sum())))}
    if not inside.all():
        row["area"] = _area(confidences, inside, seed)
        # It promises nothing, so it is compared at the coverage that our certified threshold has.
        edge = np.quantile(confidences[inside], 1 - ours["covered"][0])
        refused = int((confidences[~inside] < edge).sum())
        row["out_of_scope_recall_at_our_coverage"] = _share(Share(refused, int((~inside).sum())))
    return row


def _figures(fitted: FittedIntents, texts: Texts, seed: int) -> dict[str, Any]:
    matches = fitted.match_vectors(texts.vectors, 1)
    report: IntentsReport = evaluate_matches(texts.examples, matches, fitted.intents, fitted.bank.texts)
    inside = np.array([one.intent is not None for one in texts.examples])
    scores = np.array([one.score for one in matches])
    row: dict[str, Any] = {
        "accuracy": _share(report.best),
        "threshold": asdict(fitted.threshold),
        "certificates": [asdict(one) | {"thresholds": None} for one in fitted.certificates],
        "refused": [one.message for one in fitted.refused],
        "right": _share(report.right),
        "covered": _share(report.covered),
        "precise": _share(report.precise),
        "texts_among_examples": report.repeated,
        "contradictory_examples": len(fitted.contradictions),
        "confusions": [asdict(one) for one in report.confusions[:10]],
    }
    if not inside.all():
        row["out_of_scope_recall"] = _share(report.refused)
        row["area"] = _area(scores, inside, seed)
    return row


def _fitted(sets: Sets, examples: Texts, settings: IntentSettings) -> FittedIntents:
    rows = {one.text: vector for one, vector in zip(examples.examples, examples.vectors, strict=True)}
    return fit_intents(
        lambda texts: np.stack([rows[text] for text in texts]), sets.key, examples.examples, settings
    )


def _few(texts: Texts, count: int, generator: np.random.Generator) -> Texts:
    intents = np.array([one.intent for one in texts.examples])
    places = [generator.permutation(np.flatnonzero(intents == one))[:count] for one in dict.fromkeys(intents)]
    return texts.at(np.concatenate(places))


def _uncentred(bank: Bank) -> Bank:
    rows = unit_rows(bank.vectors)
    sums = np.add.reduceat(rows.astype(np.float64), bank.starts[:-1], axis=0).astype(np.float32)
    return replace(bank, mean=np.zeros_like(bank.mean), centred=rows, sums=sums)


def _own(bank: Bank, texts: Texts) -> NDArray[np.int64]:
    places = {name: place for place, name in enumerate(bank.intents)}
    return np.array([places[str(one.intent)] for one in texts.examples])


def _right(names: Sequence[str], texts: Texts) -> int:
    return sum(
        name == one.intent for name, one in zip(names, texts.examples, strict=True) if one.intent is not None
    )


def _share(share: Share) -> list[float | None]:
    """Give the share and its exact interval."""
    if not share.of:
        return [None, None, None]
    low = lower_bound(share.count, share.of, 0.025) if share.count else 0.0
    return [share.count / share.of, low, upper_bound(share.count, share.of, 0.025)]


def _area(scores: NDArray[np.floating], inside: NDArray[np.bool_], seed: int) -> list[float]:
    generator = np.random.default_rng(seed)
    draws = []
    for _ in range(DRAWS):
        places = generator.integers(0, len(scores), len(scores))
        if inside[places].any() and not inside[places].all():
            draws.append(area_under_curve(scores[places], inside[places]))
    low, high = np.quantile(draws, (0.025, 0.975))
    return [area_under_curve(scores, inside), float(low), float(high)]


def _print(
    choosing: list[dict[str, Any]],
    outside: dict[str, float],
    results: list[dict[str, Any]],
    peer: list[dict[str, Any]] | None,
) -> None:
    print("development, accuracy with the default neighbours and temperature (relative / as they are)")
    for row in choosing:
        cells = [
            f"{method} "
            + " / ".join(
                f"{accuracy:.3f}"
                for kind in SHOWN
                for tried, k, t, how, accuracy in row["accuracy"]
                if (tried, k, t, how) == (method, NEIGHBOURS, SHOWN[kind], kind)
            )
            for method in METHODS
        ]
        print(f"  {row['set']}: {', '.join(cells)}")
    for name, area in outside.items():
        print(f"  out of scope by {name}: {area:.4f}")
    for place, row in enumerate(results):
        for method, figures in row["methods"].items():
            print(f"{row['set']}, {method}: {_line(figures)}")
        if "precision 0.95" in row:
            print(f"{row['set']}, precision 0.95: {_line(row['precision 0.95'])}")
        for settings, figures in (peer[place]["settings"] if peer else {}).items():
            print(f"{row['set']}, semantic-router {settings}: {_line(figures)}")


def _line(figures: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value[0]:.4f} ({value[1]:.4f}–{value[2]:.4f})"
        for name, value in figures.items()
        if isinstance(value, list) and len(value) == 3 and isinstance(value[0], float)
    )


if __name__ == "__main__":
    sys.exit(main())
