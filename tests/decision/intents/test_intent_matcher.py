"""The public door, with a small model."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import samesay
from samesay import EmbeddingModel, IntentMatcher
from samesay.decision.intents.settings import IntentSettings
from samesay.errors import IntentsModelError, OverlengthError, TruncationWarning

EXAMPLES = [
    ("lost", "I lost my card"),
    ("lost", "my card is gone"),
    ("lost", "我的卡丢了"),
    ("balance", "how much money is there"),
    ("balance", "what is my balance"),
    (None, "will it rain tomorrow"),
]


@pytest.fixture(scope="module")
def model(fixtures: Path) -> EmbeddingModel:
    return samesay.load(fixtures / "bert-mean", precision="fp32", threads=1)


@pytest.fixture(scope="module")
def matcher(model: EmbeddingModel) -> IntentMatcher:
    return IntentMatcher.fit(model, EXAMPLES)


def test_one_text_and_several_get_the_same_answers(matcher: IntentMatcher) -> None:
    texts = ["I lost my card", "what is it", "卡", "I lost my card"]
    together = matcher.match(texts, top=2)
    assert together == [matcher.match(text, top=2) for text in texts]
    assert together[0] == together[3]
    assert together[0].intent == "lost"
    assert matcher.match([]) == []


def test_vectors_are_those_of_symmetric_similarity(matcher: IntentMatcher, model: EmbeddingModel) -> None:
    prefix, _ = model.prompts.pair_prefixes("symmetric")
    wanted = model.encode([prefix + text for text in matcher.fitted.bank.texts])
    assert matcher.fitted.bank.vectors.tobytes() == wanted.tobytes()


def test_a_saved_matcher_goes_with_its_model_only(
    matcher: IntentMatcher, model: EmbeddingModel, fixtures: Path, tmp_path: Path
) -> None:
    matcher.save(tmp_path / "a.intents")
    again = IntentMatcher.load(tmp_path / "a.intents", model)
    texts = ["I lost it", "how much"]
    assert again.match(texts) == matcher.match(texts)
    for name in ("bert-cls", "qwen3-gqa2"):
        other = samesay.load(fixtures / name, precision="fp32", threads=1)
        with pytest.raises(IntentsModelError) as error:
            IntentMatcher.load(tmp_path / "a.intents", other)
        assert str(model.identity) in str(error.value)
        assert str(other.identity) in str(error.value)
    qwen = samesay.load(fixtures / "qwen3-gqa2", precision="fp32", threads=1)
    IntentMatcher.fit(qwen, EXAMPLES, task="code").save(tmp_path / "c.intents")
    assert IntentMatcher.load(tmp_path / "c.intents", qwen).fitted.key.left.startswith("Instruct: ")
    with pytest.raises(IntentsModelError, match="weights"):
        IntentMatcher.load(tmp_path / "c.intents", model)  # which takes no task
    narrow = IntentMatcher.fit(
        samesay.load(fixtures / "qwen3-gqa2", precision="fp32", threads=1), EXAMPLES, dimensions=32
    )
    narrow.save(tmp_path / "b.intents")
    assert IntentMatcher.load(tmp_path / "b.intents", narrow.model).fitted.bank.vectors.shape == (5, 32)
    with pytest.raises(IntentsModelError, match="weights"):
        IntentMatcher.load(tmp_path / "b.intents", model)


def test_progress_counts_every_text(model: EmbeddingModel) -> None:
    told: list[tuple[float, int]] = []
    matcher = IntentMatcher.fit(model, EXAMPLES, progress=lambda done, of: told.append((done, of)))
    assert told.pop() == (6, 6)
    told.clear()
    matcher.match(["a", "b"], progress=lambda done, of: told.append((done, of)))
    assert told.pop() == (2, 2)


def test_long_texts_are_refused_or_cut_with_a_warning(matcher: IntentMatcher) -> None:
    long = "word " * 3000
    with pytest.raises(OverlengthError, match="text 1 has"):
        matcher.match(["a", long])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(matcher.match(["a", long], overlength="truncate")) == 2
    assert [one.category for one in caught] == [TruncationWarning]
    assert "1 of 2 texts cut" in str(caught[0].message)


def test_evaluation_tells_what_the_labels_say(matcher: IntentMatcher) -> None:
    report = matcher.evaluate([("lost", "I lost my card"), ("balance", "what is my balance"), (None, "rain")])
    assert (report.best.count, report.best.of) == (2, 2)
    assert (report.refused.count, report.refused.of) == (0, 1)  # nothing is certified: every text gets one
    assert report.repeated == 2
    assert report.area is not None


def test_methods_differ_and_are_kept(model: EmbeddingModel, tmp_path: Path) -> None:
    scores = set()
    for method in ("both", "examples", "centroids"):
        settings = IntentSettings(method=method, neighbours=2)
        matcher = IntentMatcher.fit(model, EXAMPLES, settings=settings)
        matcher.save(tmp_path / f"{method}.intents")
        again = IntentMatcher.load(tmp_path / f"{method}.intents", model)
        assert again.match("card") == matcher.match("card")
        scores.add(matcher.match("card").score)
    assert len(scores) == 3
