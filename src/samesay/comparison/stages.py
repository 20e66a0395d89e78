"""The stages that a comparison and a new taking of its speed share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from samesay.comparison.children import ModelFailedError, opened
from samesay.comparison.data import DataSet
from samesay.comparison.report import ComparedModel, Failure, Speed
from samesay.comparison.scored import Scored
from samesay.comparison.settings import Settings, Watcher
from samesay.comparison.timing import measure_speeds, sample_texts
from samesay.errors import ComparisonError


@dataclass
class Found:
    """What came out so far."""

    models: list[ComparedModel] = field(default_factory=list)
    prefixes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    scored: dict[tuple[str, str], Scored] = field(default_factory=dict)
    unprompted: dict[tuple[str, str], Scored] = field(default_factory=dict)
    seconds: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def load_all(by_label: Mapping[str, str], settings: Settings, watcher: Watcher, found: Found) -> None:
    """Load every model once, each in a process of its own, and note what it is.

    Raises:
        ComparisonError: A model cannot be loaded.
    """
    watcher.begin("loading models", len(by_label))
    for label, name in by_label.items():
        try:
            with opened(settings.load_arguments(name)) as (_, about):
                found.prefixes[label] = about["prefixes"]
                found.models.append(_compared(label, about))
        except ModelFailedError as error:
            raise ComparisonError(f"{label} cannot be compared: {error}; nothing was run") from None
        watcher.advance(1)


def _compared(label: str, about: Mapping[str, Any]) -> ComparedModel:
    kept = {key: value for key, value in about.items() if key not in ("prefixes", "takes_task")}
    return ComparedModel(label=label, takes_task="yes" if about["takes_task"] else "no", **kept)


def time_all(
    by_label: Mapping[str, str],
    data: Sequence[DataSet],
    settings: Settings,
    watcher: Watcher,
    found: Found,
) -> list[Speed]:
    """Take the speed and memory of all models that have not failed; what fails now is noted."""
    failed = {one.model for one in found.failures}
    if not settings.rounds:
        return []
    with ExitStack() as stack:
        children = {}
        for label, name in by_label.items():
            if label in failed:
                continue
            try:
                children[label], _ = stack.enter_context(opened(settings.load_arguments(name)))
            except ModelFailedError as error:
                found.failures.append(Failure(label, "speed", str(error)))
        watcher.begin("timing", len(children) * (settings.rounds + 1))
        texts = sample_texts(data, settings.seed)
        speeds, failures = measure_speeds(
            children, found.models, texts, settings.rounds, settings.seed, watcher.advance
        )
    found.failures += failures
    return speeds


def now() -> str:
    """Give the time that a report is made at."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
