"""A process that uses as much of a processor as a client did, and does nothing with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PROGRAM = """
import sys, time
share, slice = float(sys.argv[1]), 0.002
print("burning", flush=True)
begin = time.perf_counter()
while True:
    if time.process_time() < share * (time.perf_counter() - begin):
        until = time.process_time() + share * slice
        while time.process_time() < until:
            pass
    time.sleep(slice * (1 - share))
"""


@contextmanager
def burning(share: float) -> Iterator[None]:
    """Use that share of one core, in slices of about 2 ms, while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", _PROGRAM, str(min(max(share, 0.001), 0.95))],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
