"""The charts: scores, ROC, figures with intervals, quality against speed and memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from samesay.comparison.page.axes import Scale, colour, level, line, picture, short, text, upright
from samesay.comparison.page.markup import Markup, tag
from samesay.comparison.report import ComparedData, Measure, Report, Result, Roc, Speed
from samesay.comparison.wording import figure, milliseconds, number, size, title_of

_WIDTH = 340
_LEFT, _RIGHT = 44, 328
_HALF = 62
_ROW = 26
_SMALLEST, _LARGEST = 5.0, 24.0
_NUMBER = 13.0


@dataclass(frozen=True)
class Curve:
    """A model's ROC and its number in the list of models."""

    place: int
    label: str
    roc: Roc


@dataclass(frozen=True)
class Spot:
    """A model in the chart of quality, speed and memory."""

    place: int
    label: str
    quality: Measure
    speed: Speed


def distribution(result: Result, low: float, high: float) -> Markup | None:
    """Draw the scores of matches upwards and of the others downwards, over a range shared by all models."""
    shares = result.histogram
    if shares is None:
        return None
    middle, height = 10 + _HALF, 2 * _HALF + 44
    scale = Scale(low, high, 12, _RIGHT)
    tallest = max(*shares.matches, *shares.others, 1e-9)
    width = (shares.high - shares.low) / len(shares.matches)
    bars: list[Markup] = []
    for place, (match, other) in enumerate(zip(shares.matches, shares.others, strict=True)):
        x = scale.at(shares.low + place * width)
        wide = max(scale.at(shares.low + (place + 1) * width) - x, 0.8)
        up, down = match / tallest * (_HALF - 6), other / tallest * (_HALF - 6)
        if up:
            bars.append(_bar(x, middle - up, wide, up, "match"))
        if down:
            bars.append(_bar(x, middle, wide, down, "other"))
    marks = [
        line(scale.at(value), 8, scale.at(value), 12 + 2 * _HALF, f"mark{dashed}")
        for value, dashed in _thresholds(result)
        if low <= value <= high
    ]
    bottom = 14 + 2 * _HALF
    return picture(
        _WIDTH,
        height,
        _describe_distribution(result),
        level(scale, 10, bottom),
        *bars,
        line(12, middle, _RIGHT, middle, "axis"),
        *marks,
    )


def roc_chart(curves: Sequence[Curve], data: str) -> Markup:
    """Draw recall against the false-match rate, a line a model."""
    across, up = Scale(0, 1, _LEFT, _RIGHT), Scale(0, 1, 270, 12)
    lines = [
        tag(
            "path",
            {
                "class": f"curve s{colour(one.place)} d{colour(one.place)}",
                "d": "M"
                + "L".join(
                    f"{across.at(x):.1f} {up.at(y):.1f}"
                    for x, y in zip(one.roc.false_matches, one.roc.recalls, strict=True)
                ),
            },
        )
        for one in curves
    ]
    names = ", ".join(one.label for one in curves)
    return picture(
        _WIDTH,
        312,
        f"ROC of {names} on {data}; the areas are in the table",
        upright(up, _LEFT, _RIGHT),
        level(across, 12, 270),
        line(across.at(0), up.at(0), across.at(1), up.at(1), "axis dashed"),
        *lines,
        text((_LEFT + _RIGHT) / 2, 306, "false-match rate (up: recall)"),
    )


def intervals(rows: Sequence[tuple[int, str, Measure]], data: ComparedData) -> Markup:
    """Draw the main figure of each model with its interval."""
    low = min(measure.low for _, _, measure in rows)
    high = max(measure.high for _, _, measure in rows)
    room = max(high - low, 0.02) * 0.08
    scale = Scale(low - room, high + room, 30, _RIGHT)
    bottom = 8 + _ROW * len(rows)
    parts: list[Markup] = []
    for row, (place, _, measure) in enumerate(rows):
        y = 8 + _ROW * row + _ROW / 2
        kind = f"s{colour(place)}"
        parts += [
            line(scale.at(measure.low), y, scale.at(measure.high), y, f"bar {kind}"),
            tag("circle", {"cx": scale.at(measure.value), "cy": y, "r": 5.0, "class": f"f{colour(place)}"}),
            text(4, y + 4, str(place + 1), anchor="start", kind="strong"),
        ]
    said = "; ".join(f"{label} {figure(measure)}" for _, label, measure in rows)
    described = f"{title_of(data.main)} on {data.name} with 95 % intervals: {said}"
    return picture(_WIDTH, bottom + 24, described, level(scale, 4, bottom), *parts)


def trade_off(spots: Sequence[Spot], data: ComparedData) -> Markup:
    """Draw quality upwards, the time of a sentence to the right, memory as the area of the circle."""
    times = [one.speed.p50_ms for one in spots]
    low = min(one.quality.low for one in spots)
    high = max(one.quality.high for one in spots)
    room = max(high - low, 0.02) * 0.12
    across = Scale(min(times) / 1.8, max(times) * 1.8, _LEFT, _RIGHT, logarithmic=True)
    up = Scale(low - room, high + room, 218, 10)
    most = max((one.speed.peak_bytes or 0 for one in spots), default=0) or 1
    parts: list[Markup] = []
    taken: list[tuple[float, float]] = []
    for one in sorted(spots, key=lambda spot: -(spot.speed.peak_bytes or 0)):
        x, y, place = across.at(one.speed.p50_ms), up.at(one.quality.value), colour(one.place)
        radius = max(_LARGEST * math.sqrt((one.speed.peak_bytes or 0) / most), _SMALLEST)
        hollow = " d2" if one.speed.includes_network == "yes" else ""
        parts += [
            line(x, up.at(one.quality.low), x, up.at(one.quality.high), f"bar s{place}"),
            tag("circle", {"cx": x, "cy": y, "r": radius, "class": f"bubble f{place} s{place}{hollow}"}),
            tag("circle", {"cx": x, "cy": y, "r": 2.5, "class": f"f{place}"}),
            _number_beside(x + radius + 4, y - 4, one.place, taken),
        ]
    said = "; ".join(
        f"{one.label}: {number(one.quality.value)}, {milliseconds(one.speed.p50_ms)}"
        f"{' with the network' if one.speed.includes_network == 'yes' else ''}, {size(one.speed.peak_bytes)}"
        for one in spots
    )
    return picture(
        _WIDTH,
        258,
        f"{title_of(data.main)} on {data.name} against milliseconds a sentence and memory: {said}",
        upright(up, _LEFT, _RIGHT),
        level(across, 10, 218),
        *parts,
        text((_LEFT + _RIGHT) / 2, 254, "ms a sentence, median (logarithmic)"),
    )


def _number_beside(x: float, y: float, place: int, taken: list[tuple[float, float]]) -> Markup:
    """Write a model's number where no other stands yet, and note where."""
    while any(abs(x - other) < _NUMBER and abs(y - above) < _NUMBER for other, above in taken):
        y += _NUMBER
    taken.append((x, y))
    return text(x, y, str(place + 1), anchor="start", kind="strong")


def swatch(place: int) -> Markup:
    """Draw a model's line and number."""
    kind = f"curve s{colour(place)} d{colour(place)}"
    return tag("svg", {"viewBox": "0 0 38 14", "aria-hidden": "true"}, line(0, 7, 38, 7, kind))


def shared_range(results: Sequence[Result]) -> tuple[float, float]:
    """Give a range that holds the scores of all."""
    found = [one.histogram for one in results if one.histogram is not None]
    low, high = min(one.low for one in found), max(one.high for one in found)
    room = max(high - low, 0.01) * 0.03
    return low - room, high + room


def spots_of(report: Report, data: ComparedData) -> list[Spot]:
    """Give the models that have both a figure on the set and a speed."""
    found = []
    for place, model in enumerate(report.models):
        result, speed = report.result(model.label, data.name), report.speed(model.label)
        if result is not None and speed is not None:
            found.append(Spot(place, model.label, result.measures[0], speed))
    return found


def _bar(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return tag("rect", {"x": x, "y": y, "width": width, "height": height, "class": kind})


def _thresholds(result: Result) -> list[tuple[float, str]]:
    found = [(one.value, " dashed") for one in result.measures if one.name == "best_f1_threshold"]
    if result.certified is not None and result.certified.threshold is not None:
        found.append((result.certified.threshold, ""))
    return found


def _describe_distribution(result: Result) -> str:
    values = {one.name: one.value for one in result.measures}
    if "mean_match" in values:
        said = f"matches around {short(round(values['mean_match'], 3))}, others around "
        return f"scores of {result.model} on {result.data}: {said}{short(round(values['mean_non_match'], 3))}"
    return f"scores of {result.model} on {result.data}, higher grades upwards"
