from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesay.distributed import line_parts as lines
from samesay.distributed.line_parts import read_line_part
from samesay.distributed.parquet_parts import read_parquet_part
from samesay.distributed.parts import Plan
from samesay.distributed.planning import plan_corpus
from samesay.filesystems import Storage, stored_files
from samesay.textfiles import TextRow, read_texts, text_source

TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20),
    min_size=1,
    max_size=25,
)
KINDS = ("txt", "jsonl", "csv", "tsv", "parquet")


def written(folder: Path, kind: str, texts: list[str], mark: bool) -> Path:
    """A file of these texts, as far as the kind can hold them."""
    path = folder / f"a.{kind}"
    if kind == "parquet":
        table = pa.table({"text": pa.array(texts, pa.string()), "id": range(len(texts))})
        pq.write_table(table, path, row_group_size=4)
        return path
    if kind == "jsonl":
        content = "\n".join(json.dumps({"text": text}) + "\n" for text in texts)
    elif kind == "csv":
        held = io.StringIO(newline="")
        csv.writer(held).writerows([["id", "text"], *([f"n{i}", text] for i, text in enumerate(texts))])
        content = held.getvalue()
    else:
        flat = [text.replace("\n", " ").replace("\t", " ") for text in texts]
        content = "".join(f"{text}\n" for text in (["text", *flat] if kind == "tsv" else flat))
    path.write_bytes(b"\xef\xbb\xbf" * mark + content.encode())
    return path


def rows_of(storage: Storage, plan: Plan) -> list[TextRow]:
    rows: list[TextRow] = []
    for part in plan.parts:
        assert part.first_row == len(rows)
        found = list(
            read_parquet_part(storage, part, plan.column)
            if part.span is None
            else read_line_part(storage, part, part.span, plan.column)
        )
        assert len(found) == part.rows
        rows += found
    return rows


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(texts=TEXTS, part_rows=st.integers(1, 9), mark=st.booleans(), part_bytes=st.integers(1, 200))
def test_the_parts_of_a_file_are_its_rows_once_each_in_order_and_by_number(
    kind: str, texts: list[str], part_rows: int, mark: bool, part_bytes: int
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "PART_BYTES", part_bytes)
        path = written(Path(folder), kind, texts, mark)
        storage, files = stored_files(str(path))
        plan = plan_corpus(storage, files, None, part_rows)
        assert rows_of(storage, plan) == list(read_texts(text_source(path)))
        assert all(part.rows <= part_rows for part in plan.parts)
        assert len({part.name for part in plan.parts}) == len(plan.parts)


def test_parts_end_at_a_size_whatever_their_rows(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(("x" * 2**19 + "\n") * 10)
    storage, files = stored_files(str(tmp_path))
    assert [part.rows for part in plan_corpus(storage, files, None, 8192).parts] == [3, 3, 3, 1]
    pq.write_table(
        pa.table({"text": [chr(97 + i) * 2**19 for i in range(10)]}),
        tmp_path / "a.parquet",
        compression=None,
        use_dictionary=False,
    )
    (tmp_path / "a.txt").unlink()
    storage, files = stored_files(str(tmp_path))
    assert [part.rows for part in plan_corpus(storage, files, None, 8192).parts] == [3, 3, 3, 1]


def test_an_inserted_row_changes_only_parts_from_there_on(tmp_path: Path) -> None:
    texts = [f"text {number}\n" for number in range(30)]
    path = tmp_path / "a.txt"
    path.write_text("".join(texts))
    storage, files = stored_files(str(path))
    before = [part.digest for part in plan_corpus(storage, files, None, 10).parts]
    path.write_text("".join([*texts[:15], "new\n", *texts[15:]]))
    after = [part.digest for part in plan_corpus(storage, files, None, 10).parts]
    assert after[0] == before[0]
    assert set(after[1:]).isdisjoint(before)


def test_hidden_files_and_empty_ones_belong_to_no_corpus(tmp_path: Path) -> None:
    for name in ("_SUCCESS", ".a.txt.crc", "_old/a.txt", "b/.c/d.txt", "empty.jsonl", "head.csv", "e.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text({"empty.jsonl": "", "head.csv": "text\n"}.get(name, "a text\n"))
    storage, files = stored_files(str(tmp_path))
    assert [part.source for part in plan_corpus(storage, files, None, 10).parts] == ["e.txt"]
