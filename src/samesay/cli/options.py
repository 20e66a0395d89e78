"""The options that several commands share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from samesay.cli.output import say
from samesay.errors import TextError

if TYPE_CHECKING:
    from samesay.engine.base import Precision
    from samesay.text_model import TextModel

PairMode = Literal["symmetric", "query-document", "plain"]


class PairPrompt(str, Enum):
    """What the two texts of a pair are to each other."""

    symmetric = "symmetric"
    query_document = "query-document"
    plain = "plain"
    none = "none"

    @property
    def mode(self) -> PairMode:
        """The mode of ``TextModel.similarity``."""
        if self is PairPrompt.symmetric:
            return "symmetric"
        return "query-document" if self is PairPrompt.query_document else "plain"


@dataclass(frozen=True)
class PairSettings:
    """How pairs are compared.

    Args:
        mode: What the two texts are to each other.
        task: The task, or None.
        dimensions: The width to cut vectors to, or None.
        overlength: What to do with a long text.
    """

    mode: PairMode
    task: str | None
    dimensions: int | None
    overlength: Literal["error", "truncate"]

    def about(self, model: TextModel) -> dict[str, object]:
        """What a score goes with, for JSON."""
        identity = model.identity_at(self.dimensions)
        return {"model": model.name, "identity": str(identity), "mode": self.mode, "task": self.task}


class Overlength(str, Enum):
    """What to do with a text over the model's limit."""

    error = "error"
    truncate = "truncate"

    @property
    def choice(self) -> Literal["error", "truncate"]:
        """The argument of ``TextModel.encode``."""
        return "error" if self is Overlength.error else "truncate"


ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Short name, hub id, folder, or endpoint (openai:NAME, URL#NAME); else the best present.",
    ),
]
PairPromptOption = Annotated[
    PairPrompt,
    typer.Option(
        "--prompt",
        help="symmetric: like with like. query-document: A asks, B answers. plain or none: no prompt.",
    ),
]
TaskOption = Annotated[
    str | None,
    typer.Option("--task", metavar="TASK", help="Named task or instruction, for models that take one."),
]
DimensionsOption = Annotated[
    int | None,
    typer.Option("--dimensions", "-d", min=1, metavar="N", help="Keep the first N numbers of a vector."),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option("--precision", metavar="NAME", help="int8, bf16 or fp32."),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, metavar="N", help="Threads to compute with; results do not depend on it."
    ),
]
OverlengthOption = Annotated[
    Overlength, typer.Option("--overlength", help="A text over the model's limit is refused, or cut.")
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="NAME", help="cuda, mps or torch:cpu compute with torch; else the processor."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, numbers in full.")]
ColumnOption = Annotated[
    str | None,
    typer.Option("--column", metavar="NAME", help="Column of the texts; else 'text' or the only one."),
]
ProgressOption = Annotated[
    bool | None,
    typer.Option("--progress/--no-progress", help="Show progress; by default in a terminal only."),
]
SegmentTokensOption = Annotated[
    int | None,
    typer.Option("--segment-tokens", min=1, metavar="N", help="Tokens that a segment should have."),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace a file of that name.")]


def loaded_model(
    name: str | None, precision: str | None, threads: int | None, device: str | None = None
) -> TextModel:
    """Load the model; one line on standard error says which, where it was not named."""
    from samesay import load

    if name is None:
        from samesay.checkpoint.locate import locate

        found = locate(None, notice=say)
        say(f"model {found.name} ({found.how})")
    # The engine knows the names of precisions and refuses others.
    chosen = cast("Precision | None", precision)
    return load(name, precision=chosen, threads=threads, device=device, notice=say)


def checked_argument(text: str, what: str) -> str:
    """Give a text of the command line, which must be UTF-8 whatever the locale says.

    Raises:
        TextError: the argument's bytes are not UTF-8.
    """
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        pass
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeEncodeError as error:
        found = f"character {error.start + 1} is half of a surrogate pair, U+{ord(text[error.start]):04X}"
    except UnicodeDecodeError as error:
        found = f"byte {error.start + 1} is 0x{error.object[error.start]:02X}"
    raise TextError(f"{what} is not valid UTF-8: {found}")
