"""A hub on 127.0.0.1 that speaks as Hugging Face and as ModelScope do, and misbehaves where it is told to."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

REPOSITORY = "acme/tiny-embedding"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER_COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
WEIGHTS = "model.safetensors"
NEEDED = ("1_Pooling/config.json", "config.json", WEIGHTS, "modules.json", "tokenizer.json")


@dataclass(frozen=True)
class Drop:
    """Close the connection after so many bytes of the body; before any answer of the API."""

    after: int


@dataclass(frozen=True)
class Hold:
    """Stop after so many bytes of the body until the event is set, and then close the connection."""

    after: int
    until: threading.Event


@dataclass(frozen=True)
class Wrong:
    """Serve these bytes as if they were the file."""

    body: bytes


@dataclass(frozen=True)
class IgnoreRange:
    """Serve the whole file whatever part is asked for; close after so many bytes if told."""

    after: int | None = None


@dataclass(frozen=True)
class FromElsewhere:
    """Answer a range with the bytes one place further on."""


@dataclass(frozen=True)
class Unsized:
    """Send so many bytes without saying how many there are, and end."""

    count: int


@dataclass(frozen=True)
class Compress:
    """Send the whole or the part compressed, as some proxies do unasked."""


@dataclass(frozen=True)
class Answer:
    """Refuse with a status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Redirect:
    """Send the client to the same file at another address."""

    base: str


Fault = Drop | Hold | Wrong | IgnoreRange | FromElsewhere | Unsized | Compress | Answer | Redirect


@dataclass(frozen=True)
class Asked:
    """A request as it came.

    Attributes:
        file: The file of the repository that it is for; empty for a question to the API.
        target: Path and query.
        range: Its ``Range`` header.
        authorization: Its ``Authorization`` header.
        cookie: Its ``Cookie`` header.
        encoding: Its ``Accept-Encoding`` header.
    """

    file: str
    target: str
    range: str | None
    authorization: str | None
    cookie: str | None
    encoding: str | None


def tiny_files(weight_bytes: int = 200_000) -> dict[str, bytes]:
    """A repository with what a model needs and with what it does not."""
    weights = random.Random(7).randbytes(weight_bytes)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    return {
        ".gitattributes": b"*.safetensors filter=lfs\n",
        "README.md": b"# tiny\n",
        "config.json": b'{"model_type": "bert"}',
        "tokenizer.json": b'{"version": "1.0"}' + b" " * 3000,
        "modules.json": json.dumps(modules).encode(),
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
        WEIGHTS: weights,
        "pytorch_model.bin": b"a pickle",
        "vocab.txt": b"the\na\n",
        "onnx/model.onnx": b"a graph",
        "onnx/config.json": b"{}",
    }


class LoopbackHub:
    """The server; a context manager.

    Attributes:
        repositories: Files by path, by repository.
        branches: The commit by branch or tag.
        asked: Every request so far.
        page_size: How many files Hugging Face's listing gives at once.
        short_id: The part of the commit that ModelScope tells.
        changed_by: The commit that last changed every file, as ModelScope tells it.
        listed_hash: Hashes to list instead of the true ones, by path.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {REPOSITORY: tiny_files()}
        self.branches = {"main": COMMIT, "master": COMMIT, "v1": OLDER_COMMIT}
        self.asked: list[Asked] = []
        self.page_size = 1000
        self.short_id = COMMIT[:8]
        self.changed_by = COMMIT
        self.listed_hash: dict[str, str] = {}
        self._once: dict[str, list[Fault]] = {}
        self._always: dict[str, Fault] = {}
        self._lock = threading.Lock()
        handler = type("BoundHandler", (_Handler,), {"hub": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> LoopbackHub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, file: str, *faults: Fault) -> None:
        """Let the next requests for a file (or, for ``""``, to the API) go wrong, one after the other."""
        self._once.setdefault(file, []).extend(faults)

    def fail_always(self, file: str, fault: Fault) -> None:
        self._always[file] = fault

    def ranges(self, file: str) -> list[str | None]:
        """The ``Range`` headers of the requests for a file."""
        return [asked.range for asked in list(self.asked) if asked.file == file]

    def fetched(self) -> list[str]:
        """The files asked for, each as often as it was."""
        return [asked.file for asked in list(self.asked) if asked.file]

    def record(self, asked: Asked) -> Fault | None:
        with self._lock:
            self.asked.append(asked)
            once = self._once.get(asked.file)
            return once.pop(0) if once else self._always.get(asked.file)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub: LoopbackHub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        steps = parts.path.strip("/").split("/")
        repository, file = self._subject(steps, query)
        fault = self.hub.record(
            Asked(
                file,
                self.path,
                self.headers.get("Range"),
                self.headers.get("Authorization"),
                self.headers.get("Cookie"),
                self.headers.get("Accept-Encoding"),
            )
        )
        files = self.hub.repositories.get(repository)
        if isinstance(fault, Drop) and not file:
            self._drop()
        elif isinstance(fault, Answer):
            self._send(fault.status, fault.body, fault.headers)
        elif isinstance(fault, Redirect):
            self._send(302, b"", {"Location": fault.base + self.path})
        elif files is None:
            # Hugging Face says 401 here to those who show no token.
            hidden = steps[1] == "models" and "Authorization" not in self.headers
            self._send(401 if hidden else 404, b"{}", {"X-Error-Code": "RepoNotFound"} if hidden else {})
        elif file:
            self._send_file(files[file], fault)
        elif steps[1] == "v1":
            self._modelscope(files, steps[5:], query)
        else:
            self._huggingface(repository, files, steps[4:], query)

    def _subject(self, steps: list[str], query: Mapping[str, str]) -> tuple[str, str]:
        """The repository that a request is about, and the file when it is for one."""
        if steps[:2] == ["api", "models"]:
            return "/".join(steps[2:4]), ""
        if steps[:2] == ["api", "v1"]:
            return "/".join(steps[3:5]), query.get("FilePath", "")
        return "/".join(steps[:2]), unquote("/".join(steps[4:]))

    def _huggingface(
        self, repository: str, files: Mapping[str, bytes], steps: list[str], query: Mapping[str, str]
    ) -> None:
        if steps[0] == "revision":
            name = unquote("/".join(steps[1:]))
            commit = name if name in self.hub.branches.values() else self.hub.branches.get(name)
            if commit is None:
                self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            else:
                self._send_json({"id": repository, "sha": commit})
            return
        start = int(query.get("cursor", "0"))
        entries = [self._tree_entry(path, body) for path, body in files.items()]
        entries.insert(0, {"type": "directory", "path": "1_Pooling", "oid": "0" * 40, "size": 0})
        following = start + self.hub.page_size
        headers = {}
        if following < len(entries):
            address = f"{self.hub.endpoint}{self.path.partition('?')[0]}?recursive=true&cursor={following}"
            headers["Link"] = f'<{address}>; rel="next"'
        self._send_json(entries[start:following], headers)

    def _tree_entry(self, path: str, body: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(body)}
        if path.endswith((".safetensors", ".bin", ".onnx")):
            digest = self.hub.listed_hash.get(path, hashlib.sha256(body).hexdigest())
            return {**entry, "oid": "f" * 40, "lfs": {"oid": digest, "size": len(body), "pointerSize": 134}}
        git = hashlib.sha1(b"blob " + str(len(body)).encode() + b"\0" + body).hexdigest()
        return {**entry, "oid": self.hub.listed_hash.get(path, git)}

    def _modelscope(self, files: Mapping[str, bytes], steps: list[str], query: Mapping[str, str]) -> None:
        hub, asked = self.hub, query.get("Revision", query.get("Ref", ""))
        data: dict[str, Any]
        if steps == ["revisions"]:
            data = {"RevisionMap": {"Branches": [{"Revision": "master"}], "Tags": [{"Revision": "v1"}]}}
        elif steps == ["commits"]:
            data = {"Commit": [{"Id": hub.branches[asked], "ShortId": hub.branches[asked][:8]}]}
        elif asked == "main" or asked not in (*hub.branches, *hub.branches.values()):
            data = {"Files": None, "IsVisual": 0, "LatestCommitter": None}
        else:
            tree = {"Path": "1_Pooling", "Type": "tree", "Size": 0, "Sha256": "", "Revision": OLDER_COMMIT}
            blobs = [
                {
                    "Path": path,
                    "Type": "blob",
                    "Size": len(body),
                    "Sha256": hub.listed_hash.get(path, hashlib.sha256(body).hexdigest()),
                    "Revision": hub.changed_by,
                }
                for path, body in files.items()
            ]
            data = {"Files": [tree, *blobs], "LatestCommitter": {"Id": "", "ShortId": hub.short_id}}
        self._send_json({"Code": 200, "Data": data, "Message": "success", "Success": True})

    def _send_file(self, body: bytes, fault: Fault | None) -> None:
        if isinstance(fault, Wrong):
            body = fault.body
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        headers = {"Content-Type": "application/octet-stream"}
        status = 200
        if isinstance(fault, IgnoreRange):
            start = 0
        elif start >= len(body) and asked:
            self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            return
        elif asked:
            status = 206
            start += isinstance(fault, FromElsewhere)
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[start:]
        if isinstance(fault, Unsized):
            self._send_part(status, {**headers, "Connection": "close"}, rest[: fault.count])
            return
        if isinstance(fault, Compress):
            rest = gzip.compress(rest)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(rest))
        after = fault.after if isinstance(fault, Drop | Hold | IgnoreRange) else None
        if after is None:
            self._send_part(status, headers, rest)
            return
        self._send_part(status, headers, rest[:after])
        if isinstance(fault, Hold):
            fault.until.wait(30)
        self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send_json(self, value: object, headers: Mapping[str, str] | None = None) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._send_part(status, {**headers, "Content-Length": str(len(body))}, body)

    def _send_part(self, status: int, headers: Mapping[str, str], part: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(part)
        self.wfile.flush()


def resolve_path(repository: str, file: str, commit: str = COMMIT) -> str:
    """Where Hugging Face's dialect serves a file."""
    return f"/{repository}/resolve/{commit}/{quote(file)}"


@pytest.fixture(name="hub")
def running_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub on this machine in the place of both hubs, and empty folders in the place of all caches."""
    for name in (
        "HF_TOKEN",
        "MODELSCOPE_API_TOKEN",
        "MODELSCOPE_DOMAIN",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
    ):
        monkeypatch.delenv(name, raising=False)
    # A folder without certificates: no other host can be trusted by mistake, and clients start at once.
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("SAMESAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    with LoopbackHub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.endpoint)
        yield running
