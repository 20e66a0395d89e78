"""``samesay similarity``: a score for a pair of texts, or for every pair of a file."""

from __future__ import annotations

import json as json_format
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.banding import Banding, BandsOption, CalibrationOption, DemoteOption, banding
from samesay.cli.locating import located
from samesay.cli.options import (
    DeviceOption,
    DimensionsOption,
    JsonOption,
    ModelOption,
    Overlength,
    OverlengthOption,
    PairPrompt,
    PairPromptOption,
    PairSettings,
    PrecisionOption,
    TaskOption,
    ThreadsOption,
    checked_argument,
    loaded_model,
)
from samesay.errors import TextError, TruncationWarning
from samesay.textfiles import TextPair, read_pairs, read_tsv_pairs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from samesay.decision.bands import Decision
    from samesay.decision.deciding import Decider
    from samesay.decision.reasons import Conflict
    from samesay.text_model import TextModel

_CHUNK = 64


@dataclass(frozen=True)
class Scored:
    """A pair, what is said of it, and the conflicts that count."""

    pair: TextPair
    decision: Decision
    conflicts: tuple[Conflict, ...]

    @property
    def score(self) -> float:
        """The cosine in full."""
        return self.decision.score

    def fields(self) -> dict[str, object]:
        """What JSON says of the score."""
        fields: dict[str, object] = {
            "score": self.score,
            "band": self.decision.band,
            "probability": self.decision.probability,
            "certified": self.decision.certificate is not None,
        }
        if self.conflicts:
            fields |= {
                "conflicts": list(map(str, self.conflicts)),
                "demoted_from": self.decision.demoted_from,
            }
        return fields


def similarity_command(
    text_a: Annotated[str | None, typer.Argument(metavar="A", help="A text.", show_default=False)] = None,
    text_b: Annotated[str | None, typer.Argument(metavar="B", help="Another.", show_default=False)] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="Pairs: .tsv, .csv, .jsonl, .parquet, or - for TSV."
        ),
    ] = None,
    calibration: CalibrationOption = None,
    bands: BandsOption = None,
    demote_on: DemoteOption = None,
    json: JsonOption = False,
    prompt: PairPromptOption = PairPrompt.symmetric,
    task: TaskOption = None,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    overlength: OverlengthOption = Overlength.error,
) -> None:
    """Score how alike two texts are, and say what the score means.

    \b
    samesay similarity "The cat is asleep." "A cat sleeps."
    samesay similarity --file pairs.tsv --json
    samesay similarity --file pairs.tsv --calibration support.calibration.json

    A TSV file has the two texts in its first two columns; the other kinds, and a
    TSV file with a header, have them in the columns text_a and text_b. Further
    columns are kept. The score is the cosine of the vectors, and what it means
    depends on the model and --prompt: where a calibration fits, a band says it.
    """  # noqa: D301
    wanted = banding(calibration, bands, demote_on)
    pairs = _pairs(text_a, text_b, file)
    embedder = loaded_model(model, precision, threads, device)
    settings = PairSettings(prompt.mode, task, dimensions, overlength.choice)
    decider = wanted.decider(embedder, settings)
    scored = _scored(embedder, pairs, settings, wanted, decider)
    if json:
        about = settings.about(embedder) | decider.about()
        if file is None:
            (one,) = chain.from_iterable(scored)
            output.print_json(one.fields() | {"text_a": one.pair.text_a, "text_b": one.pair.text_b} | about)
        else:
            _print_json(scored, about)
        return
    if file is None:
        (one,) = chain.from_iterable(scored)
        _print_single(one)
    else:
        _print_table(scored, conflicts=bool(wanted.kinds))
    if decider.reason is not None:
        sys.stdout.flush()
        output.say(f"uncalibrated: {decider.reason}")


def _pairs(text_a: str | None, text_b: str | None, file: str | None) -> Iterator[TextPair]:
    if file is not None:
        if text_a is not None:
            raise typer.BadParameter("give two texts or --file, not both")
        pairs = read_tsv_pairs(sys.stdin.buffer, "standard input") if file == "-" else read_pairs(Path(file))
        first = next(pairs)  # a file that cannot be read is told before a model is loaded
        return chain((first,), pairs)
    if text_a is None or text_b is None:
        raise typer.BadParameter("give two texts, or --file with pairs")
    left, right = checked_argument(text_a, "the first text"), checked_argument(text_b, "the second text")
    return iter((TextPair("", left, right, {}),))


def _scored(
    model: TextModel,
    pairs: Iterator[TextPair],
    settings: PairSettings,
    wanted: Banding,
    decider: Decider,
) -> Iterator[list[Scored]]:
    count = cut = 0
    while chunk := list(islice(pairs, _CHUNK)):
        scores = _scores(model, chunk, settings)
        found = zip(chunk, scores, decider.decide(scores), strict=True)
        yield [_one(pair, output.full_number(score), decision, wanted) for pair, score, decision in found]
        count += 2 * len(chunk)
        cut += _cut_texts(model, chunk, settings)
    if cut:
        output.say(f"{cut} of {count} texts were cut to {model.max_tokens} tokens")


def _one(pair: TextPair, score: float, decision: Decision, wanted: Banding) -> Scored:
    conflicts = wanted.conflicts(pair.text_a, pair.text_b)
    return Scored(pair, wanted.demoted(replace(decision, score=score), conflicts), conflicts)


def _scores(model: TextModel, pairs: list[TextPair], settings: PairSettings) -> NDArray[np.float32]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncationWarning)  # told once, for all pairs together
            return model.similarity(
                [pair.text_a for pair in pairs],
                [pair.text_b for pair in pairs],
                mode=settings.mode,
                task=settings.task,
                dimensions=settings.dimensions,
                overlength=settings.overlength,
            )
    except TextError as error:
        raise located(error, model, _places(pairs), settings) from None


def _cut_texts(model: TextModel, pairs: list[TextPair], settings: PairSettings) -> int:
    if settings.overlength == "error":
        return 0
    left, right = model.prompts.pair_prefixes(settings.mode, settings.task)
    texts = [left + pair.text_a for pair in pairs] + [right + pair.text_b for pair in pairs]
    return int(model.too_long(texts).sum())


def _places(pairs: list[TextPair]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        yield f"{pair.place}, text_a" if pair.place else "the first text", pair.text_a
        yield f"{pair.place}, text_b" if pair.place else "the second text", pair.text_b


def _print_json(scored: Iterator[list[Scored]], about: dict[str, object]) -> None:
    # Written pair by pair: the file may have more of them than fit into memory.
    first = next(scored)  # before anything is written: it may be an error
    head = json_format.dumps(about, ensure_ascii=False, indent=2)
    sys.stdout.write(head.removesuffix("\n}") + ',\n  "pairs": [')
    separator = "\n    "
    for one in chain(first, chain.from_iterable(scored)):
        pair = one.pair
        value = one.fields() | {"text_a": pair.text_a, "text_b": pair.text_b}
        if pair.further:
            value["columns"] = pair.further
        sys.stdout.write(separator + json_format.dumps(value, ensure_ascii=False, default=str))
        separator = ",\n    "
    sys.stdout.write("\n  ]\n}\n")


def _print_single(one: Scored) -> None:
    if output.to_terminal():
        sys.stdout.write(f"{output.rounded(one.score)}  {one.decision.band}\n")
    else:
        output.print_tsv_row([output.rounded(one.score), one.decision.band])
    sys.stdout.flush()
    for conflict in one.conflicts:
        output.say(f"conflict in {conflict}")
    if one.decision.demoted_from is not None:
        output.say(f"the band was {one.decision.demoted_from}; the conflict lowers it")


def _print_table(scored: Iterator[list[Scored]], *, conflicts: bool) -> None:
    first = next(scored)
    names = list(first[0].pair.further)
    terminal = output.to_terminal()
    # A terminal has little room: what is said in numbers goes to files.
    said = ["score", "band", *([] if terminal else ["probability"]), *(["conflicts"] if conflicts else [])]
    columns = [*said, "text_a", "text_b", *(f"{name}_2" if name in said else name for name in names)]

    def row(one: Scored) -> list[object]:
        values: dict[str, object] = {
            "score": output.rounded(one.score) if terminal else one.score,
            "band": one.decision.band,
            "probability": one.decision.probability,
            "conflicts": "; ".join(map(str, one.conflicts)),
        }
        further = (one.pair.further.get(name) for name in names)
        return [*(values[name] for name in said), one.pair.text_a, one.pair.text_b, *further]

    if terminal:
        table = output.TerminalTable(columns, texts=range(1, len(columns)))
        for chunk in chain((first,), scored):
            table.print([row(one) for one in chunk])
        return
    output.print_tsv_row(columns)
    for chunk in chain((first,), scored):
        for one in chunk:
            output.print_tsv_row(row(one))
        sys.stdout.flush()
