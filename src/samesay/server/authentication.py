"""Who may ask: keys, compared in a time that tells nothing."""

from __future__ import annotations

import hashlib
import hmac

from samesay.server.asgi import HEALTH_PATHS, METRICS_PATH, ASGIApp, Receive, Scope, Send, header, refuse
from samesay.server.problems import Problem
from samesay.server.settings import Access

# They describe the server's doors and hold nothing of anybody.
_OPEN = frozenset({"/docs", "/openapi.json"})
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Authentication:
    """Lets requests through that bring a key as ``Authorization: Bearer KEY``.

    Args:
        app: What answers them.
        access: The keys, and what is open without one.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        # Hashes have one length, so that comparing tells nothing about a key's.
        self._keys = [_hash(key.encode()) for key in access.api_keys]
        self._open = open_paths(access)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "http" and self._keys and scope["path"] not in self._open:
            problem = self.problem(header(scope, b"authorization"))
            if problem is not None:
                await refuse(problem, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def problem(self, given: str | None) -> Problem | None:
        """Say what is wrong with a header ``Authorization``; with nothing where there are no keys."""
        if not self._keys:
            return None
        if not given:
            message = "no API key was given; send it as the header Authorization: Bearer KEY"
            return Problem(401, message, code="missing_api_key", headers=_CHALLENGE)
        scheme, _, key = given.partition(" ")
        hashed = _hash(key.strip().encode("latin-1"))
        # All are compared, so that the time does not tell which one was nearly right.
        matches = [hmac.compare_digest(hashed, known) for known in self._keys]
        if scheme.lower() == "bearer" and any(matches):
            return None
        message = "the API key is not one of this server; send one as the header Authorization: Bearer KEY"
        return Problem(401, message, code="invalid_api_key", headers=_CHALLENGE)


def open_paths(access: Access) -> frozenset[str]:
    """Give the paths that answer without a key."""
    opened = _OPEN
    if not access.guard_health:
        opened |= HEALTH_PATHS
    if not access.guard_metrics:
        opened |= {METRICS_PATH}
    return opened


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
