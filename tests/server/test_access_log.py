"""The access log, as the real command prints it."""

from __future__ import annotations

import io
import json
import signal
import socket
import threading
from pathlib import Path

import pytest
from serving import FIXTURES, QWEN, server_process, until

from samesay.server.access_log import AccessLog

MODEL = ("--model", str(FIXTURES / QWEN), "--precision", "fp32", "--threads", "1")
SECRET = "the secret words of a user"


@pytest.mark.parametrize(
    ("arguments", "logged", "with_texts"),
    [((), False, False), (("--access-log",), True, False), (("--log-texts",), True, True)],
)
def test_texts_are_logged_only_when_asked_for(
    tmp_path: Path, arguments: tuple[str, ...], logged: bool, with_texts: bool
) -> None:
    with server_process(tmp_path, *MODEL, *arguments) as running:
        with running.client() as client:
            told = client.post("/v1/embeddings", json={"model": QWEN, "input": [SECRET]})
            client.post("/v1/embeddings", content=b'{"input":"' + SECRET.encode(), headers={"a": SECRET})
            tokens = client.post("/v1/tokenize", json={"model": QWEN, "input": SECRET})
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(b"HELLO\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
        running.signal(signal.SIGTERM)
        code, said = running.ended()
        assert running.process.stdout is not None
        printed = running.process.stdout.read()
    assert code == 0
    assert SECRET not in said
    assert (SECRET in printed) == with_texts
    lines = [json.loads(line) for line in printed.splitlines()]
    assert bool(lines) == logged
    if logged:
        line = next(line for line in lines if line["request_id"] == told.headers["x-request-id"])
        assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/embeddings", 200)
        assert (line["model"], line["inputs"]) == (QWEN, 1)
        assert line["tokens"] == told.json()["usage"]["prompt_tokens"]
        assert line.get("texts") == ([SECRET] if with_texts else None)
        other = next(line for line in lines if line["request_id"] == tokens.headers["x-request-id"])
        assert (other["path"], other["model"], other["inputs"]) == ("/v1/tokenize", QWEN, 1)
        assert other["tokens"] == tokens.json()["data"][0]["count"]
        assert other.get("texts") == ([SECRET] if with_texts else None)
        early = next(line for line in lines if line["status"] == 400 and line["path"] == "")
        assert (early["method"], early["client"]) == (None, "127.0.0.1")


class Stuck(io.StringIO):
    """A reader that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def write(self, text: str) -> int:
        assert self.free.wait(60)
        return super().write(text)


def test_reader_that_takes_nothing_delays_nobody_and_is_told_what_it_missed() -> None:
    stream = Stuck()
    log = AccessLog(stream)
    for number in range(20_000):
        log.write({"number": number})
    stream.free.set()
    until(lambda: stream.getvalue().count("\n") >= 10_000)
    log.write({"number": "last"})
    log.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[-1]["number"] == "last"
    assert len(lines) - 1 + lines[-1]["lines_dropped_before"] == 20_000
