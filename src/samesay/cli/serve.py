"""``samesay serve``: the embeddings server."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from samesay.cli.options import DeviceOption, PrecisionOption, ThreadsOption
from samesay.cli.output import say
from samesay.cli.served_collections import collection_plans, models_of
from samesay.errors import MissingExtraError, ServerError
from samesay.server.plans import IntentsPlan, ModelPlan
from samesay.server.settings import Access, Limits, ServerSettings

if TYPE_CHECKING:
    from samesay.decision.calibration import Calibration
    from samesay.engine.base import Precision
    from samesay.model import EmbeddingModel

KEY_VARIABLE = "SAMESAY_API_KEY"
# What the extra brings, directly or not.
_PACKAGES = ("fastapi", "httptools", "prometheus_client", "pydantic", "pydantic_core", "starlette", "uvicorn")


def serve_command(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            "--model-path",
            metavar="NAME",
            help="Short name, hub id or folder, several times for several; else the best present.",
        ),
    ] = None,
    served_model_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What answers call the model, where there is one.")
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=MODEL", help="Another name for a served model; may be repeated."),
    ] = None,
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection",
            "-c",
            metavar="KB",
            help="Folder of a collection to search, or NAME=FOLDER; may be repeated. Its model is served.",
        ),
    ] = None,
    open_writes: Annotated[
        bool, typer.Option("--open-writes", help="Let documents be changed though there are no keys.")
    ] = False,
    intents: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="Intents to match: saved, or examples; may be repeated."),
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 30000,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="What scores of a served model mean; may be repeated."),
    ] = None,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY", help="Ask for this key; may be repeated. Others on this machine can see it here."
        ),
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"File with a key a line; {KEY_VARIABLE} holds one too."),
    ] = None,
    guard_health: Annotated[
        bool, typer.Option("--guard-health", help="/health and /ready want a key too.")
    ] = False,
    guard_metrics: Annotated[bool, typer.Option("--guard-metrics", help="/metrics wants a key too.")] = False,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let pages of this origin ask, or * for all; may be repeated."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Answer to this name in Host too, or * for all; may be repeated."),
    ] = None,
    batch_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="Tokens that go through the network together.")
    ] = ServerSettings.batch_tokens,
    max_inputs: Annotated[int, typer.Option(min=1, metavar="N", help="Texts of a request.")] = Limits.inputs,
    max_text_tokens: Annotated[
        int, typer.Option(min=8, metavar="N", help="Tokens of a text, where the model reads more.")
    ] = Limits.text_tokens,
    max_request_tokens: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Tokens of a request; by default as many as may wait."),
    ] = None,
    max_body_bytes: Annotated[
        int, typer.Option(min=1024, metavar="N", help="Bytes of a request's body.")
    ] = Limits.body_bytes,
    max_queue_requests: Annotated[
        int, typer.Option(min=1, metavar="N", help="Requests in work; more are answered with 429.")
    ] = Limits.queue_requests,
    max_queue_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="Tokens that wait; more are answered with 429.")
    ] = Limits.queue_tokens,
    max_connections: Annotated[
        int, typer.Option(min=1, metavar="N", help="Open connections.")
    ] = Limits.connections,
    body_timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Time for a body to arrive.")
    ] = Limits.body_seconds,
    drain_timeout: Annotated[
        float, typer.Option(min=0.0, metavar="SECONDS", help="Time for accepted requests after SIGTERM.")
    ] = ServerSettings.drain_seconds,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Print each request as a line of JSON, without texts.")
    ] = False,
    log_texts: Annotated[
        bool, typer.Option("--log-texts", help="Print the texts too; implies --access-log.")
    ] = False,
    is_embedding: Annotated[  # noqa: ARG001
        bool, typer.Option("--is-embedding", hidden=True, help="Taken for those who come from SGLang.")
    ] = False,
) -> None:
    """Serve embeddings over HTTP, as OpenAI's API has them.

    \b
    samesay serve
    samesay serve --model qwen3-embedding-0.6b --port 30000
    samesay serve --collection kb/ --api-key-file keys.txt

    Any OpenAI client works with the base URL http://127.0.0.1:30000/v1. SIGTERM
    or Ctrl-C answers what was accepted and ends; a second one ends at once.
    """  # noqa: D301
    limits = Limits(
        inputs=max_inputs,
        calibration_pairs=max(Limits.calibration_pairs, max_inputs // 2),
        text_tokens=max_text_tokens,
        request_tokens=max_request_tokens or max_queue_tokens,
        queue_requests=max_queue_requests,
        queue_tokens=max_queue_tokens,
        body_bytes=max_body_bytes,
        body_seconds=body_timeout,
        connections=max_connections,
    )
    keys = _keys(api_key or [], api_key_file)
    access = Access(
        keys,
        guard_health,
        guard_metrics,
        tuple(cors_origin or ()),
        open_writes,
        _hosts(allowed_host or []),
    )
    settings = ServerSettings(
        limits,
        access,
        batch_tokens=batch_tokens,
        drain_seconds=drain_timeout,
        access_log=access_log or log_texts,
        log_texts=log_texts,
        calibrations=_calibrations(calibration or []),
    )
    collections = collection_plans(collection or [])
    matchers = [_intents(text) for text in intents or []]
    wanted: list[tuple[str | None, str | None]] = [(name, precision) for name in model or []]
    if collections and not wanted:
        wanted = [(name, precision or made) for name, made in models_of(collections)]
    plans = _plans(wanted or [(None, precision)], served_model_name, alias or [], threads, device)
    try:
        from samesay.server.process import run_server
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise MissingExtraError("samesay serve", "server") from None
    code = run_server(
        plans, settings, host=host, port=port, notice=say, collections=collections, intents=matchers
    )
    if code:
        raise typer.Exit(code)


def _keys(given: Sequence[str], file: Path | None) -> tuple[str, ...]:
    keys = list(given)
    if file is not None:
        try:
            lines = file.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            raise ServerError(f"cannot read keys from {file}: it is not text") from None
        except OSError as error:
            raise ServerError(f"cannot read keys from {file}: {error.strerror or error}") from None
        found = [line.strip() for line in lines if line.strip()]
        if not found:
            raise ServerError(f"{file} has no key; write one a line")
        keys += found
    from_environment = os.environ.get(KEY_VARIABLE)
    if from_environment:
        keys.append(from_environment)
    for key in keys:
        if not key.isascii() or not key.isprintable() or key != key.strip() or not key:
            raise ServerError("a key must be ASCII letters, digits and signs, without spaces around it")
    return tuple(dict.fromkeys(keys))


def _hosts(given: Sequence[str]) -> tuple[str, ...]:
    for name in given:
        if not name.isascii() or not name.isprintable() or not name or any(sign in name for sign in "/ @,"):
            raise ServerError(f"--allowed-host takes the name of a machine, not {name!r}")
    return tuple(given)


def _intents(text: str) -> IntentsPlan:
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise ServerError(f"--intents takes NAME=FILE, not {text!r}")
    if not Path(file).is_file():
        raise ServerError(f"--intents {text}: there is no file {file}")
    return IntentsPlan(name, Path(file))


def _calibrations(files: Sequence[Path]) -> tuple[Calibration, ...]:
    if not files:
        return ()
    from samesay.decision.calibration import Calibration

    return tuple(map(Calibration.load, files))


def _plans(
    names: Sequence[tuple[str | None, str | None]],
    served_name: str | None,
    aliases: Sequence[str],
    threads: int | None,
    device: str | None,
) -> list[ModelPlan]:
    from samesay.checkpoint import catalog
    from samesay.checkpoint.locate import locate
    from samesay.remote.address import is_remote

    if served_name is not None and len(names) > 1:
        raise ServerError("--served-model-name goes with one --model; use --alias NAME=MODEL with several")
    further = [_alias(text) for text in aliases]
    plans: list[ModelPlan] = []
    for name, precision in names:
        if name is not None and is_remote(name):
            raise ServerError(f"{name} is behind an endpoint; a server runs models on its own machine")
        found = locate(name, notice=say)
        known = catalog.find(found.name)
        called = [served_name or found.name, found.name, name or found.name]
        called += [known.repository] if known else []
        called += [new for new, old in further if old in called]
        canonical, *others = dict.fromkeys(called)
        plans.append(ModelPlan(canonical, tuple(others), _loader(name, precision, threads, device)))
    for new, old in further:
        if not any(new in plan.aliases for plan in plans):
            raise ServerError(f"--alias {new}={old}: no served model is called {old!r}")
    return plans


def _alias(text: str) -> tuple[str, str]:
    new, equals, old = text.partition("=")
    if not (new and equals and old):
        raise ServerError(f"--alias takes NAME=MODEL, not {text!r}")
    return new, old


def _loader(
    name: str | None, precision: str | None, threads: int | None, device: str | None
) -> Callable[[], EmbeddingModel]:
    def load() -> EmbeddingModel:
        from samesay.model import load_local

        chosen = cast("Precision | None", precision)
        return load_local(name, precision=chosen, threads=threads, device=device)

    return load
