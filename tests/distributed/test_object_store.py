"""Beyond one machine from end to end: texts, vectors and the collection all lie in an object store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpora import MODEL, Watched, content, run, sentences, write_jsonl

import samesay
from samesay.errors import InputFileError
from samesay.model import load

sys.path.insert(0, str(Path(__file__).parents[1] / "collection" / "shared"))

from s3_process import S3Server, s3_process


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    pytest.importorskip("moto", reason="moto is not installed")
    pytest.importorskip("obstore", reason="obstore is not installed")
    with s3_process() as started:
        yield started


def test_texts_vectors_and_collection_lie_in_a_bucket(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "cache"))
    model = load(MODEL, precision="fp32", threads=1)
    texts = sentences(60)
    for number in range(3):
        write_jsonl(tmp_path / "corpus" / f"{number}.jsonl", texts[20 * number : 20 * (number + 1)], ids=True)
    put(tmp_path / "corpus", "bucket/corpus")

    def interrupt(parts: int) -> None:
        if parts == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("s3://bucket/corpus", "s3://bucket/vectors", Watched(model, interrupt), part_rows=10)
    again = run("s3://bucket/corpus", "s3://bucket/vectors", model, part_rows=10)
    assert (again.texts, again.parts) == (60, 6)
    assert 0 < again.embedded < 60
    run(tmp_path / "corpus", tmp_path / "vectors", model, part_rows=10)
    assert fetched("bucket/vectors") == content(tmp_path / "vectors")

    # From there into a collection: nothing is embedded again.
    with samesay.open("s3://bucket/kb", model) as kb:
        with pytest.raises(InputFileError, match="no file or folder s3://bucket/gone"):
            kb.fill(["s3://bucket/gone"])
        # The files number their texts from 0, so that the last of three stays.
        assert kb.fill(["s3://bucket/vectors"]).segments >= 20
    with samesay.open(None, model) as here:
        here.fill([tmp_path / "vectors"])
        expected = [(hit.document_id, hit.score) for hit in here.search(texts[47], 5)]
    with samesay.open("s3://bucket/kb", model) as kb:
        assert len(kb) == 20
        assert [(hit.document_id, hit.score) for hit in kb.search(texts[47], 5)] == expected


def put(folder: Path, target: str) -> None:
    from pyarrow import fs

    system, _ = fs.FileSystem.from_uri("s3://bucket")
    for path in folder.iterdir():
        with system.open_output_stream(f"{target}/{path.name}") as stream:
            stream.write(path.read_bytes())


def fetched(folder: str) -> dict[str, bytes]:
    from pyarrow import fs

    system, _ = fs.FileSystem.from_uri("s3://bucket")
    found = system.get_file_info(fs.FileSelector(folder, recursive=True))
    return {
        one.path.removeprefix(f"{folder}/"): system.open_input_stream(one.path).readall()
        for one in found
        if one.type == fs.FileType.File
    }
