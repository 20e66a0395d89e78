"""The application: layers, doors and the models behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from samesay import __version__
from samesay.errors import SamesayError
from samesay.server.access_log import AccessLog
from samesay.server.admission import Admission
from samesay.server.authentication import Authentication, open_paths
from samesay.server.body_limits import BodyLimits
from samesay.server.draining import Draining, DrainingGate
from samesay.server.metrics import ServerMetrics
from samesay.server.observing import Observing
from samesay.server.openapi import page, with_keys
from samesay.server.plans import ModelPlan
from samesay.server.problems import Problem, problem_of
from samesay.server.routers import embeddings, health, metrics, models, similarity, tokenize
from samesay.server.served_models import ServedModel, ServedModels
from samesay.server.services import ClientGoneError, Services
from samesay.server.settings import ServerSettings
from samesay.server.strict_json import shortened

ROUTERS = (embeddings, similarity, tokenize, models, health, metrics)
_DESCRIPTION = "Embeddings as OpenAI's API has them, and similarity, from models on this machine."
_CLIENT_GONE = 499
_NOT_FOUND = 404
_LAST_PASS_SECONDS = 5.0


def create_app(
    plans: Sequence[ModelPlan],
    settings: ServerSettings,
    *,
    ready: Callable[[ServedModel, float], None],
    failed: Callable[[Exception], None],
) -> FastAPI:
    """Make the application; models begin to load when it starts.

    Args:
        plans: What is to be served.
        settings: What an operator set.
        ready: Is told of each model that is ready, and the seconds that it took; in a thread.
        failed: Is told why a model cannot be served; in a thread.

    Raises:
        ServerError: When two models have a name in common.
    """
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
        ThreadPoolExecutor(settings.tokenizing_threads, thread_name_prefix="samesay-requests"),
        ThreadPoolExecutor(1, thread_name_prefix="samesay-large-requests"),
    )
    log = AccessLog() if settings.access_log else None
    app = FastAPI(
        title="samesay",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(services, log, ready, failed),
    )
    app.state.services = services
    for module in ROUTERS:
        app.include_router(module.router)
    app.add_api_route("/docs", lambda: HTMLResponse(page(app.openapi())), include_in_schema=False)
    if settings.access.api_keys:
        # Last, as FastAPI makes its document anew after every further route.
        app.openapi_schema = with_keys(app.openapi(), open_paths(settings.access))
    _handle_errors(app)
    _add_layers(app, services, log)
    return app


def services_in(app: FastAPI) -> Services:
    """Give the parts of an application."""
    return cast(Services, app.state.services)


def _add_layers(app: FastAPI, services: Services, log: AccessLog | None) -> None:
    # The last that is added is the outermost.
    settings = services.settings
    app.add_middleware(BodyLimits, limits=settings.limits)
    app.add_middleware(Authentication, access=settings.access)
    if settings.access.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.access.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", "X-Request-Id"],
        )
    app.add_middleware(DrainingGate, draining=services.draining)
    paths = [path for path in app.openapi()["paths"] if "{" not in path]
    app.add_middleware(Observing, metrics=services.metrics, log=log, paths=paths)


def _lifespan(
    services: Services,
    log: AccessLog | None,
    ready: Callable[[ServedModel, float], None],
    failed: Callable[[Exception], None],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        def load() -> None:
            try:
                services.models.load_all(services.settings, services.metrics, ready)
            except Exception as error:
                failed(error)

        # A thread of its own, as the pool answers requests meanwhile; nobody waits for it at the end.
        threading.Thread(target=load, name="samesay-loading", daemon=True).start()
        yield
        services.models.stop()
        await asyncio.to_thread(services.models.join, _LAST_PASS_SECONDS)
        services.pool.shutdown()
        services.large_pool.shutdown(cancel_futures=True)
        if log:
            log.close()

    return lifespan


def _handle_errors(app: FastAPI) -> None:
    async def problem(_: Request, error: Problem) -> Response:
        return error.response()

    async def refusal(_: Request, error: SamesayError) -> Response:
        return problem_of(error).response()

    async def http(request: Request, error: HTTPException) -> Response:
        message = str(error.detail)
        if error.status_code == _NOT_FOUND:
            message = f"there is nothing at {shortened(request.url.path)}; /docs lists what there is"
        return Problem(error.status_code, message, headers=error.headers or {}).response()

    async def gone(_: Request, __: ClientGoneError) -> Response:
        return Response(status_code=_CLIENT_GONE)

    async def bug(_: Request, __: Exception) -> Response:
        # The server process writes the traceback to its standard error.
        return Problem(500, "something failed in the server; its log says what").response()

    # Starlette gives each handler the errors of its class only, which its types cannot say.
    handlers: list[tuple[type[Exception], Any]] = [
        (Problem, problem),
        (SamesayError, refusal),
        (HTTPException, http),
        (ClientGoneError, gone),
        (Exception, bug),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
