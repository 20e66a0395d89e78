"""The application: layers, doors and the models behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware

from samesay import __version__
from samesay.errors import SamesayError
from samesay.server.access_log import AccessLog
from samesay.server.admission import Admission
from samesay.server.asgi import ASGIApp, Receive, Scope, Send
from samesay.server.authentication import Authentication, open_paths
from samesay.server.body_limits import BodyLimits
from samesay.server.connections import BoundedConnection, bounded_connections
from samesay.server.deciders import Deciders
from samesay.server.departure import ClientGoneError
from samesay.server.direct import Direct, Endpoint
from samesay.server.draining import Draining, DrainingGate
from samesay.server.express import Express
from samesay.server.hosts import HostGate, Hosts
from samesay.server.metrics import ServerMetrics
from samesay.server.observing import CLIENT_GONE, Observer, Observing
from samesay.server.openapi import page, with_keys
from samesay.server.page import routes as page_routes
from samesay.server.page.files import PageFiles, page_files
from samesay.server.plans import CollectionPlan, IntentsPlan, ModelPlan
from samesay.server.problems import Problem, answered, bug, problem_of
from samesay.server.routers import (
    calibrate,
    decide,
    documents,
    embeddings,
    health,
    match,
    metrics,
    models,
    search,
    similarity,
    tokenize,
)
from samesay.server.served_collections import ServedCollections
from samesay.server.served_intents import IntentsOfServer
from samesay.server.served_models import ServedModel, ServedModels
from samesay.server.services import Services
from samesay.server.settings import ServerSettings
from samesay.server.strict_json import shortened
from samesay.server.unsent import AnswerLimits, UnsentAnswers
from samesay.server.workers import Workers

ROUTERS = (embeddings, similarity, decide, calibrate, tokenize, models, health, metrics)
# Where there are collections.
COLLECTION_ROUTERS = (search, documents)
# Where there are intents.
INTENT_ROUTERS = (match,)
_DIRECT: Mapping[str, Endpoint] = MappingProxyType(
    {
        "/v1/embeddings": embeddings.create_embeddings,
        "/v1/similarity": similarity.create_similarity,
        "/v1/tokenize": tokenize.tokenize,
    }
)
_DESCRIPTION = "Embeddings as OpenAI's API has them, and similarity, from models on this machine."
_NOT_FOUND = 404
_LAST_PASS_SECONDS = 5.0
# Where requests were given up, threads may still be at them; nobody waits for what they find.
_LAST_WORK_SECONDS = 1.0


def create_app(
    plans: Sequence[ModelPlan],
    settings: ServerSettings,
    *,
    ready: Callable[[ServedModel, float], None],
    failed: Callable[[Exception], None],
    collections: Sequence[CollectionPlan] = (),
    opened: Callable[[str], None] = lambda _: None,
    intents: Sequence[IntentsPlan] = (),
) -> FastAPI:
    """Make the application; models begin to load when it starts.

    Args:
        plans: What is to be served.
        settings: What an operator set.
        ready: Is told of each model that is ready, and the seconds that it took; in a thread.
        failed: Is told why a model or a collection cannot be served; in a thread.
        collections: What is to be searched.
        opened: Is told, in a line, of each collection that is open and of intents; in a thread.
        intents: What texts are matched with.

    Raises:
        ServerError: When two models or two collections have a name in common.
    """
    served_collections = ServedCollections(collections)
    served_intents = IntentsOfServer(intents)
    deciders = Deciders(settings.calibrations)
    served = ServedModels(plans)
    server_metrics = ServerMetrics(lambda: served)
    services = Services(
        settings,
        served,
        server_metrics,
        Draining(),
        Admission(
            settings.limits.queue_requests,
            lambda: max((model.batcher.seconds_to_wait() for model in served), default=1),
        ),
        UnsentAnswers(settings.limits.held_answer_bytes),
        Workers(settings.tokenizing_threads, "samesay-requests"),
        Workers(1, "samesay-large-requests"),
        Workers(1, "samesay-conflicts"),
    )
    log = AccessLog() if settings.access_log else None
    app = _Application(
        title="samesay",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(
            services, deciders, served_collections, served_intents, log, ready, failed, opened
        ),
    )
    app.state.services = services
    app.state.collections = served_collections
    app.state.intents = served_intents
    app.state.deciders = deciders
    app.state.calibrating = asyncio.Lock()
    for module in (
        *ROUTERS,
        page_routes,
        *(COLLECTION_ROUTERS if collections else ()),
        *(INTENT_ROUTERS if intents else ()),
    ):
        app.include_router(module.router)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    if settings.access.api_keys:
        # Last, as FastAPI makes its document anew after every further route.
        app.openapi_schema = with_keys(app.openapi(), open_paths(settings.access))
    _handle_errors(app)
    paths = [path for path in app.openapi()["paths"] if "{" not in path]
    observer = Observer(services.metrics, log, paths)
    authentication = Authentication(_inner_layers(app, services), settings.access)
    hosts = Hosts(settings.access.allowed_hosts)
    app.layers = _layers(authentication, services, observer, hosts)
    app.state.express = Express(services, observer, authentication, hosts)
    app.state.connections = bounded_connections(settings.limits, app.state.express, observer, services.unsent)
    return app


def services_in(app: FastAPI) -> Services:
    """Give the parts of an application."""
    return cast(Services, app.state.services)


class _Application(FastAPI):
    """FastAPI within the layers of this server.

    As FastAPI's own middleware they would be inside of what it does around every request, which costs as much
    as they do together and gives nothing here.
    """

    layers: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["app"] = self
        await self.layers(scope, receive, send)

    async def routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that all layers let through."""
        await super().__call__(scope, receive, send)


def express_of(app: FastAPI) -> Express:
    """Give what answers small requests before the application does."""
    return cast(Express, app.state.express)


def connections_of(app: FastAPI) -> type[BoundedConnection]:
    """Give the class of the connections that requests come by, for uvicorn."""
    return cast(type[BoundedConnection], app.state.connections)


def _inner_layers(app: _Application, services: Services) -> ASGIApp:
    return BodyLimits(Direct(app.routed, _DIRECT, _EXPECTED), services.settings.limits)


def _layers(inner: ASGIApp, services: Services, observer: Observer, hosts: Hosts) -> ASGIApp:
    settings = services.settings
    layers: ASGIApp = PageFiles(inner, page_files())
    if settings.access.cors_origins:
        layers = CORSMiddleware(
            layers,
            allow_origins=list(settings.access.cors_origins),
            allow_methods=["GET", "POST"],
            # OpenAI's client for browsers has a dozen of its own; none of them means anything here.
            allow_headers=["*"],
            expose_headers=["Retry-After", "X-Request-Id"],
        )
    layers = DrainingGate(AnswerLimits(layers, services.unsent), services.draining)
    layers = HostGate(layers, hosts)
    return Observing(ServerErrorMiddleware(layers, handler=_bug), observer)


def _lifespan(
    services: Services,
    deciders: Deciders,
    collections: ServedCollections,
    intents: IntentsOfServer,
    log: AccessLog | None,
    ready: Callable[[ServedModel, float], None],
    failed: Callable[[Exception], None],
    opened: Callable[[str], None],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        def load() -> None:
            try:
                services.models.load_all(services.settings, services.metrics, ready)
                deciders.bind(services.models)
                collections.open_all(services.models, opened)
                intents.open_all(services.models, opened)
            except Exception as error:
                failed(error)

        # A thread of its own, as the pool answers requests meanwhile; nobody waits for it at the end.
        threading.Thread(target=load, name="samesay-loading", daemon=True).start()
        yield
        services.models.stop()
        await asyncio.to_thread(services.models.join, _LAST_PASS_SECONDS)
        await asyncio.to_thread(collections.close)
        for threads in (express_of(app), services.pool, services.large_pool, services.conflicts_pool):
            await asyncio.to_thread(threads.stop, _LAST_WORK_SECONDS)
        if log:
            log.close()

    return lifespan


async def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(page(request.app.openapi()))


def _handle_errors(app: FastAPI) -> None:
    for kind, handler in _EXPECTED.items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(Exception, _bug)


async def _problem(_: Request, error: Problem) -> Response:
    answered(error)
    return error.response()


async def _refusal(_: Request, error: SamesayError) -> Response:
    answered(error)
    return problem_of(error).response()


async def _http(request: Request, error: HTTPException) -> Response:
    message = str(error.detail)
    if error.status_code == _NOT_FOUND:
        message = f"there is nothing at {shortened(request.url.path)}; /docs lists what there is"
    return Problem(error.status_code, message, headers=error.headers or {}).response()


async def _gone(_: Request, error: ClientGoneError) -> Response:
    answered(error)
    return Response(status_code=CLIENT_GONE)


async def _bug(_: Request, __: Exception) -> Response:
    return bug().response()


# Each handler is given the errors of its class only, which the types of Starlette cannot say.
_EXPECTED: Mapping[type[Exception], Any] = MappingProxyType(
    {Problem: _problem, SamesayError: _refusal, HTTPException: _http, ClientGoneError: _gone}
)
