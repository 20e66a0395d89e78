"""The files of the page, held in memory and served under a strict policy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from samesay.server.asgi import ASGIApp, Receive, Scope, Send, header

STATIC = Path(__file__).parent / "static"
PREFIX = "/page/"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class PageFile:
    """One file.

    Attributes:
        content: Its bytes.
        kind: Its media type.
        tag: Changes with its content.
    """

    content: bytes
    kind: str
    tag: str


class PageFiles:
    """Answers for the page and its files; everything else goes on.

    They are the same for everybody and hold nothing of anybody, so they want no key.

    Args:
        app: What answers other requests.
        files: By path.
    """

    def __init__(self, app: ASGIApp, files: Mapping[str, PageFile]) -> None:
        self._app = app
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            file = self._files.get(scope["path"])
            if file is not None:
                await _answer(file, header(scope, b"if-none-match"))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def page_files(folder: Path = STATIC) -> dict[str, PageFile]:
    """Read all files of the page: ``/`` is the page, the rest lies below ``/page/``."""
    files = {
        PREFIX + path.relative_to(folder).as_posix(): _read(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _KINDS
    }
    return {"/": files[f"{PREFIX}index.html"], **files}


def _read(path: Path) -> PageFile:
    content = path.read_bytes()
    return PageFile(content, _KINDS[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _answer(file: PageFile, known: str | None) -> Response:
    # Asked for each time, so that a newer server never meets files of an older one.
    headers = {**SECURITY, "ETag": file.tag, "Cache-Control": "no-cache"}
    if known == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers | {"Content-Type": file.kind})
