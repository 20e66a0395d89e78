"""The types of ASGI, and small things that every layer around the application does."""

from __future__ import annotations

from typing import cast

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samesay.server.problems import Problem

__all__ = ["ASGIApp", "Message", "Receive", "Scope", "Send", "header", "refuse"]

# Answered in every state of the server; the routers say what the state is.
HEALTH_PATHS = frozenset({"/health", "/ready"})
METRICS_PATH = "/metrics"


def header(scope: Scope, name: bytes) -> str | None:
    """Give the first header of that name, which is in small letters, or None."""
    for key, value in scope["headers"]:
        if key == name:
            return cast(bytes, value).decode("latin-1")
    return None


async def refuse(
    problem: Problem, scope: Scope, receive: Receive, send: Send, *, close: bool = False
) -> None:
    """Answer with a problem; with ``close``, the connection ends after it."""

    async def closing(message: Message) -> None:
        if close and message["type"] == "http.response.start":
            MutableHeaders(scope=message)["connection"] = "close"
        await send(message)

    await problem.response()(scope, receive, closing)
