"""One file over HTTP: resumed where it stopped, checked against its hash, there whole or not at all.

One small downloader serves both hubs: ``huggingface_hub`` does not check the hashes of what it fetches
over plain HTTP, and knows no ModelScope.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx

from samesay.errors import PullError

if TYPE_CHECKING:
    from samesay.checkpoint.hub import RemoteFile

_READ_SIZE = 1 << 20
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class Progress(Protocol):
    """Who is told how far a pull is."""

    def expect(self, size: int, there: int) -> None:
        """Of ``size`` bytes in all, ``there`` bytes are on this machine."""

    def arrive(self, size: int) -> None:
        """So many more bytes are here; a negative number when bytes had to be thrown away."""

    def note(self, text: str) -> None:
        """Something happened that explains a pause."""


class Silent:
    """A progress that nobody watches."""

    def expect(self, size: int, there: int) -> None:
        """Say nothing."""

    def arrive(self, size: int) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Patience:
    """How long to go on asking a server that does not answer well.

    Attributes:
        tries: Requests in a row that bring nothing new before giving up.
        first_wait: Seconds after the first such request; doubled after each further one.
        longest_wait: Seconds at most, unless the server names a time.
        longest_told_wait: The longest time named by the server, in seconds, that is waited for.
        sleep: Waits.
        chance: Gives a number from 0 to 1; it spreads waits, so that many clients do not return at once.
    """

    tries: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_told_wait: float = 600.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


class RefusedError(PullError):
    """A server's final no to one request.

    Args:
        what: What was asked for.
        response: The answer.
    """

    def __init__(self, what: str, response: httpx.Response) -> None:
        self.status = response.status_code
        self.code = response.headers.get("X-Error-Code", "")
        super().__init__(f"{response.url.host} answers {self.status} {response.reason_phrase} for {what}")


class Attempts:
    """Counts the requests in a row that brought nothing new, and waits between them."""

    def __init__(self, what: str, patience: Patience, progress: Progress) -> None:
        self._what = what
        self._patience = patience
        self._progress = progress
        self._failed = 0

    def wait(self, reason: str, told: float | None, *, brought: bool = False) -> None:
        """Wait before the next request: the seconds that the server ``told``, or ever longer.

        Args:
            reason: Why the last request was not enough.
            told: Seconds, where the server named a time.
            brought: Whether it brought something new, so that counting starts afresh.

        Raises:
            PullError: When there should be no next request.
        """
        self._failed = 0 if brought else self._failed + 1
        patience = self._patience
        if self._failed >= patience.tries:
            raise PullError(
                f"{self._what}: {reason}; gave up after {self._failed} tries without anything new. "
                "Check the network or its proxy and pull again: it goes on from where it stopped"
            )
        if told is None:
            wait = min(patience.longest_wait, patience.first_wait * 2 ** max(0, self._failed - 1))
            wait *= 0.5 + patience.chance() / 2
        elif told <= patience.longest_told_wait:
            wait = told
        else:
            raise PullError(f"{self._what}: {reason}; it says to come back in {told:.0f} s. Pull again then")
        self._progress.note(f"{self._what}: {reason}; trying again in {wait:.1f} s")
        patience.sleep(wait)


def is_passing(status: int) -> bool:
    """Whether a refusal with this HTTP status may be gone a little later."""
    return status in (408, 429) or status >= 500


def told_wait(response: httpx.Response) -> float | None:
    """Seconds to wait by ``Retry-After`` (a number or a date), or by Hugging Face's ``RateLimit``."""
    told = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+", told):
        return float(told)
    try:
        when = parsedate_to_datetime(told)
    except ValueError:
        # As in the IETF draft: "api";r=0;t=55 says that nothing remains for the next 55 seconds.
        reset = re.search(r"\br=0\b.*\bt=(\d+)", response.headers.get("RateLimit", ""))
        return float(reset[1]) if reset and response.status_code == 429 else None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())


def describe(error: httpx.RequestError) -> str:
    """What went wrong with a connection, in words."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.RemoteProtocolError):
        return "the connection was dropped"
    return f"the connection failed ({error or type(error).__name__})"


def safe_path(path: str) -> str:
    """Give a path of a listing back when it stays inside the folder it is put in.

    Raises:
        PullError: For an absolute path, one with ``..``, or one that means something else on some system.
    """
    if any(sign in path for sign in "\\:\0") or any(part in ("", ".", "..") for part in path.split("/")):
        raise PullError(
            f"the hub lists a file {path!r}, which could lie outside of the model's folder. Nothing was "
            "fetched; do not trust this repository"
        )
    return path


def download(
    client: httpx.Client,
    file: RemoteFile,
    target: Path,
    *,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> str:
    """Fetch a file to ``target`` and give its sha256; a right file that is there already is not asked for.

    What arrives is written to ``<target>.partial``, flushed, compared with the listed size and hash,
    and renamed. An interrupted download leaves the partial file, and the next one goes on from its end.

    Raises:
        RefusedError: When the server refuses for good.
        PullError: When wrong bytes come twice, when nothing comes for too long, or when the disk is
            full or cannot be written.
    """
    progress = progress or Silent()
    partial_path = target.with_name(target.name + ".partial")
    wrong: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.replace(partial_path)
        for last_try in (False, True):
            partial = _Partial(partial_path, file, progress)
            try:
                wrong = _complete(client, file, partial, patience or Patience(), progress)
            finally:
                partial.close()
            if wrong is None:
                partial_path.replace(target)
                return partial.sha256()
            partial_path.unlink()
            progress.arrive(-partial.size)
            if not last_try:
                progress.note(f"{file.path}: {wrong}; fetching it once more from the start")
    except OSError as error:
        raise PullError(_disk_problem(error, partial_path, file.size)) from error
    raise PullError(
        f"{file.path} is still wrong after it was fetched again from the start: {wrong}. Nothing of it was "
        f"kept. Something between here and {httpx.URL(file.url).host} alters it, or the hub is damaged: "
        "try another network, or the other hub with --from"
    )


class _WrongBytesError(Exception):
    """What arrives cannot be the listed file."""


class _Partial:
    """The beginning of a file on disk, with its hashes so far."""

    def __init__(self, path: Path, file: RemoteFile, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._reset()
        if path.is_file():
            with path.open("rb") as present:
                while self.size <= file.size and (block := present.read(_READ_SIZE)):
                    self._count(block)
            if self.size > file.size:
                path.unlink()
                self._reset()
        self._stream = path.open("ab", buffering=0)

    def close(self) -> None:
        self._stream.close()

    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def append(self, block: bytes) -> None:
        if self.size + len(block) > self._file.size:
            raise _WrongBytesError(f"more bytes came than the {self._file.size} that the hub lists")
        rest = memoryview(block)
        while rest:
            rest = rest[self._stream.write(rest) :]
        self._count(block)
        self._progress.arrive(len(block))

    def restart(self) -> None:
        """Throw away what is there."""
        self._stream.truncate(0)
        self._progress.arrive(-self.size)
        self._reset()

    def difference(self) -> str | None:
        """Force the bytes to disk and compare their hash with the listing; the difference in words."""
        os.fsync(self._stream.fileno())
        if self._file.sha256 is not None:
            kind, listed, found = "sha256", self._file.sha256, self._sha256.hexdigest()
        else:
            kind, listed, found = "git sha1", self._file.git_sha1 or "nothing", self._git_sha1.hexdigest()
        return None if found == listed else f"its {kind} is {found}, the hub lists {listed}"

    def _count(self, block: bytes) -> None:
        self.size += len(block)
        self._sha256.update(block)
        if self._file.sha256 is None:
            self._git_sha1.update(block)

    def _reset(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._git_sha1 = hashlib.sha1(b"blob %d\0" % self._file.size, usedforsecurity=False)


def _complete(
    client: httpx.Client, file: RemoteFile, partial: _Partial, patience: Patience, progress: Progress
) -> str | None:
    """Fetch the rest of a partial file; what is wrong with the result, if anything."""
    attempts = Attempts(file.path, patience, progress)
    farthest = partial.size
    try:
        while partial.size < file.size:
            told = None
            headers = {"Range": f"bytes={partial.size}-"} if partial.size else {}
            try:
                with client.stream("GET", file.url, headers=headers) as response:
                    told = told_wait(response) if is_passing(response.status_code) else None
                    problem = _receive(response, file, partial)
            except httpx.RequestError as error:
                problem = describe(error)
            if partial.size < file.size:
                problem = f"{problem} at byte {partial.size:,} of {file.size:,}"
                attempts.wait(problem, told, brought=partial.size > farthest)
            farthest = max(farthest, partial.size)
        return partial.difference()
    except _WrongBytesError as wrong:
        return str(wrong)


def _receive(response: httpx.Response, file: RemoteFile, partial: _Partial) -> str:
    """Append what one answer brings; why it may have brought less than the rest."""
    status = response.status_code
    if is_passing(status):
        return f"{response.url.host} answers {status} {response.reason_phrase}"
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    if status == 416 or (status == 206 and encoded):
        partial.restart()
        return "the server cannot go on from where it stopped"
    if status == 206:
        given = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if given is None or int(given[1]) != partial.size:
            partial.restart()
            return "the server goes on from another place than asked for"
        size = given[2]
    elif status == 200:
        if partial.size:
            partial.restart()
        size = "*" if encoded else response.headers.get("Content-Length", "*")
    else:
        raise RefusedError(file.path, response)
    if size not in ("*", str(file.size)):
        raise _WrongBytesError(f"the server has {size} bytes of it, the hub lists {file.size}")
    for block in response.iter_bytes():
        partial.append(block)
    return "the answer ended early"


def _disk_problem(error: OSError, path: Path, size: int) -> str:
    if error.errno not in _FULL_DISK:
        return f"cannot write {path}: {error.strerror or error}"
    free = shutil.disk_usage(path.parent).free
    return (
        f"the disk is full: {path.name} needs {size:,} bytes and {path.parent} has {free:,} left. Make room, "
        "or set SAMESAY_CACHE to a folder on another disk, and pull again"
    )
