"""A file in blocks that are stored by their hash: a commit writes those that have changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TypeVar

from samesay.collection.shared.objects import Objects
from samesay.collection.shared.version import FileState
from samesay.errors import DamagedCollectionError

FOLDER = "blocks"
# A commit touches pages all over a catalogue; larger blocks would carry more that has not changed.
BLOCK = 2**18
_AT_ONCE = 8
_HASH_BYTES = 20
Item = TypeVar("Item")


def state_of(path: Path) -> FileState:
    """Hash a file, block by block."""
    return FileState(path.stat().st_size, BLOCK, tuple(name for name, _ in _blocks(path, BLOCK)))


def upload(objects: Objects, path: Path, state: FileState, known: Iterable[str]) -> None:
    """Store the blocks of a file, but those that are known to be there."""
    there = set(known)
    places = {name: place for place, name in enumerate(state.names) if name not in there}

    def store(item: tuple[str, int]) -> None:
        name, place = item
        with path.open("rb") as file:
            file.seek(place * state.block)
            content = file.read(state.block)
        if _name(content) != name:
            raise DamagedCollectionError(f"{path} was changed while it was stored; write again")
        objects.write(f"{FOLDER}/{name}", content)

    _all(store, places.items())


def assemble(objects: Objects, state: FileState, target: Path, near: Iterable[Path]) -> None:
    """Make a file what a state says; only blocks that neither it nor files nearby have are fetched.

    The file is flushed to the disk. An interrupt leaves it half made; the same call mends it.

    Raises:
        DamagedCollectionError: A block is missing or does not hold what it should.
    """
    target.touch()
    places: dict[str, list[int]] = {}
    for place, name in enumerate(state.names):
        places.setdefault(name, []).append(place)
    for place, (name, _) in enumerate(_blocks(target, state.block)):
        if place < len(state.names) and state.names[place] == name:
            places[name].remove(place)
    left = {name for name, wanted in places.items() if wanted}
    turn = Lock()
    with target.open("r+b") as file:
        file.truncate(state.size)

        def put(name: str, content: bytes) -> None:
            with turn:
                for place in places[name]:
                    file.seek(place * state.block)
                    file.write(content)

        for path in near:
            for name, content in _blocks(path, state.block) if left else ():
                if name in left:
                    put(name, content)
                    left.discard(name)

        def fetch(name: str) -> None:
            content = objects.read(f"{FOLDER}/{name}")
            if content is None or _name(content) != name:
                what = "missing" if content is None else "damaged"
                raise DamagedCollectionError(f"a block of the catalogue is {what}: {FOLDER}/{name}")
            put(name, content)

        _all(fetch, left)
        file.flush()
        os.fsync(file.fileno())


def _blocks(path: Path, size: int) -> Iterator[tuple[str, bytes]]:
    if path.is_file():
        with path.open("rb") as file:
            while content := file.read(size):
                yield _name(content), content


def _all(action: Callable[[Item], None], items: Iterable[Item]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(action, items):
            pass


def _name(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest()
