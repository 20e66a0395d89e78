"""What ``samesay explain`` shows: coloured text in a terminal, the same as TSV elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from samesay.cli import output

if TYPE_CHECKING:
    from rich.text import Text

    from samesay.decision.reasons import LeftOut, Reasons, Span

_COLUMNS = ("what", "score", "a", "b", "value_a", "value_b")
_CONFLICT, _ALONE, _SHARED, _TERM = "bold red", "yellow", "green", "underline"


def print_explanation(reasons: Reasons) -> None:
    """Print reasons."""
    if not output.to_terminal():
        output.print_tsv_row(_COLUMNS)
        for row in rows(reasons):
            output.print_tsv_row(row)
        sys.stdout.flush()
        return
    console = output.terminal()
    console.print(_headline(reasons), soft_wrap=True)
    console.print(_marked("A ", reasons.text_a, reasons, first=True), soft_wrap=True)
    console.print(_marked("B ", reasons.text_b, reasons, first=False), soft_wrap=True)
    for line in _lines(reasons):
        console.print(line, soft_wrap=True)


def rows(reasons: Reasons) -> Iterator[tuple[object, ...]]:
    """Give the rows of the TSV: the pair, conflicts, shared parts and terms, and what each part adds."""
    score = output.rounded
    decision = reasons.decision
    yield decision.band, score(reasons.score), reasons.text_a, reasons.text_b, None, None
    if decision.demoted_from is not None:
        yield f"demoted from {decision.demoted_from}", None, None, None, None, None
    for conflict in reasons.conflicts:
        yield (
            f"conflict: {conflict.kind}",
            None,
            conflict.a.text,
            conflict.b.text,
            conflict.value_a,
            conflict.value_b,
        )
    for pair in reasons.shared.spans:
        yield "aligned", score(pair.score), pair.a.text, pair.b.text, None, None
    for term in reasons.shared.terms:
        yield "shared term", None, term.a.text, term.b.text, None, None
    for one in reasons.differs.a:
        yield "drop without", score(one.drop), one.span.text, None, None, None
    for one in reasons.differs.b:
        yield "drop without", score(one.drop), None, one.span.text, None, None


def _headline(reasons: Reasons) -> Text:
    from rich.text import Text

    decision = reasons.decision
    line = Text(f"{output.rounded(reasons.score)}  ")
    line.append(decision.band, "bold")
    if decision.demoted_from is not None:
        line.append(f" (was {decision.demoted_from}; conflicts lower it)")
    if decision.probability is not None:
        line.append(f", probability {output.rounded(decision.probability)}")
    if decision.certificate is not None:
        line.append(f"\n{decision.certificate}")
    return line


def _marked(label: str, text: str, reasons: Reasons, *, first: bool) -> Text:
    """A text with its aligned parts, what it says alone, rare terms and conflicts in colours."""
    line = output.single_line(text)
    styled: list[tuple[Span, str]] = []
    styled += [(pair.a if first else pair.b, _SHARED) for pair in reasons.shared.spans]
    styled += [(one.span, _ALONE) for one in _alone(reasons.differs.a if first else reasons.differs.b)]
    styled += [(term.a if first else term.b, _TERM) for term in reasons.shared.terms]
    styled += [(conflict.a if first else conflict.b, _CONFLICT) for conflict in reasons.conflicts]
    for span, style in styled:
        line.stylize(style, span.begin, span.end)
    from rich.text import Text

    return Text.assemble((label, "bold"), line)


def _alone(parts: tuple[LeftOut, ...]) -> list[LeftOut]:
    """The parts without which the texts are more alike."""
    return [one for one in parts if one.drop < 0]


def _lines(reasons: Reasons) -> Iterator[Text]:
    from rich.text import Text

    for conflict in reasons.conflicts:
        line = Text.assemble(("conflict ", _CONFLICT))
        line.append(f"{conflict.kind:<9}")
        line.append_text(output.single_line(f"{conflict.a.text} / {conflict.b.text}"))
        if (conflict.value_a, conflict.value_b) != (conflict.a.text, conflict.b.text):
            line.append_text(output.single_line(f"  ({conflict.value_a} / {conflict.value_b})"))
        yield line
    for pair in reasons.shared.spans:
        line = Text.assemble(("aligned  ", _SHARED))
        yield line.append_text(
            output.single_line(f"{output.rounded(pair.score)}    {pair.a.text} ~ {pair.b.text}")
        )
    if reasons.shared.terms:
        words = ", ".join(term.term for term in reasons.shared.terms)
        yield Text.assemble(("terms    ", _TERM)).append_text(output.single_line(words))
    for name, parts in (("A", reasons.differs.a), ("B", reasons.differs.b)):
        for one in parts:
            style = _ALONE if one.drop < 0 else ""
            line = Text.assemble((f"without {name} ", style))
            yield line.append_text(output.single_line(f"{-one.drop:+.3f}   {one.span.text}"))
    if not reasons.conflicts:
        yield Text("no conflict found in numbers, dates, negation, antonyms or names")
