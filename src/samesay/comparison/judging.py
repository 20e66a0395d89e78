"""Which model is better, and whether its prompt helps: one family of paired tests over the whole report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from samesay.comparison.data import DataSet
from samesay.comparison.report import Difference, Instruction, Measure
from samesay.comparison.resampling import Floats, drawn, on_the_data
from samesay.comparison.scored import Scored, about_data, strata
from samesay.comparison.testing import LEVEL, Paired, draws_for, holm, paired

_Side = tuple[float, Floats]


@dataclass(frozen=True)
class _Test:
    """One paired test: the two sides by model, and whether its prompt stood there."""

    data: str
    measure: str
    first: str
    second: str
    values: tuple[float, float]
    result: Paired


@dataclass(frozen=True)
class Family:
    """All tests of a report, made once.

    Args:
        scored: What each model gave for each set.
        unprompted: The same without prompts, of models that have one.
        data: The sets.
        seed: Of the draws.
    """

    scored: Mapping[tuple[str, str], Scored]
    unprompted: Mapping[tuple[str, str], Scored]
    data: Sequence[DataSet]
    seed: int

    @property
    def tests(self) -> int:
        """How many there are."""
        count = 0
        for one in self.data:
            models = [model for model, name in self.scored if name == one.name]
            prompted = [model for model in models if (model, one.name) in self.unprompted]
            count += len(models) * (len(models) - 1) // 2 + len(prompted)
        return count

    @property
    def draws(self) -> int:
        """Bootstrap draws of each test."""
        return draws_for(self.tests)

    @cached_property
    def made(self) -> tuple[tuple[_Test, ...], tuple[_Test, ...]]:
        """The tests between models, and those of prompts."""
        models: list[_Test] = []
        prompts: list[_Test] = []
        for one in self.data:
            measure = about_data(one).main
            sides = self._sides(one)
            plain = {model: sides.pop((model, False)) for model, prompt in [*sides] if not prompt}
            with_prompt = {model: side for (model, _), side in sides.items()}
            for first, second in combinations(with_prompt, 2):
                a, b = with_prompt[first], with_prompt[second]
                models.append(_test(one.name, measure, (first, a), (second, b)))
            for model, side in plain.items():
                prompts.append(_test(one.name, measure, (model, with_prompt[model]), (model, side)))
        return tuple(models), tuple(prompts)

    @cached_property
    def adjusted(self) -> tuple[list[float], list[float]]:
        """The corrected p-values of both, as one family."""
        models, prompts = self.made
        both = holm([one.result.p for one in (*models, *prompts)])
        return both[: len(models)], both[len(models) :]

    def _sides(self, one: DataSet) -> dict[tuple[str, bool], _Side]:
        found = {(model, True): scored for (model, name), scored in self.scored.items() if name == one.name}
        for (model, name), scored in self.unprompted.items():
            if name == one.name and (model, True) in found:
                found[model, False] = scored
        statistics = [scored.main for scored in found.values()]
        values = drawn(statistics, strata(one), self.draws, self.seed)
        return {
            key: (on_the_data(statistic, len(one)), row)
            for key, statistic, row in zip(found, statistics, values, strict=True)
        }


def differences(tested: Family) -> list[Difference]:
    """Say of every two models on every set which is better, the higher one first."""
    found = []
    for one, adjusted in zip(tested.made[0], tested.adjusted[0], strict=True):
        first, second, gap = one.first, one.second, _gap(one)
        if gap.value < 0:
            first, second = second, first
            gap = Measure(gap.name, -gap.value, -gap.high, -gap.low)
        found.append(
            Difference(
                data=one.data,
                measure=one.measure,
                first=first,
                second=second,
                difference=gap,
                p=one.result.p,
                adjusted=adjusted,
                verdict="better" if adjusted <= LEVEL else "not told apart",
            )
        )
    return found


def instructions(tested: Family) -> list[Instruction]:
    """Say of every model with a prompt what it does on every set."""
    found = []
    for one, adjusted in zip(tested.made[1], tested.adjusted[1], strict=True):
        gap = _gap(one)
        shown = adjusted <= LEVEL
        found.append(
            Instruction(
                model=one.first,
                data=one.data,
                measure=one.measure,
                with_prompt=one.values[0],
                without=one.values[1],
                difference=gap,
                p=one.result.p,
                adjusted=adjusted,
                verdict=("helps" if gap.value > 0 else "harms") if shown else "not told apart",
            )
        )
    return found


def _test(data: str, measure: str, first: tuple[str, _Side], second: tuple[str, _Side]) -> _Test:
    (a, left), (b, right) = first, second
    return _Test(data, measure, a, b, (left[0], right[0]), paired(left, right))


def _gap(test: _Test) -> Measure:
    gap = test.result.difference
    return Measure(test.measure, gap.value, gap.low, gap.high)
