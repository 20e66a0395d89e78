"""What questions have in common: taken off by its formula, remembered, never in the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_collections import small_model

import samesay
from samesay.collection.generic import QUESTIONS, Generic, GenericQuestions, plain_aim

MODEL_WIDTH = 36


def unit(rows: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_a_row_that_is_near_to_all_questions_falls_behind_one_that_answers() -> None:
    common, topic, other = np.eye(3, dtype=np.float32)
    questions = np.stack([0.9 * common + 0.43 * sign * other for sign in (1, -1, 0.5)]).astype(np.float32)
    questions /= np.linalg.norm(questions, axis=1, keepdims=True)
    query = ((0.9 * common + 0.43 * topic) / np.hypot(0.9, 0.43)).astype(np.float32)
    hub, answer = common, ((common + topic) / np.sqrt(2)).astype(np.float32)
    rows = np.stack([hub, 0.6 * answer + 0.4 * topic])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    plain = rows @ query
    assert plain[0] > plain[1]
    aim = Generic(questions, 0.05).aim(query[None])
    adjusted = rows @ aim.vectors[0]
    assert adjusted[1] > adjusted[0]


def test_an_aim_is_the_query_less_half_of_what_it_has_in_common() -> None:
    questions, queries = unit(6, 8), unit(3, 8, 1)
    aim = Generic(questions, 0.2).aim(queries)
    for query, vector, length in zip(queries, aim.vectors, aim.lengths, strict=True):
        weights = np.exp(questions @ query / 0.2)
        common = (weights[:, None] * questions).sum(axis=0) / weights.sum()
        assert vector * length == pytest.approx(query - common / 2, abs=1e-5)
    assert np.linalg.norm(aim.vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert aim.chances == pytest.approx(0.2 / 16)


def test_questions_that_are_all_alike_divide_by_nothing() -> None:
    aim = Generic(np.repeat(unit(1, 8), 4, axis=0), 0.0).aim(unit(2, 8, 1))
    assert np.isfinite(aim.vectors).all()
    assert aim.chances == 0


def test_a_plain_aim_is_the_query() -> None:
    queries = unit(3, 8)
    aim = plain_aim(queries)
    assert np.array_equal(aim.vectors * aim.lengths[:, None], queries)
    assert aim.chances == 0


def test_the_vectors_outlive_the_process_and_damage_to_them_does_not(isolated_cache: Path) -> None:
    model = small_model()
    first = GenericQuestions().of(model, None, MODEL_WIDTH)
    assert np.array_equal(first.vectors, model.encode(QUESTIONS, prompt="query"))
    (kept,) = (isolated_cache / "questions").iterdir()
    assert np.array_equal(np.load(kept), first.vectors)
    for damaged in (b"", b"no numbers", kept.read_bytes()[:100]):
        kept.write_bytes(damaged)
        again = GenericQuestions().of(model, None, MODEL_WIDTH)
        assert np.array_equal(again.vectors, first.vectors)


def test_every_width_and_model_has_its_own(isolated_cache: Path) -> None:
    known = GenericQuestions()
    other = samesay.load(Path(__file__).parents[1] / "fixtures" / "bert-cls", precision="fp32", threads=1)
    one = known.of(small_model(), None, MODEL_WIDTH)
    assert known.of(small_model(), None, MODEL_WIDTH) is one
    assert not np.array_equal(known.of(other, None, other.dimensions).vectors, one.vectors)
    assert len(list((isolated_cache / "questions").iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_no_error(isolated_cache: Path) -> None:
    isolated_cache.parent.mkdir(parents=True, exist_ok=True)
    isolated_cache.write_text("a file where the folder should be", "utf-8")
    assert len(GenericQuestions().of(small_model(), None, MODEL_WIDTH).vectors) == len(QUESTIONS)
