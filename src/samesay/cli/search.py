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
from samesay.cli.options import JsonOption, TaskOption, ThreadsOption, checked_argument
from samesay.errors import FilterError

if TYPE_CHECKING:
    from samesay.collection.hit import Hit

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
    task: TaskOption = None,
    json: JsonOption = False,
    threads: ThreadsOption = None,
) -> None:
    """Find the documents that answer a question, each with its best passage.

    \b
    samesay search kb/ "How do I restart a pod?"
    samesay search kb/ "重启" --mode text --top 5
    samesay search kb/ "quota" --where '{"language": "en", "year": {"gte": 2020}}'

    A score is comparable within one mode and one collection only.
    """  # noqa: D301
    from samesay.cli.opened import opened

    question = checked_argument(query, "the question")
    condition = None if where is None else _filter(checked_argument(where, "--where"))
    with opened(collection, threads) as knowledge:
        hits = knowledge.search(
            question,
            top,
            mode=mode.value,
            where=condition,
            min_score=min_score,
            task=task,
            level=level.value,
        )
    if json:
        output.print_json([asdict(hit) for hit in hits])
    elif output.to_terminal():
        _print_hits(hits)
    else:
        _print_tsv(hits)
    if not hits:
        output.say("nothing found")


def _filter(text: str) -> dict[str, object]:
    try:
        value = json_format.loads(text)
    except (ValueError, RecursionError) as error:
        raise FilterError(f"--where is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise FilterError('--where wants an object such as {"language": "en"}')
    return value


def _print_hits(hits: Sequence[Hit]) -> None:
    for place, hit in enumerate(hits):
        path = " › ".join(part for part in (hit.title, *hit.headings) if part)
        sys.stdout.write(f"{output.rounded(hit.score)}  {output.single_line(hit.document_id).plain}\n")
        if path:
            sys.stdout.write(f"{_INDENT}{output.single_line(path).plain}\n")
        for line in hit.passage.splitlines():
            sys.stdout.write(f"{_INDENT}{output.single_line(line).plain}".rstrip() + "\n")
        if place < len(hits) - 1:
            sys.stdout.write("\n")


def _print_tsv(hits: Sequence[Hit]) -> None:
    output.print_tsv_row(["score", "document_id", "begin", "end", "title", "passage"])
    for hit in hits:
        score = output.rounded(hit.score)
        output.print_tsv_row([score, hit.document_id, hit.begin, hit.end, hit.title, hit.passage])
