"""Scales and axes of the charts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from samesay.comparison.page.markup import Markup, join, tag

_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
_COLOURS = 8


@dataclass(frozen=True)
class Scale:
    """From values to places in a chart.

    Args:
        low: The value at ``begin``.
        high: The value at ``end``.
        begin: Where ``low`` is drawn.
        end: Where ``high`` is drawn.
        logarithmic: Whether equal ratios take equal room.
    """

    low: float
    high: float
    begin: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Give the place of a value."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)

    def ticks(self, most: int = 5) -> list[float]:
        """Give round values in range."""
        if self.logarithmic:
            return _log_ticks(self.low, self.high)
        span = self.high - self.low
        step = next((one for one in _STEPS if span / one <= most), _STEPS[-1])
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(place * step, 6) for place in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    found = []
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**power
            if low <= value <= high:
                found.append(value)
    return found if len(found) <= 6 else [one for one in found if f"{one:e}".startswith("1")]


def short(value: float) -> str:
    """Give a tick's number."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def text(x: float, y: float, words: str, *, anchor: str = "middle", kind: str = "soft") -> Markup:
    """Give words at a place."""
    return tag("text", {"x": x, "y": y, "text-anchor": anchor, "class": kind}, words)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Give a line."""
    return tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def upright(scale: Scale, left: float, right: float) -> Markup:
    """Give grid and numbers of a vertical axis."""
    parts: list[Markup] = []
    for value in scale.ticks():
        y = scale.at(value)
        parts += [line(left, y, right, y, "grid"), text(left - 6, y + 4, short(value), anchor="end")]
    return join(parts)


def level(scale: Scale, top: float, bottom: float) -> Markup:
    """Give grid and numbers of a horizontal axis."""
    parts: list[Markup] = []
    for value in scale.ticks():
        x = scale.at(value)
        parts += [line(x, top, x, bottom, "grid"), text(x, bottom + 15, short(value))]
    return join(parts)


def picture(width: int, height: int, description: str, *parts: Markup) -> Markup:
    """Give an SVG with a description for those who cannot see it."""
    given = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": description}
    return tag("svg", given, tag("title", {}, description), *parts)


def colour(place: int) -> int:
    """Give the number of a model's colour."""
    return place % _COLOURS
