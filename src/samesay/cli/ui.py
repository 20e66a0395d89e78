"""``samesay ui``: the server and its page, in a browser."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from samesay.cli.options import DeviceOption, PrecisionOption, ThreadsOption
from samesay.cli.output import say

_HOST = "127.0.0.1"
_STARTING_SECONDS = 60.0
_LOOK_SECONDS = 0.1


def ui_command(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="Short name, hub id or folder, several times for several."
        ),
    ] = None,
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection", "-c", metavar="KB", help="Folder of a collection to search; may be repeated."
        ),
    ] = None,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="What scores of a served model mean; may be repeated."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only say where the page is.")] = False,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
) -> None:
    """Open a page that shows why sentences match.

    \b
    samesay ui
    samesay ui --collection kb/

    It serves on this machine only, as samesay serve does, until Ctrl-C.
    """  # noqa: D301
    from samesay.cli.serve import serve_command

    chosen = port or _free_port()
    address = f"http://{_HOST}:{chosen}/"
    say(f"the page is at {address}")
    if not no_browser:
        # Some browsers keep the caller until they are closed.
        threading.Thread(target=_open, args=(address, chosen), daemon=True).start()
    serve_command(
        model=model,
        collection=collection,
        calibration=calibration,
        host=_HOST,
        port=chosen,
        precision=precision,
        threads=threads,
        device=device,
    )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((_HOST, 0))
        return int(found.getsockname()[1])


def _open(address: str, port: int) -> None:
    """Open the page when something listens there."""
    import webbrowser

    deadline = time.monotonic() + _STARTING_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((_HOST, port), timeout=1).close()
        except OSError:
            time.sleep(_LOOK_SECONDS)
            continue
        if not webbrowser.open(address):
            say(f"no browser could be opened; go to {address}")
        return
