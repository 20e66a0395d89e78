"""The command line: thin doors to the same calls as in Python."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import re
import sys
import threading
import warnings
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from samesay.cli.calibrate import calibrate_command
from samesay.cli.collection import collection_app
from samesay.cli.compare import compare_command
from samesay.cli.duplicates import duplicates_command
from samesay.cli.embed import embed_command
from samesay.cli.embed_corpus import EmbedCommand
from samesay.cli.explain import explain_command
from samesay.cli.index import index_command
from samesay.cli.match import match_command
from samesay.cli.matrix import matrix_command
from samesay.cli.models import models_command
from samesay.cli.output import say
from samesay.cli.pull import pull_command
from samesay.cli.search import search_command
from samesay.cli.selftest import selftest_command
from samesay.cli.serve import serve_command
from samesay.cli.similarity import similarity_command
from samesay.cli.ui import ui_command
from samesay.errors import SamesayError, TruncationWarning

INTERRUPTED = 130
PIPE_CLOSED = 141

# Messages name an argument as Python has it; here it is an option.
_PYTHON_OPTION = re.compile(r"\b(overlength|precision|prompt|task)='([^']*)'")


class _Commands(TyperGroup):
    """The commands, with every expected end told in one line on standard error."""

    def invoke(self, ctx: Any) -> Any:
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning
            warnings.simplefilter("always", TruncationWarning)
            try:
                result = super().invoke(ctx)
                sys.stdout.flush()
            except SamesayError as error:
                say(_PYTHON_OPTION.sub(r"--\1 \2", str(error)))
                _end(1)
            except KeyboardInterrupt as interrupt:
                say(f"interrupted{': ' if interrupt.args else ''}{''.join(map(str, interrupt.args))}")
                _end(INTERRUPTED)
            except BrokenPipeError:
                _end(PIPE_CLOSED)
            except OSError as error:
                place = "" if error.filename is None else f"{error.filename}: "
                say(f"{place}{error.strerror or error}")
                _end(1)
        return result


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("similarity", short_help="Score a pair of texts, or the pairs of a file.")(similarity_command)
app.command("matrix", short_help="Score every text of a file against every other.")(matrix_command)
app.command("explain", short_help="Say why two texts match or do not.")(explain_command)
app.command("calibrate", short_help="Learn from labelled pairs what scores mean.")(calibrate_command)
app.command("match", short_help="Say which intent texts have, or none.")(match_command)
app.command("duplicates", short_help="Find texts that say the same.")(duplicates_command)
app.command("embed", cls=EmbedCommand, short_help="Embed texts into files of vectors.")(embed_command)
app.command("index", short_help="Put files into a collection.")(index_command)
app.command("search", short_help="Search a collection.")(search_command)
app.add_typer(collection_app, name="collection", short_help="Look at a collection, and keep it in order.")
app.command("models", short_help="List the models on this machine.")(models_command)
app.command("pull", short_help="Fetch a model.")(pull_command)
app.command("serve", short_help="Serve embeddings over HTTP.")(serve_command)
app.command("ui", short_help="Open a page that shows why sentences match.")(ui_command)
app.command("compare", short_help="Compare models on your own data.")(compare_command)
app.command("selftest", short_help="Check that this machine computes rightly.")(selftest_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from samesay import __version__

        typer.echo(f"samesay {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Do these sentences say the same thing?

    \b
    samesay similarity "The cat is asleep." "A cat sleeps."

    Results go to standard output, everything else to standard error. A terminal
    gets tables; a file or a pipe gets the same as TSV, and with --json as JSON.
    """  # noqa: D301


def main() -> None:
    """Run the command line and end the process.

    The exit code is 0, 1 for an error that is told, 2 for a wrong use of the command line, 130 after Ctrl-C,
    and 141 when the reader of standard output has gone.
    """
    # A stream that was closed before the start is None; what goes there is for nobody.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app(prog_name="samesay")
    except SystemExit as ended:
        if threading.active_count() == 1 or not isinstance(ended.code, int):
            raise
        _leave(ended.code)


def _leave(code: int) -> NoReturn:
    """End the process without taking the interpreter down first.

    LanceDB may still be importing in the background, or a thread of its own handing over a result: either
    asks for an interpreter that is going, and the process aborts after all work was done.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def _say_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    say(str(message))


def _end(code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:
        # Nobody reads it any more: without this the interpreter would complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(code)
