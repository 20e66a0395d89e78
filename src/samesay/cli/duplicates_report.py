"""What ``samesay duplicates`` reads and shows."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from samesay.cli import output
from samesay.newfiles import new_file
from samesay.textfiles import line_source, read_lines, read_texts, text_source

if TYPE_CHECKING:
    from samesay.decision.calibration import Calibration
    from samesay.decision.certificate import Certificate
    from samesay.duplicates.aligning import Alignment
    from samesay.duplicates.finding import DuplicateMember, Duplicates
    from samesay.text_model import TextModel


@dataclass(frozen=True)
class Texts:
    """The texts of a file or collection.

    Args:
        name: What messages call it.
        unit: What its texts are numbered by: ``line``, ``row`` or ``document``.
        labels: The number or the document's id of each text.
        ids: Its ``id`` in the file, or None.
        texts: The texts.
    """

    name: str
    unit: str
    labels: list[int | str]
    ids: list[int | str | None]
    texts: list[str]

    def places(self) -> Iterator[tuple[str, str]]:
        """Give where each text stands, and the text."""
        for label, text in zip(self.labels, self.texts, strict=True):
            yield f"{self.name}, {self.unit} {label}", text


def texts_of(file: str, column: str | None, threads: int | None) -> tuple[Texts, TextModel | None]:
    """Read a file, standard input or a collection; the last gives its model too.

    Texts without any letter are left out: they are all alike, and nobody means them.
    """
    path = Path(file)
    if file != "-" and path.is_dir():
        texts, model = _of_collection(path, threads)
    else:
        texts, model = _of_file(file, column), None
    kept = [place for place, text in enumerate(texts.texts) if text.strip()]
    if len(kept) < len(texts.texts):
        output.say(f"{texts.name}: empty texts left out: {len(texts.texts) - len(kept)}")
        texts = Texts(
            texts.name,
            texts.unit,
            [texts.labels[place] for place in kept],
            [texts.ids[place] for place in kept],
            [texts.texts[place] for place in kept],
        )
    return texts, model


def _of_file(file: str, column: str | None) -> Texts:
    if file == "-":
        source = line_source(Path(file), "standard input")
        rows = list(read_lines(sys.stdin.buffer, source.name))
    else:
        source = text_source(Path(file), column)
        output.say_column(source, column)
        rows = list(read_texts(source))
    unit = "row" if source.kind == "parquet" else "line"
    numbers: list[int | str] = [row.number for row in rows]
    return Texts(source.name, unit, numbers, [row.id for row in rows], [row.text for row in rows])


def _of_collection(path: Path, threads: int | None) -> tuple[Texts, TextModel]:
    from samesay.cli.opened import opened

    with opened(path, threads) as knowledge:
        documents = list(knowledge.documents())
        ids: list[int | str] = [one.id for one in documents]
        texts = Texts(path.name, "document", ids, [None] * len(ids), [one.text for one in documents])
        return texts, knowledge.model


def tell_groups(
    found: Duplicates, texts: Texts, about: dict[str, object], to: Path | None, *, json: bool
) -> None:
    """Write the groups where they should go, and a summary to standard error."""
    if json or (to is not None and to.suffix.lower() == ".json"):
        _put_json(about | _groups_json(found, texts), to)
    else:
        rows = [
            [number, _role(one), one.score, texts.labels[one.row], texts.ids[one.row], texts.texts[one.row]]
            for number, group in enumerate(found.groups, 1)
            for one in group.members
        ]
        _put_rows(["group", "role", "score", texts.unit, "id", "text"], rows, to)
    members = sum(map(len, found.groups))
    output.say(
        f"groups: {len(found.groups)}; texts in them: {members} of {found.texts}; to spare: "
        f"{found.texts - len(found.kept())}"
    )
    _say_threshold(found.threshold, found.certificates)


def tell_pairs(
    found: Alignment,
    left: Texts,
    right: Texts,
    model: TextModel,
    calibration: Calibration | None,
    to: Path | None,
    *,
    json: bool,
) -> None:
    """Write the pairs where they should go, and a summary to standard error."""
    from samesay.decision.deciding import decider_for

    assert found.key is not None  # noqa: S101 - texts were given, not vectors
    decider = decider_for(found.key, calibration)
    decisions = decider.decide([one.score for one in found.pairs])
    if json or (to is not None and to.suffix.lower() == ".json"):
        head: dict[str, object] = {
            "model": model.name,
            "identity": str(found.key.identity),
            "mode": found.key.mode,
            "task": found.key.task,
            "neighbours": found.neighbours,
            "margin": found.margin,
            "threshold": found.threshold,
            "certified": found.certified,
            "certificates": [asdict(one) for one in found.certificates],
            "texts": [found.lefts, found.rights],
        }
        pairs = [
            {
                "margin": one.margin,
                "score": one.score,
                "band": decision.band,
                "probability": decision.probability,
                f"{left.unit}s_a": [left.labels[row] for row in one.left_rows],
                f"{right.unit}s_b": [right.labels[row] for row in one.right_rows],
                "text_a": left.texts[one.left],
                "text_b": right.texts[one.right],
            }
            for one, decision in zip(found.pairs, decisions, strict=True)
        ]
        _put_json(head | decider.about() | {"pairs": pairs}, to)
    else:
        rows: list[list[object]] = [
            [
                float(f"{one.margin:.6g}"),
                one.score,
                decision.band,
                left.labels[one.left],
                right.labels[one.right],
                left.texts[one.left],
                right.texts[one.right],
            ]
            for one, decision in zip(found.pairs, decisions, strict=True)
        ]
        columns = ["margin", "score", "band", f"{left.unit}_a", f"{right.unit}_b", "text_a", "text_b"]
        _put_rows(columns, rows, to)
    output.say(f"pairs: {len(found.pairs)}, between {found.lefts} and {found.rights} texts")
    if found.threshold is not None:
        _say_threshold(found.threshold, found.certificates)


def _groups_json(found: Duplicates, texts: Texts) -> dict[str, object]:
    return {
        "threshold": found.threshold,
        "certified": found.certified,
        "certificates": [asdict(one) for one in found.certificates],
        "linkage": found.linkage,
        "texts": found.texts,
        "distinct": found.distinct,
        "pairs": found.pairs,
        "groups": [
            {
                "representative": texts.labels[group.representative],
                "members": [
                    {
                        texts.unit: texts.labels[one.row],
                        "id": texts.ids[one.row],
                        "role": _role(one),
                        "score": one.score,
                        "text": texts.texts[one.row],
                    }
                    for one in group.members
                ],
            }
            for group in found.groups
        ],
    }


def _role(member: DuplicateMember) -> str:
    if member.representative:
        return "representative"
    return "copy" if member.exact else "near"


def _say_threshold(threshold: float, certificates: Sequence[Certificate]) -> None:
    if not certificates:
        output.say(f"the same from {threshold:.4f} on: uncertified, no promise goes with this threshold")
    for one in certificates:
        output.say(f"the same from {threshold:.4f} on: certified, {one}")


def _put_json(value: object, to: Path | None) -> None:
    if to is None:
        output.print_json(value)
        return
    with new_file(to) as file:
        file.write((json_format.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))


def _put_rows(columns: Sequence[str], rows: Sequence[Sequence[object]], to: Path | None) -> None:
    if to is not None:
        with new_file(to) as file:
            for row in (columns, *rows):
                file.write(("\t".join(map(output.field, row)) + "\n").encode("utf-8"))
    elif output.to_terminal():
        _print_table(columns, rows)
    else:
        for row in (columns, *rows):
            output.print_tsv_row(row)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    # A terminal has little room: a column without anything in it is left out.
    used = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    names = [columns[place] for place in used]
    texts = [place for place, name in enumerate(names) if name.startswith(("text", "role", "band"))]
    if rows:
        shown = [[_short(row[place]) for place in used] for row in rows]
        output.TerminalTable(names, texts=texts).print(shown)


def _short(value: object) -> object:
    return output.rounded(value) if isinstance(value, float) else value
