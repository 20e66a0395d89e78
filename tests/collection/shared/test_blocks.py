"""Files in blocks: what comes back is what was stored, and only what is new is sent."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from s3_process import S3Server

from samesay.collection.shared.address import shared_address
from samesay.collection.shared.blocks import BLOCK, FOLDER, assemble, state_of, upload
from samesay.collection.shared.objects import Objects
from samesay.errors import DamagedCollectionError


def objects_of(s3: S3Server) -> Objects:
    address = shared_address(s3.address())
    assert address is not None
    return Objects(address)


def test_a_changed_file_comes_back_whatever_was_there_before(s3: S3Server, tmp_path: Path) -> None:
    objects, chance = objects_of(s3), random.Random(1)
    path, target = tmp_path / "file", tmp_path / "target"
    known: set[str] = set()
    # Blocks that are equal, a short last block, and sizes that grow and shrink.
    for size in (3 * BLOCK + 5, 6 * BLOCK, BLOCK // 2, 0, 2 * BLOCK + 1):
        content = bytearray(size)
        for _ in range(2):
            if size:
                content[chance.randrange(size)] = chance.randrange(1, 256)
        path.write_bytes(content)
        state = state_of(path)
        upload(objects, path, state, known)
        assert {one.name for one in objects.listed(FOLDER)} >= {f"{FOLDER}/{name}" for name in state.names}
        known |= set(state.names)
        assemble(objects, state, target, [])
        assert target.read_bytes() == bytes(content)
        fresh = tmp_path / f"fresh-{size}"
        assemble(objects, state, fresh, [target])
        assert fresh.read_bytes() == bytes(content)


def test_a_damaged_or_missing_block_is_told(s3: S3Server, tmp_path: Path) -> None:
    objects = objects_of(s3)
    path = tmp_path / "file"
    path.write_bytes(random.Random(2).randbytes(2 * BLOCK))
    state = state_of(path)
    upload(objects, path, state, ())
    objects.write(f"{FOLDER}/{state.names[1]}", b"other")
    with pytest.raises(DamagedCollectionError, match="block of the catalogue is damaged"):
        assemble(objects, state, tmp_path / "target", [])
    objects.remove([f"{FOLDER}/{state.names[1]}"])
    with pytest.raises(DamagedCollectionError, match="block of the catalogue is missing"):
        assemble(objects, state, tmp_path / "target", [])


def test_an_object_is_created_once(s3: S3Server) -> None:
    objects = objects_of(s3)
    assert objects.create("one", b"first")
    assert not objects.create("one", b"second")
    assert objects.create("one", b"first")  # as when the answer to the first request was lost
    assert objects.read("one") == b"first"
    assert objects.read("none") is None
    objects.remove(["one", "none"])
    assert objects.read("one") is None
