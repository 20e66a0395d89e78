"""Reports as JSON, written and read back, with the part that mteb reads beside our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from samesay.comparison.mteb_results import mteb_results
from samesay.comparison.report import FORMAT, Report
from samesay.decision.strict import decode
from samesay.errors import ComparisonError


def report_json(report: Report) -> dict[str, Any]:
    """Give a report as JSON has it: the fields of ``Report``, and ``mteb``, the results in mteb's form."""
    return {**asdict(report), "mteb": mteb_results(report)}


def report_text(report: Report) -> str:
    """Give the content of a report's file."""
    return json.dumps(report_json(report), ensure_ascii=False, indent=1) + "\n"


def read_report(path: Path) -> Report:
    """Read a report.

    Raises:
        ComparisonError: The file is not one that samesay wrote; the message says where and why.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ComparisonError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ComparisonError(f"{path} is not JSON ({error})") from None
    return parse_report(value, str(path))


def parse_report(value: object, name: str) -> Report:
    """Give the report that JSON holds.

    Raises:
        ComparisonError: It is none.
    """
    if not isinstance(value, Mapping):
        raise ComparisonError(f"{name} holds no report")
    if value.get("format") != FORMAT:
        raise ComparisonError(
            f"{name} has the format {value.get('format')!r}; this version of samesay reads {FORMAT}"
        )
    ours = {key: one for key, one in value.items() if key != "mteb"}
    try:
        report: Report = decode(Report, ours, "the report")
    except ValueError as error:
        raise ComparisonError(f"{name}: {error}") from None
    return report
