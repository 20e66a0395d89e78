"""One S3 server for all tests of collections on shared storage."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Helpers that the tests of all stores share.
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from s3_process import S3Server, s3_process


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Run the server; tests skip where moto is not installed."""
    pytest.importorskip("moto", reason="moto is not installed")
    pytest.importorskip("obstore", reason="obstore is not installed")
    with s3_process() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3Server:
    """Give the server, with variables that lead to it and files of this machine in a folder of the test."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "cache"))
    return s3_server
