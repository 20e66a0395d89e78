"""Who writes: a claim in the bucket that ends by itself when its process does not renew it.

The claim tells a second writer early and clearly. What keeps two writers from harm is not the claim, whose
end is a matter of clocks, but that each version's number is taken by one of them only.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Thread

from samesay.collection.shared.address import SharedAddress
from samesay.collection.shared.objects import Objects, number_of, numbered
from samesay.decision.strict import decode
from samesay.errors import CollectionBusyError, CollectionError

_FOLDER = "writers"
LEASE_SECONDS = 60.0


@dataclass(frozen=True)
class Claim:
    """A writer's claim.

    Args:
        token: Random, so that no two claims are equal.
        machine: Where it runs.
        process: Its number there.
        until: When it ends unless it is renewed, in seconds since 1970; 0 where it was given up.
    """

    token: str
    machine: str
    process: int
    until: float


@contextmanager
def claimed(objects: Objects, address: SharedAddress) -> Iterator[None]:
    """Hold the claim while the block runs.

    Raises:
        CollectionBusyError: Another process holds it.
    """
    number, claim = _claim(objects, address)
    name = numbered(_FOLDER, number)
    ended = Event()

    def renew() -> None:
        while not ended.wait(LEASE_SECONDS / 4):
            # What cannot be renewed ends; the next commit tells whether another has written.
            with suppress(CollectionError):
                objects.write(name, _content(replace(claim, until=time.time() + LEASE_SECONDS)))

    thread = Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(CollectionError):
            objects.write(name, _content(replace(claim, until=0.0)))


def _claim(objects: Objects, address: SharedAddress) -> tuple[int, Claim]:
    names = [one.name for one in objects.listed(_FOLDER)]
    number = 0
    if names:
        number = number_of(names[0]) + 1
        holder = _read(objects, names[0])
        if holder is not None and not _has_ended(holder):
            raise CollectionBusyError(
                f"{address} is being written by process {holder.process} on "
                f"{holder.machine.partition(' ')[0]}; wait for it to end, or, should it be gone, "
                f"{max(1, round(holder.until - time.time()))} s"
            )
    claim = Claim(secrets.token_hex(8), _machine(), os.getpid(), time.time() + LEASE_SECONDS)
    if not objects.create(numbered(_FOLDER, number), _content(claim)):
        raise CollectionBusyError(f"another process has just begun to write {address}; wait for it to end")
    objects.remove(names)
    return number, claim


def _read(objects: Objects, name: str) -> Claim | None:
    try:
        claim: Claim = decode(Claim, json.loads(objects.read(name) or b"null"), "the claim")
    except ValueError:
        return None
    return claim


def _content(claim: Claim) -> bytes:
    return json.dumps(asdict(claim)).encode()


def _has_ended(claim: Claim) -> bool:
    if claim.until <= time.time():
        return True
    return claim.machine == _machine() and not _is_alive(claim.process)


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # there the question itself would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Say whether a process has ended and only its parent has not looked."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
    return False


def _machine() -> str:
    """Name the machine, and where containers share it, the one whose numbers of processes these are."""
    space = ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {space}".strip()
