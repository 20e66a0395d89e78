"""What an interrupted embedding has done so far: raw vectors, and a journal that never claims more."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from samesay.errors import OutputFileError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMAT = 1


@dataclass(frozen=True)
class PartialFiles:
    """The files beside a target while it is being made.

    Args:
        target: The file to be made.
    """

    target: Path

    @property
    def vectors(self) -> Path:
        """The finished rows, raw little-endian float32."""
        return self._beside(".partial")

    @property
    def journal(self) -> Path:
        """How many rows are finished, and of what."""
        return self._beside(".partial.json")

    @property
    def lock(self) -> Path:
        """Held by the process that is writing."""
        return self._beside(".partial.lock")

    @property
    def standard_input(self) -> Path:
        """The texts that came through standard input."""
        return self._beside(".partial.txt")

    @property
    def whole(self) -> Path:
        """The target, before it gets its name."""
        return self._beside(".partial.whole")

    def remove(self) -> None:
        """Delete what a finished target needs no more."""
        for path in (self.journal, self.vectors):
            path.unlink(missing_ok=True)

    def _beside(self, suffix: str) -> Path:
        return self.target.with_name(self.target.name + suffix)


@dataclass(frozen=True)
class Recipe:
    """What the vectors depend on besides the texts.

    Args:
        samesay: The version of samesay.
        model: The fingerprint of the model's identity.
        prompt: ``query``, ``document`` or None.
        task: The task, in its own words, or None.
        width: Numbers per vector.
    """

    samesay: str
    model: str
    prompt: str | None
    task: str | None
    width: int

    def difference(self, other: Recipe) -> str | None:
        """Say what differs from ``other``, the older one, or None."""
        words = {"samesay": "version of samesay", "width": "number of dimensions"}
        for field in fields(self):
            if getattr(self, field.name) != getattr(other, field.name):
                return f"the {words.get(field.name, field.name)} has changed"
        return None


@dataclass(frozen=True)
class Journal:
    """How far an embedding has come.

    Args:
        recipe: What the vectors were made by.
        rows: How many of them are safe in the file.
        texts_sha256: Over the texts of these rows; the rows hold as long as these texts come first.
        cut_texts: How many of these texts were cut to the model's limit.
    """

    recipe: Recipe
    rows: int
    texts_sha256: str
    cut_texts: int


class TextDigest:
    """A SHA-256 over texts in their order, each with its length."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, texts: Iterable[str]) -> None:
        """Add texts to it."""
        for text in texts:
            encoded = text.encode("utf-8")
            self._sha256.update(len(encoded).to_bytes(8, "little"))
            self._sha256.update(encoded)

    def copy(self) -> TextDigest:
        """Give another that goes on from here."""
        other = TextDigest()
        other._sha256 = self._sha256.copy()
        return other

    def __str__(self) -> str:
        return self._sha256.hexdigest()


class PartialVectors:
    """The vectors finished so far, open for more.

    Whatever happens at whatever moment, the journal on disk is right: it is replaced only after the rows
    that it counts have reached the disk.

    Args:
        files: Where the partial files are.
        start: What is there and stays; what the file has beyond it is dropped.
        digest: The digest of the texts of these rows.
    """

    def __init__(self, files: PartialFiles, start: Journal, digest: TextDigest) -> None:
        self._files = files
        # One object, replaced in one step: an interrupt finds the old state or the new, never half of one.
        self._state = (start, digest)
        if start.rows == 0:
            files.journal.unlink(missing_ok=True)
        self._file = files.vectors.open("r+b" if start.rows else "wb")
        self._file.truncate(4 * start.rows * start.recipe.width)
        self._file.seek(0, os.SEEK_END)

    @property
    def journal(self) -> Journal:
        """How far it has come, rows not yet safe on disk included."""
        return self._state[0]

    def append(self, texts: Iterable[str], vectors: NDArray[np.float32], cut_texts: int) -> None:
        """Add the vectors of further texts."""
        journal, digest = self._state
        digest = digest.copy()
        digest.add(texts)
        self._file.write(vectors.astype("<f4", copy=False).tobytes())
        rows = journal.rows + len(vectors)
        journal = Journal(journal.recipe, rows, str(digest), journal.cut_texts + cut_texts)
        self._state = (journal, digest)

    def save(self) -> None:
        """Bring the rows to disk, then the journal that counts them."""
        journal, _ = self._state
        self._file.flush()
        os.fsync(self._file.fileno())
        write_journal(self._files.journal, journal)

    def __enter__(self) -> PartialVectors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.journal.rows:
                self.save()  # after an error too: what is done is kept
        finally:
            self._file.close()


def write_journal(path: Path, journal: Journal) -> None:
    """Replace the journal at once by another."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump({"format": _FORMAT, **asdict(journal)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read_journal(path: Path) -> Journal | None:
    """Read a journal; None where there is none.

    Raises:
        OutputFileError: the file is no journal of this format.
    """
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError
        return Journal(
            Recipe(**content["recipe"]),
            int(content["rows"]),
            str(content["texts_sha256"]),
            int(content["cut_texts"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        raise OutputFileError(f"{path} is not a journal of an interrupted run") from None
