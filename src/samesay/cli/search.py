"""``samesay search``: the passages of a collection that answer a question."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.banding import BandsOption, CalibrationOption, banding
from samesay.cli.options import JsonOption, TaskOption, ThreadsOption, checked_argument
from samesay.errors import FilterError

if TYPE_CHECKING:
    from samesay.cli.banding import Banding
    from samesay.collection.collection import Collection
    from samesay.collection.hit import Hit
    from samesay.decision.bands import Decision
    from samesay.decision.deciding import Decider

_INDENT = "   "


class ModeChoice(str, Enum):
    """What is compared."""

    semantic = "semantic"
    text = "text"
    hybrid = "hybrid"


class LevelChoice(str, Enum):
    """What a query is compared with."""

    segments = "segments"
    documents = "documents"
    both = "both"


def search_command(
    collection: Annotated[Path, typer.Argument(metavar="KB", help="The collection.")],
    query: Annotated[str, typer.Argument(metavar="QUESTION", help="A question, or some words.")],
    top: Annotated[int, typer.Option("--top", "-k", min=1, metavar="N", help="Documents to show.")] = 3,
    mode: Annotated[
        ModeChoice, typer.Option(help="semantic: meanings. text: words (BM25). hybrid: both rankings.")
    ] = ModeChoice.semantic,
    where: Annotated[
        str | None, typer.Option(metavar="JSON", help='Filter, such as \'{"language": "en"}\'.')
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(metavar="S", help="Leave out hits with a lower score.")
    ] = None,
    level: Annotated[
        LevelChoice, typer.Option(help="Compare with segments, with whole documents, or with both.")
    ] = LevelChoice.segments,
    calibration: CalibrationOption = None,
    bands: BandsOption = None,
    task: TaskOption = None,
    json: JsonOption = False,
    threads: ThreadsOption = None,
) -> None:
    """Find the documents that answer a question, each with its best passage.

    \b
    samesay search kb/ "How do I restart a pod?"
    samesay search kb/ "重启" --mode text --top 5
    samesay search kb/ "quota" --where '{"language": "en", "year": {"gte": 2020}}'

    A score is comparable within one mode and one collection only. What a cosine
    means, a calibration of --prompt query-document says.
    """  # noqa: D301
    from samesay.cli.opened import opened

    wanted = banding(calibration, bands, None)
    if mode is ModeChoice.text and (calibration or bands):
        raise typer.BadParameter("--calibration and --bands are for cosines; --mode text has none")
    question = checked_argument(query, "the question")
    condition = None if where is None else _filter(checked_argument(where, "--where"))
    with opened(collection, threads) as knowledge:
        # Before the search: a calibration for something else is told first.
        decider = None if mode is ModeChoice.text else _decider(knowledge, wanted, task)
        hits = knowledge.search(
            question,
            top,
            mode=mode.value,
            where=condition,
            min_score=min_score,
            task=task,
            level=level.value,
        )
        decisions = _decisions(knowledge, hits, decider)
    found = list(zip(hits, decisions, strict=True))
    banded = decider is not None and decider.reason is None
    if json:
        output.print_json([asdict(hit) | _said(decision) for hit, decision in found])
    elif output.to_terminal():
        _print_hits(found, banded=banded)
    else:
        _print_tsv(found, banded=banded)
    if not hits:
        output.say("nothing found")


def _decider(knowledge: Collection, wanted: Banding, task: str | None) -> Decider:
    from samesay.collection.banding import hit_decider

    return hit_decider(knowledge, wanted.calibration, bands=wanted.bands, task=task)


def _decisions(knowledge: Collection, hits: Sequence[Hit], decider: Decider | None) -> list[Decision]:
    from samesay.collection.banding import decide_hits
    from samesay.decision.bands import Decision

    if decider is None:
        return [Decision(hit.score, None, "uncalibrated") for hit in hits]
    return decide_hits(hits, decider, knowledge)


def _said(decision: Decision) -> dict[str, object]:
    return {
        "band": decision.band,
        "probability": decision.probability,
        "certified": decision.certificate is not None,
    }


def _filter(text: str) -> dict[str, object]:
    try:
        value = json_format.loads(text)
    except (ValueError, RecursionError) as error:
        raise FilterError(f"--where is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise FilterError('--where wants an object such as {"language": "en"}')
    return value


def _print_hits(found: Sequence[tuple[Hit, Decision]], *, banded: bool) -> None:
    for place, (hit, decision) in enumerate(found):
        path = " › ".join(part for part in (hit.title, *hit.headings) if part)
        band = f"  {decision.band}" if banded else ""
        name = output.single_line(hit.document_id).plain
        sys.stdout.write(f"{output.rounded(hit.score)}{band}  {name}\n")
        if path:
            sys.stdout.write(f"{_INDENT}{output.single_line(path).plain}\n")
        for line in hit.passage.splitlines():
            sys.stdout.write(f"{_INDENT}{output.single_line(line).plain}".rstrip() + "\n")
        if place < len(found) - 1:
            sys.stdout.write("\n")


def _print_tsv(found: Sequence[tuple[Hit, Decision]], *, banded: bool) -> None:
    names = ["band", "probability"] if banded else []
    output.print_tsv_row(["score", *names, "document_id", "begin", "end", "title", "passage"])
    for hit, decision in found:
        said = [decision.band, decision.probability] if banded else []
        place = [hit.document_id, hit.begin, hit.end, hit.title, hit.passage]
        output.print_tsv_row([output.rounded(hit.score), *said, *place])
