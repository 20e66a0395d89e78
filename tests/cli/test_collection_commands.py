"""``samesay index``, ``search`` and ``collection``, run as people run them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from command_line import FIXTURES, MODEL, Ended, changed_command, environment, in_terminal, of, samesay

from patience import PATIENCE
from samesay import open as opened
from samesay.decision.calibration import Calibration
from samesay.decision.key import key_of
from samesay.decision.labels import label_scores
from samesay.model import load

pytestmark = pytest.mark.timeout(600)
THREADS = ("--threads", "1")

# The command, with commits of 100 rows: a fast machine has all rows in one of the usual size.
SMALL_COMMITS = changed_command("from samesay.collection import writing\nwriting._COMMIT_ROWS = 100")


def write_documents(folder: Path) -> None:
    docs = folder / "docs"
    (docs / "deep" / ".hidden").mkdir(parents=True)
    (docs / "pods.md").write_text(
        "---\ntitle: All about pods\n---\n\nIntro.\n\n## Restart\n\nDelete the pod to restart it.\n", "utf-8"
    )
    (docs / "deep" / "zh.txt").write_text("重启容器的方法：删除 Pod。\r\n", "utf-8", newline="")
    (docs / "deep" / "code.py").write_text("def restart(pod):\n    return pod.delete()\n", "utf-8")
    (docs / "table.csv").write_text(
        'id,text,title,year\nfaq-1,"Quota, explained",Quota,2020\n,No id,,2021\n', "utf-8"
    )
    (docs / "rows.jsonl").write_text(
        '{"id": "j1", "text": "json row", "language": "en", "tags": ["a"], "year": 2022, '
        '"nested": {"x": 1}}\n',
        "utf-8",
    )
    (docs / "deep" / ".hidden" / "secret.md").write_text("hidden", "utf-8")
    (docs / "picture.bin").write_bytes(b"\x89PNG\0\0")
    (docs / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    (docs / "empty.md").write_text(" \n", "utf-8")
    (docs / "deep" / "loop").symlink_to(docs)
    (docs / "gone").symlink_to(docs / "nowhere")


def index(folder: Path, *arguments: str) -> Ended:
    return samesay(folder, "index", *arguments, "--collection", "kb")


@pytest.fixture
def indexed(tmp_path: Path) -> Path:
    write_documents(tmp_path)
    ended = index(tmp_path, "docs", *MODEL)
    assert ended.code == 0, ended.err
    return tmp_path


def search(folder: Path, *arguments: str) -> list[dict[str, object]]:
    ended = samesay(folder, "search", "kb", *arguments, "--json", *THREADS)
    assert ended.code == 0, ended.err
    hits: list[dict[str, object]] = json.loads(ended.out)
    return hits


def test_a_folder_is_indexed_and_searched(tmp_path: Path) -> None:
    write_documents(tmp_path)
    ended = index(tmp_path, "docs", *MODEL)
    assert ended.code == 0
    assert ended.out == ""
    assert ended.err.splitlines() == [
        "samesay: skipped: docs/deep/loop is there already under another name",
        "samesay: skipped: docs/gone is a link that leads nowhere",
        "samesay: skipped: docs/empty.md is empty",
        "samesay: skipped: docs/latin.txt is not UTF-8: byte 4 is 0xE9",
        "samesay: skipped: docs/picture.bin is not text",
        "samesay: kb: 6 documents (6 added)",
    ]
    (hit, *_) = search(tmp_path, "intro restart", "--mode", "text")
    source = (tmp_path / "docs" / "pods.md").read_text("utf-8")
    assert hit["document_id"] == "docs/pods.md"
    assert hit["title"] == "All about pods"
    assert hit["passage"] == source[int(str(hit["begin"])) : int(str(hit["end"]))]
    assert [one["document_id"] for one in search(tmp_path, "容器", "--mode", "text")] == ["docs/deep/zh.txt"]
    assert {one["document_id"] for one in search(tmp_path, "x", "--top", "9")} == {
        *("docs/pods.md", "docs/deep/zh.txt", "docs/deep/code.py", "faq-1", "docs/table.csv:3", "j1")
    }
    assert [one["document_id"] for one in search(tmp_path, "x", "--where", '{"year": {"gte": 2022}}')] == [
        "j1"
    ]
    assert [one["document_id"] for one in search(tmp_path, "x", "--where", '{"tags": "a"}')] == ["j1"]
    assert [one["document_id"] for one in search(tmp_path, "x", "--where", '{"year": "2020"}')] == ["faq-1"]


def test_what_is_unchanged_is_left_alone_and_what_is_gone_is_pruned(indexed: Path) -> None:
    (indexed / "docs" / "pods.md").write_text("changed", "utf-8")
    (indexed / "docs" / "deep" / "code.py").unlink()
    (indexed / "notes").mkdir()
    (indexed / "notes" / "n.txt").write_text("note", "utf-8")
    assert index(indexed, "notes").err.splitlines()[-1] == "samesay: kb: 7 documents (1 added)"
    ended = index(indexed, "./docs/", "--prune")
    assert ended.err.splitlines()[-1] == "samesay: kb: 6 documents (1 changed, 4 unchanged, 1 removed)"
    assert {one["document_id"] for one in search(indexed, "x", "--top", "9")} >= {"notes/n.txt"}
    report = json.loads(index(indexed, "docs", "--json").out)
    assert (report["unchanged"], report["documents"], len(report["skipped"])) == (5, 6, 5)


def test_a_row_that_is_none_fails_and_its_documents_are_not_pruned(indexed: Path) -> None:
    (indexed / "docs" / "rows.jsonl").write_text('{"id": "j0", "text": "new"}\nbroken\n', "utf-8")
    (indexed / "docs" / "more.csv").write_text("id,body\n1,x\n", "utf-8")
    ended = index(indexed, "docs", "--prune")
    assert ended.code == 1
    assert "skipped: docs/rows.jsonl, line 2, column 1: not valid JSON (Expecting value)" in ended.err
    assert "skipped: docs/more.csv, line 2: no column 'text'; it has 'id', 'body'" in ended.err
    assert "removed" not in ended.err.splitlines()[-1]


def _write_rows(folder: Path, *rows: object) -> None:
    lines = [json.dumps(row) for row in rows]
    (folder / "faq.jsonl").write_text("\n".join(lines), "utf-8")


def _ids(folder: Path) -> set[str]:
    with opened(folder / "kb", create=False) as kb:
        return {one.id for one in kb.documents()}


def test_pruning_goes_by_the_file_that_a_document_comes_from(indexed: Path) -> None:
    (indexed / "docs" / "pods.md").unlink()
    with opened(indexed / "kb") as kb:
        kb.add([{"id": one, "text": one} for one in ("ticket-17", "https://x.org/y", "docs/by-hand")])
    _write_rows(indexed, {"id": "q1", "text": "one"}, {"id": "q2", "text": "two"}, {"text": "three"})
    assert index(indexed, "faq.jsonl", "--prune").code == 0
    assert {"q1", "q2", "faq.jsonl:3", "docs/pods.md"} <= _ids(indexed)
    _write_rows(indexed, {"id": "q2", "text": "two"})
    ended = index(indexed, "faq.jsonl", "--prune")
    assert ended.err.splitlines()[-1] == "samesay: kb: 10 documents (1 unchanged, 2 removed)"
    report = json.loads(index(indexed, ".", "--prune", "--json").out)
    assert (report["unchanged"], report["pruned"]) == (6, 1)
    assert _ids(indexed) >= {"ticket-17", "https://x.org/y", "docs/by-hand", "q2", "j1"}


def test_nothing_of_a_table_with_a_bad_row_is_pruned(indexed: Path) -> None:
    good = [{"id": f"q{number}", "text": f"row {number}"} for number in range(20)]
    _write_rows(indexed, *good)
    index(indexed, "faq.jsonl")
    _write_rows(indexed, *good[10:14], *({"id": f"q{number}"} for number in range(14, 20)), good[9], [1])
    for path in ("faq.jsonl", "."):
        ended = index(indexed, path, "--prune")
        assert ended.code == 1
        told = [line for line in ended.err.splitlines() if "faq.jsonl" in line]
        assert told[0] == "samesay: skipped: faq.jsonl, line 5: no column 'text'; it has 'id'"
        assert told[-1] == "samesay: skipped: faq.jsonl has 2 more rows that are no document"
        assert len(told) == 6
        assert _ids(indexed) >= {one["id"] for one in good}


def test_a_collection_of_before_files_were_kept_learns_them_from_what_is_there(indexed: Path) -> None:
    (catalogue,) = (indexed / "kb").glob("build-*/catalogue.sqlite")
    with closing(sqlite3.connect(catalogue)) as database:
        database.execute("DROP TABLE files")
        database.commit()
    (indexed / "docs" / "pods.md").unlink()
    assert len(search(indexed, "x", "--top", "9")) == 6
    report = json.loads(index(indexed, "docs", "--prune", "--json").out)
    assert (report["unchanged"], report["pruned"], report["added"]) == (5, 0, 0)
    (indexed / "docs" / "rows.jsonl").unlink()
    report = json.loads(index(indexed, "docs", "--prune", "--json").out)
    assert (report["unchanged"], report["pruned"]) == (4, 1)
    assert "j1" not in _ids(indexed)


def test_large_files_are_skipped_with_the_limit(indexed: Path) -> None:
    with (indexed / "docs" / "huge.txt").open("wb") as file:
        file.truncate(200 * 2**20)
    ended = index(indexed, "docs")
    assert ended.code == 0
    assert "skipped: docs/huge.txt has 209,715,200 bytes; the limit is 67,108,864 (--max-bytes)" in ended.err


def test_hits_are_a_table_for_machines_and_text_for_people(indexed: Path) -> None:
    ended = samesay(indexed, "search", "kb", "quota explained", "--mode", "text", *THREADS)
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert rows[0] == ["score", "document_id", "begin", "end", "title", "passage"]
    assert rows[1][1:] == ["faq-1", "0", "16", "Quota", "Quota, explained"]
    shown = in_terminal(indexed, "search", "kb", "quota explained", "--mode", "text", *THREADS)
    assert [line.strip() for line in shown.out.splitlines()] == [
        f"{rows[1][0]}  faq-1",
        "Quota",
        "Quota, explained",
    ]
    nothing = samesay(indexed, "search", "kb", "zzzz", "--mode", "text", *THREADS)
    assert (nothing.code, nothing.err) == (0, "samesay: nothing found\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["search", "none", "x"],
            "there is no collection none; make one: samesay index PATH --collection none",
        ),
        (["search", "docs", "x"], "docs is no collection: it has no manifest.json"),
        (["search", "kb", " "], "the query is empty"),
        (["search", "kb", "x", "--where", "year=1"], "--where is not JSON"),
        (["search", "kb", "x", "--where", '{"a": {"near": 1}}'], "'near' is not one of eq, ne"),
        (["index", "nowhere", "-c", "kb"], "there is no file or folder nowhere"),
        (["index", "docs", "-c", "docs", *MODEL], "docs is no collection and has other files"),
        (["index", "docs", "-c", "kb", "--storage", "int8"], "kb has storage 'f32', not 'int8'"),
        (["index", "docs", "-c", "kb", *of("bert-cls")], "kb was made with bert-mean, fp32"),
        (["collection", "info", "none"], "there is no collection none"),
        (["collection", "remove", "kb", "nothing"], "there is no document 'nothing'"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(indexed: Path, arguments: list[str], told: str) -> None:
    ended = samesay(indexed, *arguments)
    assert ended.code == 1
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_upkeep_commands(indexed: Path) -> None:
    info = json.loads(samesay(indexed, "collection", "info", "kb", "--json").out)
    assert (info["documents"], info["model"], info["storage"]) == (6, "bert-mean", "f32")
    assert set(info["fields"]) == {"id", "language", "nested", "tags", "title", "year"}
    removed = samesay(indexed, "collection", "remove", "kb", "faq-1", "docs/pods.md")
    assert (removed.code, removed.err) == (0, "samesay: kb: 2 removed, 4 documents left\n")
    assert samesay(indexed, "collection", "compact", "kb").code == 0
    checked = samesay(indexed, "collection", "check", "kb")
    assert checked.code == 0
    assert checked.err.startswith("samesay: kb: all is well; 4 documents, ")
    assert "recall@10 1.000" in checked.err
    upgraded = samesay(indexed, "collection", "upgrade", "kb", "--storage", "f16", *of("bert-cls"))
    assert upgraded.code == 0
    assert upgraded.err.startswith("samesay: kb: 4 documents, bert-cls, fp32")
    assert len(search(indexed, "x", "--top", "9")) == 4
    unknown = samesay(indexed, "collection", "upgrade", "kb", "--device", "abacus")
    assert (unknown.code, "device must be cpu, cuda" in unknown.err) == (1, True)
    assert samesay(indexed, "collection", "upgrade", "kb", "--device", "cpu", "--precision", "fp32").code == 0
    (indexed / "kb" / "manifest.json").write_text("{", "utf-8")
    assert "is damaged" in samesay(indexed, "search", "kb", "x").err
    repaired = samesay(indexed, "collection", "check", "kb", "--repair")
    assert repaired.code == 0
    assert len(search(indexed, "x", "--top", "9")) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="there is no Ctrl-C to send")
def test_an_interrupted_index_goes_on(tmp_path: Path) -> None:
    rows = [{"id": str(number), "text": f"row {number} " + "word " * 200} for number in range(1500)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    process = subprocess.Popen(
        [*SMALL_COMMITS, "index", "rows.jsonl", "-c", "kb", *MODEL],
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    deadline = time.monotonic() + 60 * PATIENCE
    # The second file of vectors is begun when the first commit is whole.
    while time.monotonic() < deadline and process.poll() is None:
        if len(list(tmp_path.glob("kb/build-*/vectors/documents.lance/data/*"))) > 1:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert (
        told.decode()
        == "samesay: interrupted: what was committed is kept; the same command goes on from there\n"
    )
    checked = samesay(tmp_path, "collection", "check", "kb", "--samples", "0")
    assert checked.code == 0, checked.err
    report = json.loads(index(tmp_path, "rows.jsonl", "--json").out)
    assert report["unchanged"] > 0
    assert report["added"] > 0
    assert report["documents"] == 1500


def test_names_that_are_no_unicode_and_paths_with_dots(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("up", "utf-8")
    os.close(os.open(os.fsencode(tmp_path / "a") + b"/caf\xe9.txt", os.O_CREAT | os.O_WRONLY))
    (tmp_path / os.fsdecode(b"a/caf\xe9.txt")).write_text("latin name", "utf-8")
    (tmp_path / "work").mkdir()
    ended = samesay(tmp_path / "work", "index", "../a", "../work/../a/x.txt", "-c", "../kb", *MODEL)
    assert ended.code == 0, ended.err
    assert {one["document_id"] for one in search(tmp_path, "x")} == {"../a/x.txt", "../a/caf\\xe9.txt"}


def test_the_model_is_not_needed_for_words_and_info(indexed: Path) -> None:
    manifest = json.loads((indexed / "kb" / "manifest.json").read_text("utf-8"))
    assert manifest["reference"] == str(FIXTURES / "bert-mean")
    manifest["reference"] = "no-such-model"
    (indexed / "kb" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert samesay(indexed, "collection", "info", "kb").code == 0
    assert samesay(indexed, "search", "kb", "quota", "--mode", "text").code == 0
    ended = samesay(indexed, "search", "kb", "quota")
    assert ended.code == 1
    assert "no-such-model" in ended.err


def test_hits_carry_bands_where_a_calibration_of_questions_and_answers_fits(indexed: Path) -> None:
    model = load(FIXTURES / "bert-mean", precision="fp32", threads=1)
    generator = np.random.default_rng(0)
    scores = np.concatenate([generator.normal(0.9, 0.05, 200), generator.normal(0.5, 0.1, 200)])
    labelled = label_scores(np.clip(scores, -1, 1), [True] * 200 + [False] * 200)
    made = Calibration.fit_scores(labelled, key_of(model, mode="query-document"))
    made.save(indexed / "kb.calibration.json")
    asked = ("quota explained", "--calibration", "kb.calibration.json", "--top", "9")
    for mode in ("semantic", "hybrid"):
        hits = search(indexed, *asked, "--mode", mode)
        with_cosine = [hit for hit in hits if "segment" in hit["components"]]  # type: ignore[operator]
        assert with_cosine
        for hit in with_cosine:
            (wanted,) = made.decide(hit["components"]["segment"], made.key)  # type: ignore[index]
            assert (hit["band"], hit["probability"]) == (wanted.band, wanted.probability)
    shown = samesay(indexed, "search", "kb", *asked, *THREADS)
    header, first, *_ = [line.split("\t") for line in shown.out.splitlines()]
    assert header[:3] == ["score", "band", "probability"]
    assert first[1] in ("high", "middle", "low")
    assert {hit["band"] for hit in search(indexed, "quota")} == {"uncalibrated"}
    assert {hit["band"] for hit in search(indexed, "quota", "--bands", "1,-1")} == {"middle"}
    Calibration.fit_scores(labelled, key_of(model)).save(indexed / "other.calibration.json")
    refused = samesay(indexed, "search", "kb", "quota", "--calibration", "other.calibration.json", *THREADS)
    assert (refused.code, refused.out) == (1, "")
    assert "mode symmetric" in refused.err
    assert "mode query-document" in refused.err
    words = samesay(indexed, "search", "kb", "quota", "--mode", "text", "--bands", "0.9,0.8", *THREADS)
    assert words.code == 2
