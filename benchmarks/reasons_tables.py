"""The figures of docs/reasons.md, from what conflicts.py and planted_conflicts.py have measured.

    python benchmarks/reasons_tables.py --write docs/reasons.md

tests/test_measured_documents.py compares the document with what comes out now.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import computed

LANGUAGES = {"en": "English", "zh": "Chinese", "mixed": "one of each"}
KINDS = ("number", "date", "negation", "antonym", "name")
PLANTED = {
    "antonym, English": "antonyms of WordNet",
    "antonym, Chinese": "antonyms of the Chinese list",
    "name, en_US": "names of people, English",
    "name, zh_CN": "names of people, Chinese",
}


def written_part(found: dict[str, Any]) -> str:
    """Precision and recall on the written pairs that the rules were not made with."""
    by_kind = {(one["split"], one["language"], one["kind"]): one for one in found["written"]}
    rows = [
        (f"{kind}, {measure}", *(by_kind["test", language, kind][measure] for language in LANGUAGES))
        for kind in KINDS
        for measure in ("precision", "recall")
    ]
    rows.append(("no conflict, none found", *(by_kind["test", name, "none"]["recall"] for name in LANGUAGES)))
    dev = [one for one in found["written"] if one["split"] == "dev"]
    found_dev, labelled = (sum(counts) for counts in zip(*map(_recalled, dev), strict=True))
    text = (
        "[tests/decision/reasons/conflicts.tsv](../tests/decision/reasons/conflicts.tsv) has "
        f"{sum(one['pairs'] for one in found['written'])} pairs written for this, each labelled with the one "
        "conflict that it holds, or none; pairs with none are chosen to be hard. The rules are made with the "
        f"split `dev`, of whose {labelled} pairs {found_dev} are told as they are labelled. The pairs of "
        "`test` for antonyms, names, negation and none were written before the lists of opposites and names "
        "were doubled, and are not looked at; those for numbers and dates are as they were. With 95 % "
        "intervals ([benchmarks/conflicts.py](../benchmarks/conflicts.py)):"
    )
    return f"{computed.paragraph(text)}\n\n{computed.table(('', *LANGUAGES.values()), rows)}"


def planted_part(found: dict[str, Any]) -> str:
    """What is found of words that nobody chose for this, in the half that was counted only."""
    rows = [
        (
            PLANTED[one["what"]],
            str(one["planted"]),
            str(one["words"]),
            computed.interval((one["recall"], *one["interval"]), 2),
        )
        for one in found["planted"]
        if one["split"] == "test"
    ]
    return computed.table(("planted, test half", "places", "pairs of words", "found"), rows)


def public_part(found: dict[str, Any]) -> str:
    """False alarms on public pairs, and what is found of changes made to them."""
    rows = []
    for one in found["public"]:
        counts = [cell for kind in ("equal", "different") for cell in _with_a_conflict(one[kind])]
        planted = (_found(one[name]) for name in ("planted_number", "planted_negation"))
        rows.append((one["set"], *counts, *planted))
    header = (
        "set",
        "equal pairs",
        "with a conflict",
        "different pairs",
        "with a conflict",
        "number changed: found",
        '"not" put in: found',
    )
    return computed.table(header, rows)


def parts(results: Path = computed.RESULTS) -> dict[str, Callable[[], str]]:
    """Give the parts of the document by name."""
    conflicts = computed.read_result(results, "conflicts.json")
    return {
        "written": partial(written_part, conflicts),
        "planted": partial(planted_part, computed.read_result(results, "planted-conflicts.json")),
        "public": partial(public_part, conflicts),
    }


def _recalled(one: dict[str, Any]) -> tuple[int, int]:
    found, of = one["recall"].split()[0].split("/")
    return int(found), int(of)


def _with_a_conflict(counts: dict[str, int]) -> tuple[str, str]:
    return str(counts["pairs"]), f"{counts['any']} ({100 * counts['any'] / counts['pairs']:.1f} %)"


def _found(counts: dict[str, int]) -> str:
    return f"{counts['found']} of {counts['planted']}" if counts["planted"] else "–"


if __name__ == "__main__":
    computed.write_or_print(__doc__, parts())
