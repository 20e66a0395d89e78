"""Speed and memory taken anew, into a report whose quality stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from samesay.comparison.data import DataSet
from samesay.comparison.labels import labelled
from samesay.comparison.report import ComparedModel, Report
from samesay.comparison.scored import about_data
from samesay.comparison.settings import Settings, Watcher
from samesay.comparison.stages import Found, load_all, now, time_all
from samesay.errors import ComparisonError
from samesay.selftest.machine import this_machine


def renew_speeds(
    report: Report, names: Sequence[str], data: Sequence[DataSet], settings: Settings, watcher: Watcher
) -> Report:
    """Take speed and memory on a machine that has nothing else to do, after quality was measured.

    Args:
        report: What was found before, with or without speed.
        names: The same models, as for ``compare``.
        data: The same sets: the texts that are timed are drawn from them.
        settings: How; of these what concerns loading and timing.
        watcher: Is told how far it has come.

    Returns:
        The report with this machine, this time and these speeds. What a model says of itself is that of
        now, and its quality that of before, as both have the same identity.

    Raises:
        ComparisonError: A model cannot be loaded, or models or data are not those of the report.
    """
    _check_data(report, data)
    by_label = labelled(names)
    found = Found()
    load_all(by_label, settings, watcher, found)
    _check_models(report, found.models)
    speeds = time_all(by_label, data, settings, watcher, found)
    before = tuple(one for one in report.failures if one.when != "speed")
    return replace(
        report,
        made=now(),
        machine=this_machine(),
        method=replace(report.method, rounds=settings.rounds),
        models=tuple(found.models),
        speeds=tuple(speeds),
        failures=(*before, *found.failures),
    )


def _check_data(report: Report, data: Sequence[DataSet]) -> None:
    given = [(one.name, one.sha256, one.items) for one in map(about_data, data)]
    there = [(one.name, one.sha256, one.items) for one in report.data]
    if given == there:
        return
    other = next((name for (name, *_) in there if name not in {name for (name, *_) in given}), None)
    what = f"{other!r} is missing" if other is not None else "files, order or samples are others"
    raise ComparisonError(f"speed is taken on the data of the report, and {what}; name the same --data")


def _check_models(report: Report, models: Sequence[ComparedModel]) -> None:
    given = {one.label: one for one in models}
    there = {one.label: one for one in report.models}
    if given.keys() != there.keys():
        raise ComparisonError(
            f"the report has the models {', '.join(there)}, and given are {', '.join(given)}; name the same"
        )
    for label, one in there.items():
        if given[label].fingerprint != one.fingerprint:
            raise ComparisonError(
                f"{label} is another model than in the report: {given[label].identity} instead of "
                f"{one.identity}; compare anew"
            )
