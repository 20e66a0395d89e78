"""What ``samesay match`` shows: answers, figures and confusions, and what they rest on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from samesay.cli import output
from samesay.decision.intents.examples import NONE

if TYPE_CHECKING:
    from samesay.decision.intents.evaluating import IntentsReport, Share
    from samesay.decision.intents.matcher import IntentMatcher
    from samesay.decision.intents.matching import IntentMatch
    from samesay.textfiles import TextRow

_CONTRADICTIONS_SHOWN = 5
_CONFUSIONS_SHOWN = 10
_COLUMNS = ("intent", "texts", "right", "none", "given")


def making_lines(matcher: IntentMatcher) -> list[str]:
    """Say what the matcher was made of, and what is odd about the examples."""
    fitted = matcher.fitted
    evidence = fitted.evidence
    lines = [
        f"{len(matcher.intents)} intents, {evidence.examples} examples, {evidence.outside} out-of-scope texts"
        + (f", {evidence.held_out} texts kept apart" if evidence.held_out else "")
    ]
    if evidence.left_out:
        share = evidence.left_out_right / evidence.left_out
        lines.append(
            f"of {evidence.left_out} examples, each left out, {share:.1%} score best with their intent"
        )
    if evidence.repeated:
        lines.append(f"{evidence.repeated} rows repeat an example and count once")
    shown = fitted.contradictions[:_CONTRADICTIONS_SHOWN]
    lines += [f"contradictory: {one}" for one in shown]
    if len(fitted.contradictions) > len(shown):
        lines.append(f"contradictory: {len(fitted.contradictions) - len(shown)} more texts")
    return lines


def threshold_lines(matcher: IntentMatcher) -> list[str]:
    """Say what the threshold rests on, and what is promised or not."""
    from samesay.decision.intents.telling import describe, describe_threshold

    fitted = matcher.fitted
    held = fitted.certificates_at(fitted.threshold.high)
    lines = [describe_threshold(fitted), *(f"certified: {describe(one)}" for one in held)]
    return [*lines, *(f"no certificate: {one.message}" for one in fitted.refused)]


def print_matches(
    matcher: IntentMatcher, rows: Sequence[TextRow], matches: Sequence[IntentMatch], *, json: bool
) -> None:
    """Print the answer about each text."""
    if json:
        found = [
            {"text": row.text, **({} if row.id is None else {"id": row.id}), **_match_json(one)}
            for row, one in zip(rows, matches, strict=True)
        ]
        output.print_json(about(matcher) | {"matches": found})
        return
    columns = ["intent", "score", "band", "certified", "candidates", "text"]
    if output.to_terminal():
        table = output.TerminalTable([name for name in columns if name != "certified"], texts=(0, 2, 3, 4))
        table.print(
            [
                (one.intent or NONE, output.rounded(one.score), one.band, _named(one), row.text)
                for row, one in zip(rows, matches, strict=True)
            ]
        )
    else:
        output.print_tsv_row(columns)
        for row, one in zip(rows, matches, strict=True):
            candidates = [[found.intent, found.score, found.band] for found in one.candidates]
            promised = "yes" if one.certificate else "no"
            output.print_tsv_row((one.intent or NONE, one.score, one.band, promised, candidates, row.text))
        sys.stdout.flush()
    ties = sum(bool(one.tied) for one in matches)
    if ties:
        output.say(f"{ties} texts have intents that tie; the one that comes first in the examples is given")


def print_report(matcher: IntentMatcher, report: IntentsReport, *, json: bool) -> None:
    """Print how labelled texts are answered."""
    if json:
        output.print_json(about(matcher) | {"evaluation": asdict(report)})
        return
    rows = [tuple(asdict(one).values()) for one in report.intents]
    if output.to_terminal():
        table = output.TerminalTable(_COLUMNS, texts=(0,))
        table.print(rows)
    else:
        output.print_tsv_row(_COLUMNS)
        for row in rows:
            output.print_tsv_row(row)
    sys.stdout.flush()
    for line in report_lines(report):
        output.say(line)


def report_lines(report: IntentsReport) -> list[str]:
    """Say in a few lines how labelled texts are answered."""
    lines = [
        f"best intent right: {_share(report.best)} of the texts with an intent, whatever the threshold",
        f"answered right: {_share(report.right)}; given any intent (coverage): {_share(report.covered)}",
        f"right among given intents: {_share(report.precise)}",
    ]
    if report.refused.of:
        area = (
            ""
            if report.area is None
            else f"; a text in scope scores above one outside {report.area:.1%} of the time"
        )
        lines.append(f"out-of-scope texts given none (recall): {_share(report.refused)}{area}")
    lines += [
        f"confused: {one.texts} of {one.own or NONE} answered {one.given or NONE}"
        for one in report.confusions[:_CONFUSIONS_SHOWN]
    ]
    if report.repeated:
        lines.append(
            f"{report.repeated} of these texts stand among the examples, which makes figures look better"
        )
    return lines


def about(matcher: IntentMatcher) -> dict[str, object]:
    """What answers go with, for JSON."""
    fitted = matcher.fitted
    return {
        "model": matcher.model.name,
        "identity": str(fitted.key.identity),
        "task": fitted.key.task,
        "method": fitted.method,
        "intents": list(matcher.intents),
        "threshold": asdict(fitted.threshold),
        "certificates": [asdict(one) for one in fitted.certificates_at(fitted.threshold.high)],
        "refused": [asdict(one) for one in fitted.refused],
        "contradictions": [asdict(one) for one in fitted.contradictions],
        "evidence": asdict(fitted.evidence),
    }


def _match_json(match: IntentMatch) -> dict[str, object]:
    # The certificate is the same for all and stands at the top.
    value = asdict(match)
    del value["certificate"], value["basis"]
    return value | {"certified": match.certificate is not None}


def _named(match: IntentMatch) -> str:
    return ", ".join(f"{one.intent} {output.rounded(one.score, 2)}" for one in match.candidates)


def _share(share: Share) -> str:
    return f"{share.count} of {share.of}" + ("" if share.value is None else f" ({share.value:.1%})")
