"""The end of the real command: everything accepted is answered, and it ends when it should."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from serving import BERT, FIXTURES, PATIENCE, QWEN, ServerProcess, server_process, until

MODEL = ("--model", str(FIXTURES / QWEN), "--precision", "fp32", "--threads", "1")


def embed(running: ServerProcess, text: str, repeated: int = 1) -> tuple[int, str]:
    """The status of an answer, or what the connection did instead; and an error's code."""
    try:
        with running.client() as client:
            told = client.post("/v1/embeddings", json={"model": QWEN, "input": [text] * repeated})
    except httpx.ConnectError:
        return 0, "refused"
    return told.status_code, "" if told.status_code == 200 else told.json()["error"]["code"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_in_the_middle_of_traffic_loses_nothing(tmp_path: Path, number: signal.Signals) -> None:
    ends: Counter[tuple[int, str]] = Counter()
    lock = threading.Lock()
    with server_process(tmp_path, *MODEL) as running:

        def traffic(worker: int) -> None:
            for turn in range(200):
                ended = embed(running, f"{worker} {turn} " + "and so on " * 100)
                with lock:
                    ends[ended] += 1
                if ended[0] != 200:
                    return

        workers = [threading.Thread(target=traffic, args=(i,)) for i in range(8)]
        for worker in workers:
            worker.start()
        until(lambda: ends[200, ""] > 16)
        running.signal(number)
        for worker in workers:
            worker.join(PATIENCE)
        code, told = running.ended()
    assert code == 0, told
    # Never an answer cut off: httpx would have raised something else than a refused connection.
    assert set(ends) <= {(200, ""), (503, "stopping"), (0, "refused")}
    assert sum(ends.values()) - ends[200, ""] == 8
    assert "Traceback" not in told


def connected(running: ServerProcess) -> socket.socket:
    host, port = running.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def request(body: bytes) -> bytes:
    head = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def slow_request(running: ServerProcess, body: bytes) -> socket.socket:
    """A request whose last byte is still to come."""
    connection = connected(running)
    connection.sendall(request(body)[:-1])
    return connection


BODY = b'{"model":"%s","input":"a"}' % QWEN.encode()


def in_flight(running: ServerProcess) -> bool:
    with running.client() as client:
        return "samesay_requests_in_flight 2.0" in client.get("/metrics").text


def test_while_it_stops_new_requests_are_refused_and_the_old_one_is_answered(tmp_path: Path) -> None:
    with server_process(tmp_path, *MODEL) as running:
        connection = slow_request(running, BODY)
        until(lambda: in_flight(running))
        running.signal(signal.SIGTERM)
        with running.client() as client:
            until(lambda: client.get("/ready").status_code == 503)
            assert client.get("/ready").json()["status"] == "draining"
            assert client.get("/health").status_code == 200
        assert embed(running, "new") == (503, "stopping")
        connection.sendall(BODY[-1:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.close()
        code, told = running.ended()
    assert code == 0, told
    assert "still to be answered: 1 requests" in told


def test_requests_right_after_the_signal_are_told_of_it(tmp_path: Path) -> None:
    with server_process(tmp_path, *MODEL) as running:
        late = [connected(running) for _ in range(6)]
        running.signal(signal.SIGTERM)
        answers = []
        for connection in late:
            connection.sendall(request(BODY))
            time.sleep(0.03)
            answers.append(connection.recv(65536)[:13])
            connection.close()
        code, told = running.ended()
    assert code == 0, told
    assert set(answers) <= {b"HTTP/1.1 200 ", b"HTTP/1.1 503 "}
    assert answers[-1] == b"HTTP/1.1 503 "


def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    with server_process(tmp_path, *MODEL) as running:
        connection = slow_request(running, BODY)
        until(lambda: in_flight(running))
        running.signal(signal.SIGTERM)
        with running.client() as client:
            until(lambda: client.get("/ready").status_code == 503)
        running.signal(signal.SIGTERM)
        code, told = running.ended()
        connection.close()
    assert code == 128 + signal.SIGTERM
    assert "ended at once" in told


def test_what_is_not_done_in_time_is_told(tmp_path: Path) -> None:
    with server_process(tmp_path, *MODEL, "--drain-timeout", "0.2") as running:
        connection = slow_request(running, BODY)
        until(lambda: in_flight(running))
        running.signal(signal.SIGTERM)
        began = time.monotonic()
        code, told = running.ended()
        connection.close()
    assert code == 1
    assert told.endswith("samesay: not answered within 0.2 seconds: 1 requests\n")
    assert time.monotonic() - began < 20


def asking_much(running: ServerProcess) -> socket.socket:
    """A request for twenty megabytes, of which nothing is read yet."""
    host, port = running.url.removeprefix("http://").split(":")
    body = json.dumps({"model": QWEN, "left": ["a"] * 1000, "right": ["b"] * 1000}).encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(PATIENCE)
    connection.connect((host, int(port)))
    connection.sendall(request(body).replace(b"/v1/embeddings", b"/v1/similarity"))
    assert connection.recv(9) == b"HTTP/1.1 "
    return connection


def test_an_answer_on_its_way_is_sent_before_the_end(tmp_path: Path) -> None:
    with server_process(tmp_path, *MODEL) as running, asking_much(running) as connection:
        running.signal(signal.SIGTERM)
        # Longer than the server goes on refusing and waits for connections to end.
        time.sleep(8)
        received = bytearray()
        while part := connection.recv(1 << 20):
            received += part
        code, told = running.ended()
    assert code == 0, told
    scores = json.loads(received.partition(b"\r\n\r\n")[2])["scores"]
    assert (len(scores), len(scores[-1])) == (1000, 1000)


def test_answers_that_are_not_read_in_time_are_told(tmp_path: Path) -> None:
    options = (*MODEL, "--drain-timeout", "1")
    with server_process(tmp_path, *options) as running, asking_much(running), asking_much(running):
        running.signal(signal.SIGTERM)
        code, told = running.ended()
    assert code == 1
    assert told.endswith("samesay: not read by their clients within 1 seconds: 2 answers\n"), told


def test_model_that_cannot_be_loaded_ends_the_server_in_one_line(tmp_path: Path) -> None:
    arguments = ("--model", str(FIXTURES / BERT), "--precision", "int3")
    with server_process(tmp_path, *arguments, wait=False) as running:
        code, told = running.ended()
    assert code == 1
    assert told.splitlines()[-1].startswith("samesay: precision must be one of")
    assert "Traceback" not in told
