from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from comparison_samples import write_intents, write_pairs, write_retrieval

from samesay.comparison.data import IntentSet, PairSet, Reading, read_data
from samesay.comparison.labels import labelled, names_in
from samesay.comparison.retrieval_folder import RetrievalSet
from samesay.errors import ComparisonError


def write(path: Path, content: str) -> str:
    path.write_text(content, "utf-8")
    return str(path)


def test_kinds_are_told_by_columns(tmp_path: Path) -> None:
    labelled = read_data(str(write_pairs(tmp_path / "a.tsv")), Reading())
    graded = read_data(f"mine={write_pairs(tmp_path / 'b.tsv', graded=True)}", Reading())
    cut = read_data(str(tmp_path / "b.tsv"), Reading(cut=3))
    intents = read_data(str(write_intents(tmp_path / "c.tsv")), Reading())
    folder = read_data(str(write_retrieval(tmp_path / "d")), Reading())
    assert isinstance(labelled, PairSet)
    assert labelled.matches is not None
    assert (labelled.name, len(labelled), int(labelled.matches.sum())) == ("a", 60, 30)
    assert isinstance(graded, PairSet)
    assert (graded.name, graded.graded, graded.matches) == ("mine", True, None)
    assert isinstance(cut, PairSet)
    assert cut.matches is not None
    assert cut.matches.tolist() == (cut.grades >= 3).tolist()
    assert isinstance(intents, IntentSet)
    assert (len(intents), int(intents.intents.max())) == (40, 2)
    assert isinstance(folder, RetrievalSet)
    assert len(folder) == len(folder.documents) == 20
    assert folder.documents[3].startswith("T3\n")
    assert all(grades == {place: 1.0} for place, grades in enumerate(folder.relevance))


def test_rows_without_a_label_are_left_out_and_the_file_may_have_no_header(tmp_path: Path) -> None:
    rows = [f"left {n}\tright {n}\t{'' if n % 5 == 4 else n % 2}" for n in range(30)]
    found = read_data(write(tmp_path / "x.tsv", "\n".join(rows) + "\n"), Reading())
    assert isinstance(found, PairSet)
    assert len(found) == 24
    assert "left 4" not in found.left


def test_a_sample_is_drawn_once_and_keeps_the_order(tmp_path: Path) -> None:
    path = str(write_pairs(tmp_path / "a.tsv", 200))
    first, again = (read_data(path, Reading(sample=50, seed=1)) for _ in range(2))
    other = read_data(path, Reading(sample=50, seed=2))
    assert isinstance(first, PairSet)
    assert isinstance(again, PairSet)
    assert isinstance(other, PairSet)
    assert first.left == again.left != other.left
    assert (len(first), first.whole) == (50, 200)
    lines = [int(place.removeprefix("line ")) for place in first.places]
    assert lines == sorted(lines)
    whole = read_data(path, Reading())
    assert isinstance(whole, PairSet)
    texts = dict(zip(whole.places, zip(whole.left, whole.grades, strict=True), strict=True))
    assert all(
        texts[place] == (left, grade)
        for place, left, grade in zip(first.places, first.left, first.grades, strict=True)
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a\tb\t1\nc\td\tmaybe\n", "x.tsv, line 2: the label 'maybe' is not a grade"),
        ("a\tb\t1\nc\td\tnan\n", "x.tsv, line 2: the label is nan"),
        ("a\tb\t1\nc\td\t0\n", "1 matches and 1 non-matches; a comparison needs at least 5"),
        ("text_a\ttext_b\tmine\tyours\na\tb\t1\t0\n", "is to be said with --label; there is 'mine', 'yours'"),
        ("text_a\ttext_b\tlabel\na\tb\t\n", "no row has a label"),
        ("a\tb\t1\nc\td\t2\ne\tf\t3\n", "3 graded pairs; a comparison needs at least 5"),
        ("a\tb\t3\n" * 6, "6 pairs, and all grades are 3"),
        ("a\tx\nb\ty\n", "2 texts with 2 intents"),
        ("one\ntwo\n", "has the columns"),
    ],
)
def test_data_that_cannot_be_compared_on_are_refused(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(ComparisonError) as caught:
        read_data(write(tmp_path / "x.tsv", content), Reading())
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("corpus.jsonl", '{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n', "line 2: the id '1' stands on"),
        ("corpus.jsonl", '{"text": "a"}\n', "line 1: no 'id'"),
        ("qrels.tsv", "1\td1\tx\n", "line 1: the grade 'x' is not a number"),
        ("qrels.tsv", "1\td1\t1\n2\td2\tinf\n", "line 2: the grade is inf; grades are finite"),
        ("qrels.tsv", "1\td1\tnan\n", "line 1: the grade is nan"),
        ("qrels.tsv", "1\td1\t0\n", "names no document that answers a query"),
        ("qrels.tsv", "1\td99\t1\n", "line 1: the document 'd99' is not in corpus.jsonl"),
        ("qrels.tsv", "1\td1\n", "line 1: 2 columns"),
        ("queries.jsonl", None, "has no queries.jsonl"),
    ],
)
def test_folders_that_do_not_fit_are_refused(
    tmp_path: Path, file: str, content: str | None, told: str
) -> None:
    folder = write_retrieval(tmp_path / "r")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content, "utf-8")
    with pytest.raises(ComparisonError) as caught:
        read_data(str(folder), Reading())
    assert told in str(caught.value)


def test_queries_without_an_answer_are_left_out_and_samples_keep_their_grades(tmp_path: Path) -> None:
    folder = write_retrieval(tmp_path / "r")
    (folder / "qrels.tsv").write_text("3\td3\t2\n5\td5\t1\n5\td6\t1\n7\td7\t0\n", "utf-8")
    found = read_data(str(folder), Reading())
    assert isinstance(found, RetrievalSet)
    assert [dict(grades) for grades in found.relevance] == [{3: 2.0}, {5: 1.0, 6: 1.0}]


def test_labels_hide_folders_and_secrets(tmp_path: Path) -> None:
    folder, other = tmp_path / "private" / "my-model", tmp_path / "my-model"
    folder.mkdir(parents=True)
    other.mkdir()
    url = "https://user:secret@host:8000/v1/?key=secret#e5"
    names = ["bundled", str(folder), str(other), url, "ours=http://host/v1#e5?prompts=none", "openai:a?x=1"]
    assert labelled(names) == {
        "bundled": "bundled",
        "my-model": str(folder),
        "my-model (2)": str(other),
        "https://host:8000/v1#e5": url,
        "ours": "http://host/v1#e5?prompts=none",
        "openai:a?x=1": "openai:a?x=1",
    }
    for twice in (["bundled", "bundled"], ["a=bundled", "bundled"], ["a=b", "a=c"]):
        with pytest.raises(ComparisonError, match="named twice"):
            labelled(twice)
    with pytest.raises(ComparisonError, match="no model"):
        labelled([])


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("a, ,./b,", ["a", "./b"]),
        ("http://a/v1,http://b/v1#m,c", ["http://a/v1,http://b/v1#m", "c"]),
        ("c,mine=HTTP://a/v1, https://b/v1#m?x=1,d", ["c", "mine=HTTP://a/v1,https://b/v1#m?x=1", "d"]),
        ("http://a/one,two/v1#m", ["http://a/one,two/v1#m"]),
        ("http://a/v1#m,http://b/v1#m", ["http://a/v1#m", "http://b/v1#m"]),
        ("openai:a,openai:b", ["openai:a", "openai:b"]),
    ],
)
def test_a_comma_parts_models_and_not_the_replicas_of_one(given: str, names: list[str]) -> None:
    assert names_in(given) == names


def test_no_password_is_in_the_label_of_any_address() -> None:
    url = "http://u:secret@[bad/v1/,https://u:secret@b:port/v1?key=secret#m"
    assert labelled([url]) == {"http://[bad/v1,https://b:port/v1#m": url}


def test_labels_of_pairs_are_numbers(tmp_path: Path) -> None:
    rows = [f"left {n}\tright {n}\t{'yes' if n % 2 else 'no'}" for n in range(20)]
    found = read_data(write(tmp_path / "x.tsv", "\n".join(rows) + "\n"), Reading())
    assert isinstance(found, PairSet)
    assert np.array_equal(found.grades, np.arange(20) % 2)
    assert not found.graded
