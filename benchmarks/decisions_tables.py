"""The figures of docs/decisions.md, from what the benchmarks beside this have measured.

    python benchmarks/decisions_tables.py --write docs/decisions.md

They come from calibration.py, certificates.py, duplicates.py and alignment.py, and from the calibrations that
come with samesay. tests/test_measured_documents.py compares the document with what comes out now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import computed
from samesay.decision.calibration import Calibration
from samesay.decision.calibration_file import SUFFIX, read_calibration
from samesay.decision.shipped import FOLDER

# In the order of the document, and as it calls them.
SETS = {
    "covid_faq_sim": "covid_faq_sim",
    "stsb_en": "stsb_en, from 4 on",
    "stsb_zh": "stsb_zh, from 4 on",
    "stsb_xling": "stsb zh–en, from 4 on",
    "pawsx_en": "pawsx_en",
    "pawsx_zh": "pawsx_zh",
    "pawsx_xling": "pawsx zh–en",
}
ALIGNED = {"tatoeba_zh_en": "tatoeba", "ntrex_zh_en": "ntrex", "k8s_glossary": "k8s_glossary"}
DIRECTIONS = {"en_zh": "en → zh", "zh_en": "zh → en"}
MARGINS = (None, 1.0, 1.01, 1.02, 1.03)
INSTRUCTION_SETS = {
    "avx2": "AVX2",
    "avxvnni": "AVX2 with VNNI",
    "avx512": "AVX-512",
    "avx512bf16": "AVX-512 with bfloat16",
    "amx": "AMX",
}


def probabilities_part(found: dict[str, Any]) -> str:
    """How well probabilities fit, before and after calibration with half of each set."""
    measured = {(one["set"], one["fitted"]): one for one in found["results"]}
    most = {name: max(fitted for other, fitted in measured if other == name) for name in SETS}
    rows = []
    for name, shown in SETS.items():
        one = measured[name, most[name]]
        before, after = one["measured"]["cosine"], one["measured"][one["chosen"]]
        row = [shown, str(one["fitted"])]
        for measure in ("calibration_error", "log_loss"):
            row += [computed.interval(before[measure], 2), computed.interval(after[measure], 2)]
        rows.append([*row, *(f"{side['brier'][0]:.2f}" for side in (before, after))])
    header = (
        "set", "fitted to", "expected calibration error before", "after", "log loss before", "after",
        "Brier before", "after",
    )  # fmt: skip
    hard = measured["pawsx_en", most["pawsx_en"]]
    known, nothing = (hard["measured"][name]["log_loss"][0] for name in (hard["chosen"], "share_of_matches"))
    text = (
        "`benchmarks/results/calibration.json` has the other curves, fits to 100 pairs, and the intervals of "
        "the Brier scores. Draws of the bootstrap have a higher calibration error than the pairs themselves, "
        "so a small one may lie below its interval."
    )
    limits = (
        "On PAWS-X, whose pairs share nearly all words, calibration shows what the model knows: a log loss "
        f"of {known:.2f} in English is hardly better than always saying the share of matches ({nothing:.2f})."
    )
    return "\n\n".join((computed.table(header, rows), computed.paragraph(text), computed.paragraph(limits)))


def promises_part(found: dict[str, Any]) -> str:
    """How often promises break, all sets together and in the set where they break most."""
    rows = []
    for place, one in enumerate(found["worst"]):
        rate = one["kind"] == "false-match-rate"
        first = place == 0 or found["worst"][place - 1]["kind"] != one["kind"]
        unit = (" non-matches" if rate else " pairs") if first else ""
        label = ("rate ≤ 0.05" if rate else "precision") if first else ""
        issued = f"{one['issued']:,} of {one['draws']:,}" if place == 0 else f"{one['issued']:,}"
        low, high = one["worst_interval"]
        worst = SETS[one["worst_set"]].removesuffix(", from 4 on")
        rows.append(
            (
                label,
                f"{one['n']}{unit}",
                issued,
                f"{one['broken']} ({one['broken'] / one['draws']:.1%})",
                f"{one['worst_broken']} ({100 * low:.1f}–{high:.1%}), {worst}",
                f"{one['highest_exact']:.1%}" if rate else "",
                f"{one['naive_broken'] / one['naive_issued']:.0%}",
            )
        )
    draws = found["cells"][0]["draws"]
    header = (
        "promise", "n", "certificates of draws", "broken promises", f"the worst set, of {draws} draws",
        "exactly, at most", "naive thresholds broken",
    )  # fmt: skip
    table = computed.table(header, rows).replace("%", " %")
    highest = max(one["exact"] for one in found["cells"] if one["exact"] is not None)
    delta = found["cells"][0]["delta"]
    above = [one for one in found["cells"] if one["broken"] > delta * one["draws"]]
    wholly = sum(one["broken_interval"][0] > delta for one in found["cells"])
    text = (
        "For a rate the probability of a broken promise also follows from the set without drawing: it is "
        f"{100 * highest:.1f} % at most over all sets and sizes (the column before the last). So the "
        f"{len(above)} counts above {delta * draws:.0f} of {draws} are chance, as one has to expect among "
        f"{len(found['cells'])}; {wholly or 'no'} interval{'s lie' if wholly > 1 else ' lies'} wholly above "
        f"{100 * delta:.0f} %. The naive threshold is the lowest at which the sample itself keeps the rate: "
        "it breaks it about every second time. The precisions are 0.9 (covid_faq_sim), 0.8 (stsb) and 0.5 "
        "(pawsx); `benchmarks/results/certificates.json` has every cell."
    )
    return f"{table}\n\n{computed.paragraph(text)}"


def duplicates_part(found: dict[str, Any]) -> str:
    """What comparing every pair costs."""
    seconds = sorted(found["join_seconds"])
    text = (
        f"{found['rows']:,} vectors of {found['width']} numbers take {seconds[len(seconds) // 2]:.0f} s on "
        f"{found['hardware']['usable_cores']} cores of an Intel Xeon, and {found['join_memory_mib']} MiB "
        f"beside the {found['vectors_mib']} MiB of the vectors, where all scores would take "
        f"{found['all_scores_would_take_mib'] / 1024:.0f} GiB "
        "([benchmarks/duplicates.py](../benchmarks/duplicates.py))."
    )
    return computed.paragraph(text)


def aligned_part(found: dict[str, Any]) -> str:
    """Translations found by cosine and by margin."""
    rows = []
    for one in found["results"]:
        for place, (direction, shown) in enumerate(DIRECTIONS.items()):
            figures = one["directions"][direction]
            middle, low, high = (100 * value for value in figures["difference"])
            row = (ALIGNED[one["set"]], shown, str(one["different"][place]))
            shares = (computed.percent(figures[name]) for name in ("cosine", "margin"))
            rows.append((*row, *shares, f"{middle:+.1f} ({low:.1f}–{high:.1f})"))
    return computed.table(
        ("set", "direction", "sentences", "cosine", "margin", "difference, in points"), rows
    )


def mined_part(found: dict[str, Any]) -> str:
    """Precision and recall of pairs where a third of each side has no counterpart."""
    by_set = [{row["margin"]: row for row in one["mined"]} for one in found["results"]]
    rows = [
        (
            "none" if margin is None else f"{margin:g}",
            *(f"{one[margin]['precision']:.2f}, {one[margin]['recall']:.2f}" for one in by_set),
        )
        for margin in MARGINS
    ]
    names = (f"{ALIGNED[one['set']]}: precision, recall" for one in found["results"])
    return computed.table(("`--margin`", *names), rows)


def shipped_part(shipped: Sequence[Calibration]) -> str:
    """What comes with samesay: the bands for each instruction set."""
    by_set = {one.key.identity.engine.rpartition("-")[2]: one for one in shipped}
    pairs = {one.evidence.matches + one.evidence.non_matches for one in shipped}
    rows = [
        (shown, f"{by_set[name].bands.high:.4f}", f"{by_set[name].bands.middle:.4f}")
        for name, shown in INSTRUCTION_SETS.items()
        if name in by_set
    ]
    text = (
        "For the bundled model in int8 and symmetric use, "
        "`samesay.decision.shipped.shipped_calibration(key)` gives a calibration made from the "
        f"{' or '.join(map(str, sorted(pairs)))} different question pairs of deepset COVID-QA (Apache-2.0): "
        "a false-match rate of 5 % and a precision of 90 %, both with 95 % confidence. There is one for each "
        "of these instruction sets; for any other key there is none:"
    )
    return f"{computed.paragraph(text)}\n\n{computed.table(('', 'high from', 'middle from'), rows)}"


def parts(results: Path = computed.RESULTS, shipped: Path = FOLDER) -> dict[str, Callable[[], str]]:
    """Give the parts of the document by name."""
    alignment = computed.read_result(results, "alignment.json")
    files = sorted(shipped.glob(f"*{SUFFIX}"))
    return {
        "probabilities": partial(probabilities_part, computed.read_result(results, "calibration.json")),
        "promises": partial(promises_part, computed.read_result(results, "certificates.json")),
        "duplicates": partial(duplicates_part, computed.read_result(results, "duplicates.json")),
        "aligned": partial(aligned_part, alignment),
        "mined": partial(mined_part, alignment),
        "shipped": partial(shipped_part, [read_calibration(file) for file in files]),
    }


if __name__ == "__main__":
    computed.write_or_print(__doc__, parts())
