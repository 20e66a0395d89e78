from __future__ import annotations

import numpy as np
import pytest

from samesay.longtext.aggregate import document_vector
from samesay.longtext.weighting import position_weights, tfidf_weights, uniform_weights


class Frequencies:
    documents = 100

    def frequency(self, term: str) -> int:
        return {"the": 100, "pod": 20, "etcd": 1}.get(term, 0)


@pytest.mark.parametrize("segments", [0, 1, 2, 3, 50])
def test_weights_add_up_to_one(segments: int) -> None:
    terms = [["the", "pod"]] * segments
    for weights in (
        uniform_weights(segments),
        position_weights(segments),
        tfidf_weights(terms, Frequencies()),
        tfidf_weights([[]] * segments, Frequencies()),
    ):
        assert weights.shape == (segments,)
        assert weights.sum() == pytest.approx(1 if segments else 0)


def test_the_first_and_the_last_segment_weigh_more() -> None:
    weights = position_weights(5)
    assert weights[0] > weights[4] > weights[1] == weights[2] == weights[3]
    assert position_weights(2)[0] > position_weights(2)[1]


def test_rare_terms_weigh_more_than_frequent_ones_and_repetition_little() -> None:
    rare, frequent, repeated, none = tfidf_weights([["etcd"], ["the"], ["the"] * 9, []], Frequencies())
    assert rare > 10 * frequent > 0
    assert frequent < repeated < 9 * frequent
    assert none == 0


def test_frequencies_older_than_the_collection_do_no_harm() -> None:
    class Old(Frequencies):
        documents = 5

    assert np.isfinite(tfidf_weights([["the"], ["etcd"]], Old())).all()


def test_a_document_vector_is_the_normalised_weighted_mean() -> None:
    vectors = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(document_vector(vectors, [3, 4, 0]), [0.6, 0.8, 0], rtol=1e-7)
    vector = document_vector(vectors)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, np.full(3, 3**-0.5), rtol=1e-7)


def test_a_document_vector_does_not_depend_on_layout_or_scale() -> None:
    rows = np.random.default_rng(0).standard_normal((257, 384)).astype(np.float32)
    weights = np.random.default_rng(1).random(257)
    expected = document_vector(rows, weights)
    assert np.array_equal(document_vector(np.asfortranarray(rows), weights), expected)
    wide = np.empty((257, 768), np.float32)
    wide[:, ::2] = rows
    assert np.array_equal(document_vector(wide[:, ::2], weights), expected)
    assert np.array_equal(
        document_vector(rows, weights * 2.0**-1040), document_vector(rows, weights * 2.0**-1040)
    )
    np.testing.assert_allclose(document_vector(rows, weights * 1e300), expected, atol=1e-6)


def test_one_segment_is_its_own_document() -> None:
    row = np.array([[0.6, 0.8]], np.float32)
    np.testing.assert_allclose(document_vector(row, [5]), row[0], rtol=1e-7)


def test_weights_and_vectors_that_add_up_to_nothing_are_handled() -> None:
    opposite = np.array([[1, 0], [-1, 0]], np.float32)
    assert document_vector(opposite).tolist() == [1, 0]
    assert document_vector(opposite, [1, 1]).tolist() == [1, 0]
    assert document_vector(np.eye(2, dtype=np.float32), [0, 0]).tolist() == pytest.approx([0.5**0.5] * 2)
    assert document_vector(np.zeros((2, 2), np.float32)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rows", "weights", "message"),
    [
        (np.zeros((0, 3)), None, r"not \(0, 3\)"),
        (np.zeros(3), None, "shape"),
        (np.zeros((2, 3)), [1], "2 segments need as many"),
        (np.zeros((2, 3)), [1, -1], "not negative"),
        (np.zeros((2, 3)), [1, float("nan")], "finite"),
        (np.full((2, 3), np.inf), None, "finite"),
    ],
)
def test_wrong_vectors_and_weights_are_refused(
    rows: np.ndarray, weights: list[float] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        document_vector(rows, weights)
