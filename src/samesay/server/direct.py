"""The routes that are asked often, answered without what FastAPI does around a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response

from samesay.server.asgi import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]
ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


class Direct:
    """Calls the endpoints of some paths itself, and passes everything else on.

    Such endpoints take the request as it is, so FastAPI's search for the route and its parameters would only
    cost time. They are routes of FastAPI as well, for the OpenAPI document and for other methods.

    Args:
        app: What answers other requests.
        endpoints: For each path what answers its POST.
        handlers: What answers errors, the first that fits; others are passed on.
    """

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Mapping[str, Endpoint],
        handlers: Mapping[type[Exception], ErrorHandler],
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        self._handlers = handlers
        self._expected = tuple(handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        endpoint = None
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except self._expected as error:
            response = await self._handler(error)(request, error)
        await response(scope, receive, send)

    def _handler(self, error: Exception) -> ErrorHandler:
        return next(handler for kind, handler in self._handlers.items() if isinstance(error, kind))
