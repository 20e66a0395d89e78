"""By which names a server may be called."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import httpx
import pytest
from serving import FIXTURES, QWEN, Serving, plan_of, server_process, serving

from samesay.server.hosts import with_hosts
from samesay.server.settings import Access, ServerSettings

BODY = {"model": QWEN, "input": "a"}
# What the short way of small requests takes, and what it leaves.
KINDS = ("application/json", "application/json; charset=utf-8")
MODEL = ("--model", str(FIXTURES / QWEN), "--precision", "fp32", "--threads", "1")


def hosts(address: str, *given: str, keys: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    settings = ServerSettings(access=Access(keys, allowed_hosts=given))
    return with_hosts(settings, address).access.allowed_hosts


def test_names_are_checked_on_this_machine_without_keys_or_where_they_are_given() -> None:
    own = ("localhost", "127.0.0.1", "[::1]")
    assert hosts("127.0.0.1") == hosts("::1") == own
    assert hosts("127.0.0.2", "a.example") == (*own, "127.0.0.2", "a.example")
    assert hosts("0.0.0.0") is None
    assert hosts("127.0.0.1", keys=("key",)) is None
    assert hosts("0.0.0.0", "a.example", keys=("key",)) == (*own, "0.0.0.0", "a.example")
    assert hosts("127.0.0.1", "*") is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LocalHost:1", 200),
        ("127.0.0.1:30000", 200),
        ("[::1]", 200),
        ("[::1]:30000", 200),
        ("a.example:80", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil.example:localhost", 421),
        ("", 421),
    ],
)
def test_requests_by_other_names_are_refused(kind: str, host: str, status: int) -> None:
    access = Access(allowed_hosts=hosts("127.0.0.1", "a.example"))
    with serving([plan_of(QWEN)], ServerSettings(access=access)) as running, running.client() as client:
        headers = {"Host": host, "Content-Type": kind}
        answer = client.post("/v1/embeddings", content=json.dumps(BODY), headers=headers)
        assert answer.status_code == status, answer.text
        if status == 421:
            error = answer.json()["error"]
            assert error["code"] == "host_not_allowed"
            assert "--allowed-host" in error["message"]
            assert client.get("/page/served.json", headers={"Host": host}).status_code == status


def test_a_request_without_a_name_is_answered(server: Serving) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_the_command_takes_further_names(tmp_path: Path) -> None:
    with server_process(tmp_path, *MODEL, "--allowed-host", "a.example") as running:
        statuses = [
            httpx.get(f"{running.url}/health", headers={"Host": host}).status_code
            for host in ("a.example", "b.example")
        ]
    assert statuses == [200, 421]
