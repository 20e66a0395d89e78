"""Starting the S3 server, and addresses of collections on it."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

SERVER = Path(__file__).with_name("s3_server.py")


@dataclass(frozen=True)
class S3Server:
    """A server with one bucket.

    Args:
        url: Where it answers.
    """

    url: str
    counter: Iterator[int] = field(default_factory=itertools.count)

    def address(self) -> str:
        """Give the address of a collection that is not there yet."""
        return f"s3://bucket/kb-{next(self.counter)}"

    def environment(self) -> dict[str, str]:
        """Give the variables that lead to it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }


@contextmanager
def s3_process() -> Iterator[S3Server]:
    """Run a server."""
    process = subprocess.Popen([sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        server = S3Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        assert httpx.put(f"{server.url}/bucket").status_code == 200
        yield server
    finally:
        process.kill()
        process.communicate()
