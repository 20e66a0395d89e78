from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from comparison_samples import Silent, compared, write_intents, write_pairs, write_retrieval

from samesay.comparison.child_work import Worker
from samesay.comparison.children import Child, ModelFailedError, opened
from samesay.comparison.data import IntentSet, PairSet, Reading, read_data
from samesay.comparison.disagreeing import disagreements
from samesay.comparison.json_file import parse_report, read_report, report_json, report_text
from samesay.comparison.labels import names_in
from samesay.comparison.measures import area_under_curve
from samesay.comparison.mteb_results import mteb_results
from samesay.comparison.page.page import page
from samesay.comparison.ranking import voted_right
from samesay.comparison.report import Report
from samesay.comparison.resampling import on_the_data
from samesay.comparison.retiming import renew_speeds
from samesay.comparison.scored import histogram, score_of_pairs
from samesay.comparison.settings import Settings
from samesay.comparison.timing import SINGLES_A_TURN
from samesay.comparison.wire import Message
from samesay.errors import ComparisonError
from samesay.model import load_local

SETTINGS = Settings(precision="fp32", threads=1, draws=200, rounds=1)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, fixtures: Path) -> Report:
    """Three small models, one of them with prompts, on data of every kind."""
    folder = tmp_path_factory.mktemp("compared")
    data = [
        read_data(str(write_pairs(folder / "pairs.tsv")), Reading()),
        read_data(str(write_pairs(folder / "graded.tsv", graded=True)), Reading(cut=3)),
        read_data(str(write_intents(folder / "intents.tsv")), Reading()),
        read_data(str(write_retrieval(folder / "retrieval")), Reading()),
    ]
    names = [str(fixtures / name) for name in ("bert-mean", "xlm-roberta-mean", "qwen3-gqa2")]
    made, watcher = compared(names, data, SETTINGS)
    stages = {what: (total, done) for (what, total), done in zip(watcher.told, watcher.done, strict=True)}
    assert [*stages] == ["loading models", "embedding", "timing", "intervals and tests"]
    assert all(total == done for total, done in stages.values())
    return made


def test_everything_is_measured_of_every_model(report: Report) -> None:
    assert [model.label for model in report.models] == ["bert-mean", "xlm-roberta-mean", "qwen3-gqa2"]
    assert len(report.results) == 3 * 4
    assert not report.failures
    for data in report.data:
        for result in (one for one in report.results if one.data == data.name):
            assert result.measures[0].name == data.main
            assert all(one.low <= one.high for one in result.measures)
            assert (result.histogram is not None) == (data.kind in ("labelled pairs", "graded pairs"))
    names = {result.data: {one.name for one in result.measures} for result in report.results}
    assert {"auroc", "average_precision", "best_f1", "mean_match"} <= names["pairs"]
    assert {"spearman", "auroc"} <= names["graded"]
    assert {"ndcg@10", "recall@1", "recall@10"} <= names["retrieval"]
    # Every two models on every set; and the two models with prompts on every set.
    assert len(report.differences) == 3 * 4
    prompted = ("xlm-roberta-mean", "qwen3-gqa2")
    assert {(one.model, one.data) for one in report.instructions} == {
        (model, data.name) for model in prompted for data in report.data
    }
    assert report.method.tests == 3 * 4 + 2 * 4
    for speed in report.speeds:
        assert 0 < speed.p50_ms <= speed.p95_ms
        assert speed.texts_per_second > 0
        assert speed.tokens_per_second is not None
        assert speed.peak_bytes is not None
        assert 20e6 < speed.peak_bytes < 2e9
    assert all(model.where == "local" and (model.disk_bytes or 0) > 1000 for model in report.models)


def test_figures_are_those_of_the_model_itself(report: Report, fixtures: Path, tmp_path: Path) -> None:
    model = load_local(fixtures / "qwen3-gqa2", precision="fp32", threads=1)
    pairs = read_data(str(write_pairs(tmp_path / "pairs.tsv")), Reading())
    assert isinstance(pairs, PairSet)
    assert pairs.matches is not None
    result = report.result("qwen3-gqa2", "pairs")
    assert result is not None
    scores = model.similarity(pairs.left, pairs.right)
    expected = on_the_data(area_under_curve(scores, pairs.matches), len(pairs))
    assert result.measures[0].value == expected
    effect = next(one for one in report.instructions if (one.model, one.data) == ("qwen3-gqa2", "pairs"))
    plain = model.similarity(pairs.left, pairs.right, mode="plain")
    assert effect.with_prompt == expected
    assert effect.without == on_the_data(area_under_curve(plain, pairs.matches), len(pairs))


def test_a_text_is_no_neighbour_of_itself(report: Report, fixtures: Path, tmp_path: Path) -> None:
    model = load_local(fixtures / "bert-mean", precision="fp32", threads=1)
    intents = read_data(str(write_intents(tmp_path / "intents.tsv")), Reading())
    assert isinstance(intents, IntentSet)
    cosines = model.similarity_matrix(intents.texts)
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :5]
    right = voted_right(nearest, np.take_along_axis(cosines, nearest, 1), intents.intents)
    result = report.result("bert-mean", "intents")
    assert result is not None
    assert result.measures[0].value == pytest.approx(right.mean())


def test_the_same_comparison_gives_the_same_figures(report: Report, fixtures: Path, tmp_path: Path) -> None:
    data = [read_data(str(write_pairs(tmp_path / "pairs.tsv")), Reading())]
    again, _ = compared([str(fixtures / "bert-mean")], data, replace(SETTINGS, rounds=0))
    before = report.result("bert-mean", "pairs")
    after = again.result("bert-mean", "pairs")
    assert before is not None
    assert after is not None
    assert before.measures == after.measures
    assert not again.speeds


def test_speed_is_taken_anew_into_a_report_whose_quality_stays(fixtures: Path, tmp_path: Path) -> None:
    data = [read_data(str(write_pairs(tmp_path / "pairs.tsv")), Reading())]
    names = [f"small={fixtures / 'bert-mean'}", f"other={fixtures / 'qwen3-gqa2'}"]
    quality, _ = compared(names, data, replace(SETTINGS, rounds=0))
    assert not quality.speeds
    watcher = Silent()
    timed = renew_speeds(quality, names, data, replace(SETTINGS, rounds=2), watcher)
    assert [what for what, _ in watcher.told] == ["loading models", "timing"]
    assert [one.model for one in timed.speeds] == ["small", "other"]
    assert all(one.singles == 2 * SINGLES_A_TURN for one in timed.speeds)
    assert timed.method == replace(quality.method, rounds=2)
    assert (timed.results, timed.differences) == (quality.results, quality.differences)
    assert (timed.instructions, timed.disagreements) == (quality.instructions, quality.disagreements)
    # What speed was measured on must be what quality was measured on: models, data and samples.
    for told, wrong_names, wrong_data in (
        ("small is another model", [f"small={fixtures / 'bert-cls'}", names[1]], data),
        ("given are small; name the same", names[:1], data),
        ("'pairs' is missing", names, [replace(data[0], name="x")]),
        ("files, order or samples are others", names, [replace(data[0], sha256="0")]),
    ):
        with pytest.raises(ComparisonError, match=told):
            renew_speeds(timed, wrong_names, wrong_data, SETTINGS, Silent())


def test_a_model_that_fails_in_timing_is_told_once_however_often_it_is_timed(
    fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = [read_data(str(write_pairs(tmp_path / "pairs.tsv")), Reading())]
    name = str(fixtures / "bert-mean")
    quality, _ = compared([name], data, replace(SETTINGS, rounds=0))

    def killed(child: Child, *_: object) -> None:
        child.kill()
        child.ask("memory")

    monkeypatch.setattr("samesay.comparison.timing._size_batch", killed)
    for _ in range(2):
        quality = renew_speeds(quality, [name], data, SETTINGS, Silent())
        assert [(one.model, one.when) for one in quality.failures] == [("bert-mean", "speed")]
        assert not quality.speeds
    monkeypatch.undo()
    assert not renew_speeds(quality, [name], data, SETTINGS, Silent()).failures


def test_a_model_that_cannot_be_loaded_ends_it_before_anything_runs(fixtures: Path, tmp_path: Path) -> None:
    data = [read_data(str(write_pairs(tmp_path / "pairs.tsv")), Reading())]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ComparisonError) as caught:
        compared([str(fixtures / "bert-mean"), str(tmp_path / "empty")], data, SETTINGS)
    assert str(caught.value).startswith("empty cannot be compared: ")
    assert str(caught.value).endswith("nothing was run")


def test_a_model_that_refuses_a_text_is_told_and_the_others_go_on(fixtures: Path, tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "pairs.tsv")
    longest = "word " * 500
    path.write_text(path.read_text("utf-8") + f"{longest}\tother\t1\n", "utf-8")
    data = [read_data(str(path), Reading()), read_data(str(write_intents(tmp_path / "i.tsv")), Reading())]
    names = [str(fixtures / "bert-mean"), str(fixtures / "qwen3-gqa2")]
    strict = replace(SETTINGS, overlength="error", rounds=0, instructions=False)
    found, _ = compared(names, data, strict)
    (failure,) = found.failures
    assert (failure.model, failure.when) == ("bert-mean", "pairs")
    assert "tokens" in failure.message
    # What it did refuse nothing of is kept.
    assert {(one.model, one.data) for one in found.results} == {
        ("qwen3-gqa2", "pairs"),
        ("qwen3-gqa2", "i"),
        ("bert-mean", "i"),
    }
    cut, _ = compared(names[:1], data[:1], replace(strict, overlength="truncate"))
    assert [one.cut_texts for one in cut.results] == [1]


def test_a_process_that_dies_is_told_with_its_end(fixtures: Path) -> None:
    settings = SETTINGS.load_arguments(str(fixtures / "bert-mean"))
    with opened(settings) as (child, about):
        assert about["dimensions"] > 0
        child.kill()
        with pytest.raises(ModelFailedError, match="its process was killed"):
            child.ask("memory")
    with pytest.raises(ModelFailedError, match="no model"), opened({**settings, "name": "no-such"}):
        pass


def test_a_report_survives_json_and_damage_is_refused(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    path.write_text(report_text(report), "utf-8")
    assert read_report(path) == report
    value = json.loads(path.read_text("utf-8"))
    for damage, told in (
        ({"format": 99}, "has the format 99"),
        ({"speeds": [{"model": "x"}]}, "has no 'singles'"),
        ({"unknown": 1}, "'unknown', which does not belong there"),
    ):
        with pytest.raises(ComparisonError, match=told):
            parse_report(value | damage, "it")
    path.write_text("{", "utf-8")
    with pytest.raises(ComparisonError, match="is not JSON"):
        read_report(path)


def test_results_have_the_fields_that_mteb_requires(report: Report) -> None:
    found = mteb_results(report)["model_results"]
    assert [one["model_name"] for one in found] == [model.name for model in report.models]
    mains = {
        "pairs": "cosine_ap",
        "graded": "cosine_spearman",
        "intents": "accuracy",
        "retrieval": "ndcg_at_10",
    }
    for model in found:
        assert [task["task_name"] for task in model["task_results"]] == [*mains]
        for task in model["task_results"]:
            (scores,) = task["scores"]["test"]
            assert scores["main_score"] == scores[mains[task["task_name"]]]
            assert scores["hf_subset"] == "default"
            assert scores["languages"] == ["und-Zyyy"]  # mteb skips results without a language
            assert {"dataset_revision", "mteb_version", "evaluation_time"} <= task.keys()
            assert scores["samesay"]["peak_memory_bytes"] > 0
    assert json.loads(json.dumps(report_json(report)))["mteb"]["model_results"] == found
    assert asdict(report)["format"] == 1


def test_disagreements_are_of_ranks_not_of_scores(tmp_path: Path) -> None:
    pairs = read_data(str(write_pairs(tmp_path / "pairs.tsv", 20)), Reading())
    assert isinstance(pairs, PairSet)
    low = np.linspace(0, 0.1, 20, dtype=np.float32)
    high = np.linspace(0.8, 1, 20, dtype=np.float32)
    assert disagreements(pairs, {"a": low, "b": high}, with_texts=True) == []
    turned = high.copy()
    turned[[2, 17]] = turned[[17, 2]]
    found = disagreements(pairs, {"a": low, "b": turned}, with_texts=False)
    assert {one.place for one in found} == {pairs.places[2], pairs.places[17]}
    assert all(one.text_a is None and one.text_b is None for one in found)
    assert {round(abs(one.ranks[0] - one.ranks[1]), 6) for one in found} == {0.75}


def test_a_process_that_dies_on_the_way_is_reported_and_the_others_go_on(
    fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = [
        read_data(str(write_pairs(tmp_path / "pairs.tsv", 20)), Reading()),
        read_data(str(write_intents(tmp_path / "intents.tsv")), Reading()),
    ]
    names = [str(fixtures / "bert-mean"), str(fixtures / "qwen3-gqa2")]
    times: list[object] = []

    @contextmanager
    def dying(settings: Mapping[str, object]) -> Iterator[tuple[Child, Mapping[str, Any]]]:
        times.append(settings["name"])
        with opened(settings) as (child, about):
            # The first process of a model only says what it is; the second does the work.
            if times.count(names[0]) == 2 and settings["name"] == names[0]:
                child.kill()
            yield child, about

    for stage in ("stages", "comparing"):
        monkeypatch.setattr(f"samesay.comparison.{stage}.opened", dying)
    settings = replace(SETTINGS, rounds=1, instructions=False)
    found, _ = compared(names, data, settings)
    (failure,) = found.failures
    assert (failure.model, failure.when) == ("bert-mean", "pairs")
    assert "its process was killed" in failure.message
    assert [(one.model, one.data) for one in found.results] == [
        ("qwen3-gqa2", "pairs"),
        ("qwen3-gqa2", "intents"),
    ]
    assert [one.model for one in found.speeds] == ["qwen3-gqa2"]
    assert found.differences == ()
    assert "failed at" in page(found)


@pytest.mark.parametrize("kind", ["intents", "retrieval"])
def test_a_set_that_failed_leaves_nothing_in_the_next(fixtures: Path, tmp_path: Path, kind: str) -> None:
    # The first texts are embedded and kept before the one that is too long is refused.
    longest = "word " * 500
    if kind == "intents":
        good, bad = write_intents(tmp_path / "good.tsv"), write_intents(tmp_path / "bad.tsv")
        bad.write_text(bad.read_text("utf-8") + f"{longest}\tintent 1\n", "utf-8")
    else:
        good, bad = write_retrieval(tmp_path / "good", 40), write_retrieval(tmp_path / "bad", 40)
        with (bad / "corpus.jsonl").open("a", encoding="utf-8") as corpus:
            corpus.write(json.dumps({"id": "last", "text": longest}) + "\n")
    sets = [read_data(str(one), Reading()) for one in (bad, good)]
    strict = replace(SETTINGS, overlength="error", rounds=0, instructions=False)
    names = [str(fixtures / "bert-mean")]
    after_failure, _ = compared(names, sets, strict)
    alone, _ = compared(names, sets[1:], strict)
    assert [one.when for one in after_failure.failures] == ["bad"]
    assert "tokens" in after_failure.failures[0].message
    (found,) = after_failure.results
    (expected,) = alone.results
    assert (found.data, found.measures) == ("good", expected.measures)


def test_tokens_a_second_of_an_endpoint_are_those_that_it_tells(tmp_path: Path) -> None:
    pairs = read_data(str(write_pairs(tmp_path / "pairs.tsv", 20)), Reading())
    for tells in (True, False):
        with counting_endpoint(tells=tells) as url:
            found, _ = compared([f"{url}#some-model"], [pairs], replace(SETTINGS, instructions=False))
        assert not found.failures
        (speed,) = found.speeds
        assert speed.includes_network == "yes"
        if tells:
            # Three tokens a text, whatever it says.
            assert speed.tokens_per_second == pytest.approx(3 * speed.texts_per_second)
        else:
            assert speed.tokens_per_second is None


def test_several_replicas_are_one_model(tmp_path: Path) -> None:
    pairs = read_data(str(write_pairs(tmp_path / "pairs.tsv", 20)), Reading())
    with counting_endpoint(tells=True) as one, counting_endpoint(tells=True) as other:
        names = names_in(f"{one},{other}#some-model")
        found, _ = compared(names, [pairs], replace(SETTINGS, instructions=False, rounds=0))
    assert not found.failures
    assert [model.label for model in found.models] == [f"{one},{other}#some-model"]
    assert len(found.results) == 1


@contextmanager
def counting_endpoint(*, tells: bool) -> Iterator[str]:
    """An endpoint that takes three tokens for each text, and may say so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer({"object": "list", "data": []})

        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
            vectors = [np.random.default_rng(len(text)).normal(size=4).tolist() for text in texts]
            rows = [{"index": place, "embedding": one} for place, one in enumerate(vectors)]
            usage = {"usage": {"prompt_tokens": 3 * len(texts)}} if tells else {}
            self.answer({"data": rows, **usage})

        def answer(self, value: object) -> None:
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_memory_is_that_of_the_device_that_the_model_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {0: 1, 1: 5_000_000}
    cuda = SimpleNamespace(max_memory_allocated=lambda device: held[device.index])
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    for device, expected in ((("cuda", 1), held[1]), (("cuda", 0), held[0]), (("cpu", None), None)):
        worker = Worker()
        engine = SimpleNamespace(device=SimpleNamespace(type=device[0], index=device[1]))
        monkeypatch.setattr(worker, "_model", SimpleNamespace(engine=engine))
        assert worker.answer(Message({"do": "memory"})).values["gpu"] == expected


@pytest.mark.parametrize(
    ("grades", "higher"),
    [
        ([1, 2, 3, 3, 3, 3], {3}),
        ([1, 1, 1, 1, 2, 3], {2, 3}),
        ([1, 2, 3, 4, 5, 6], {4, 5, 6}),
    ],
)
def test_neither_side_of_graded_scores_is_empty(
    tmp_path: Path, grades: list[float], higher: set[float]
) -> None:
    rows = [f"left {place}\tright {place}\t{grade}" for place, grade in enumerate(grades)]
    (tmp_path / "graded.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    data = read_data(str(tmp_path / "graded.tsv"), Reading())
    assert isinstance(data, PairSet)
    scores = (data.grades / 10).astype(np.float32)
    shares = histogram(data, score_of_pairs(data, scores, 0.05))
    assert shares is not None
    assert sum(shares.matches) == pytest.approx(1, abs=1e-3)
    assert sum(shares.others) == pytest.approx(1, abs=1e-3)
    assert sum(share > 0 for share in shares.matches) == len(higher)
