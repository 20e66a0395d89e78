"""Vectors that were made before become documents as if they had been embedded here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_collections import small_model, texts
from typer.testing import CliRunner

import samesay
from samesay.cli import app
from samesay.errors import IdentityMismatchError, InputFileError


def written(path: Path, sentences: list[str], **change: object) -> Path:
    model = small_model()
    vectors = model.encode(sentences, prompt="document")
    columns: dict[str, object] = {
        "id": [f"d{n}" for n in range(len(sentences))],
        "text": sentences,
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1]),
        "n": list(range(len(sentences))),
    }
    said = {
        "samesay.fingerprint": model.identity.fingerprint,
        "samesay.prompt": "document",
        "samesay.task": "",
    }
    table = pa.table({name: one for name, one in (columns | change).items() if one is not None})
    pq.write_table(table.replace_schema_metadata(said), path)
    return path


def test_a_filled_collection_answers_as_one_that_has_embedded_the_texts(tmp_path: Path) -> None:
    sentences = texts(40)
    path = written(tmp_path / "rows.parquet", sentences)
    filled, added = samesay.open(tmp_path / "kb", small_model()), samesay.open(None, small_model())
    report = filled.fill([path])
    assert (report.added, report.segments) == (40, 40)
    added.add([{"id": f"d{n}", "text": one, "metadata": {"n": n}} for n, one in enumerate(sentences)])
    assert list(filled.documents()) == list(added.documents())
    for mode in ("semantic", "text", "hybrid"):
        for level in ("segments", "documents"):
            one, other = (
                kb.search("amber heath", 9, mode=mode, level=level, where={"n": {"gte": 4}})
                for kb in (filled, added)
            )
            assert [hit.document_id for hit in one] == [hit.document_id for hit in other]
            assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-5)
            assert [hit.passage for hit in one] == [hit.passage for hit in other]
    assert filled.check().problems == ()
    assert filled.fill([tmp_path]).unchanged == 40
    # What was filled is not embedded again, and what has changed replaces it.
    documents = [{"id": f"d{n}", "text": one, "metadata": {"n": n}} for n, one in enumerate(sentences)]
    assert filled.add(documents).unchanged == 40
    changed = written(tmp_path / "rows.parquet", [*sentences[:39], "another text"])
    assert (filled.fill([changed]).changed, len(filled)) == (1, 40)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "no column 'id'"),
        ({"vector": [[1.0]] * 3}, "not a list of a fixed size"),
        ({"text": None, "a": ["x"] * 3, "b": ["y"] * 3}, "column of texts is not clear"),
        ({"id": ["a", None, "c"]}, "row 1 of these has no id"),
        (
            {"vector": pa.FixedSizeListArray.from_arrays(pa.array(np.full(108, np.nan, np.float32)), 36)},
            "3 vectors are not finite",
        ),
    ],
)
def test_files_that_are_not_as_they_should_be_are_refused(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    path = written(tmp_path / "rows.parquet", texts(3), **change)
    with samesay.open(None, small_model()) as kb:
        with pytest.raises(InputFileError, match=reason):
            kb.fill([path])
        assert len(kb) == 0


def test_vectors_of_queries_of_another_model_or_width_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.parquet", texts(3))
    with (
        samesay.open(None, small_model("bert-cls")) as kb,
        pytest.raises(IdentityMismatchError, match="the collection in memory"),
    ):
        kb.fill([path])
    narrow = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(3, np.float32)), 1)
    with (
        samesay.open(None, small_model()) as kb,
        pytest.raises(IdentityMismatchError, match=r"vectors of 1 numbers; .* have 36"),
    ):
        kb.fill([written(tmp_path / "narrow.parquet", texts(3), vector=narrow)])


def test_the_command_fills_and_makes_nothing_of_a_wrong_model(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.parquet", texts(5))
    fixtures = Path(__file__).parents[1] / "fixtures"
    command = ["index", "--vectors", str(path), "--collection", str(tmp_path / "kb"), "--precision", "fp32"]
    wrong = CliRunner().invoke(app, [*command, "--model", str(fixtures / "bert-cls")])
    assert wrong.exit_code == 1
    assert not (tmp_path / "kb").exists()
    for added in ("5 added", "5 unchanged"):
        done = CliRunner().invoke(app, [*command, "--model", str(fixtures / "bert-mean")])
        assert done.exit_code == 0, done.output
        assert added in done.output
