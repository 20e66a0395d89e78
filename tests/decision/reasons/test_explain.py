from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from samesay.decision.bands import Bands, Decision
from samesay.decision.certificate import Certificate
from samesay.decision.key import key_of
from samesay.decision.reasons import CONFLICT_KINDS, Conflict, Reasons, Span, demote, explain, parse_kinds
from samesay.decision.reasons.alignment import MOST_PARTS, mutual_best, parts_of
from samesay.decision.reasons.dropping import without_each
from samesay.errors import ReasonsError, SamesayError, TextError
from samesay.model import EmbeddingModel, load

A = "The warranty covers the battery for 24 months, but not scratches. Send it to our Hamburg workshop!"
B = "The battery warranty lasts three years. Ship the device to the workshop in Munich, free of charge."
CERTIFICATE = Certificate("precision", 0.9, 0.05, 0.8, (0.8,), 100, 1, 0.95, "2026-01-01", "d" * 64, "k" * 64)


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    found = load("bundled")
    assert isinstance(found, EmbeddingModel)
    return found


@pytest.fixture(scope="module")
def reasons(model: EmbeddingModel) -> Reasons:
    return explain(model, A, B)


def test_the_score_is_that_of_similarity_to_the_bit(model: EmbeddingModel, reasons: Reasons) -> None:
    assert np.float32(reasons.score) == model.similarity(A, B)[0]
    asked = explain(model, A, B, mode="query-document")
    assert np.float32(asked.score) == model.similarity(A, B, mode="query-document")[0]
    assert asked.score != reasons.score


def test_every_span_is_what_it_claims(reasons: Reasons) -> None:
    in_a = [pair.a for pair in reasons.shared.spans] + [one.span for one in reasons.differs.a]
    in_a += [term.a for term in reasons.shared.terms] + [one.a for one in reasons.conflicts]
    in_b = [pair.b for pair in reasons.shared.spans] + [one.span for one in reasons.differs.b]
    in_b += [term.b for term in reasons.shared.terms] + [one.b for one in reasons.conflicts]
    for text, spans in ((A, in_a), (B, in_b)):
        assert spans
        assert all(text[span.begin : span.end] == span.text for span in spans)


def test_a_drop_is_the_score_less_that_of_the_text_without_the_part(
    model: EmbeddingModel, reasons: Reasons
) -> None:
    for one in reasons.differs.a:
        rest = (A[: one.span.begin] + A[one.span.end :]).strip()
        assert one.drop == pytest.approx(reasons.score - float(model.similarity(rest, B)[0]), abs=1e-6)
    assert len(reasons.differs.a) == 3
    assert len(reasons.differs.b) == 3


def test_aligned_spans_are_each_others_best(model: EmbeddingModel, reasons: Reasons) -> None:
    parts_a, parts_b = [one.text for one in parts_of(A)], [one.text for one in parts_of(B)]
    scores = model.similarity_matrix(parts_a, parts_b)
    for pair in reasons.shared.spans:
        row, column = parts_a.index(pair.a.text), parts_b.index(pair.b.text)
        assert pair.score == pytest.approx(float(scores[row].max()), abs=1e-6)
        assert pair.score == pytest.approx(float(scores[:, column].max()), abs=1e-6)
    assert len(reasons.shared.spans) == len({pair.b for pair in reasons.shared.spans})


def test_shared_terms_are_rare_words_of_both_and_rarest_first(reasons: Reasons) -> None:
    terms = [one.term for one in reasons.shared.terms]
    assert set(terms) == {"warranty", "battery", "workshop"}
    rarities = [one.rarity for one in reasons.shared.terms]
    assert rarities == sorted(rarities, reverse=True)


def test_all_variants_go_through_the_model_in_one_call(
    model: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    embed = EmbeddingModel.embed_texts

    def counted(self: EmbeddingModel, texts: list[str], *rest: object, **named: object) -> object:
        calls.append(list(texts))
        return embed(self, texts, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(EmbeddingModel, "embed_texts", counted)
    explain(model, A, B)
    assert len(calls) == 1
    assert len(calls[0]) == 2 + 3 + 3 + 3 + 3


def test_exchanging_the_texts_exchanges_the_reasons(model: EmbeddingModel, reasons: Reasons) -> None:
    turned = explain(model, B, A)
    assert turned.decision == reasons.decision
    assert turned.differs.b == reasons.differs.a
    assert {(one.b, one.a) for one in turned.shared.spans} == {(one.a, one.b) for one in reasons.shared.spans}
    assert {one.mirrored() for one in turned.conflicts} == set(reasons.conflicts)


def test_conflicts_lower_no_score_and_no_band_by_themselves(model: EmbeddingModel) -> None:
    found = explain(model, "Keep it under 5 kg.", "Keep it under 15 kg.", bands=Bands(0.5, 0.2))
    assert [one.kind for one in found.conflicts] == ["number"]
    assert found.decision.band == "high"
    assert demote(found.decision, found, ["number"]).band == "middle"
    assert demote(found.decision, found, ["name"]) == found.decision


def test_json_has_the_documented_names(reasons: Reasons) -> None:
    value = json.loads(json.dumps(reasons.to_dict(), ensure_ascii=False))
    assert list(value) == [
        "text_a",
        "text_b",
        "score",
        "band",
        "demoted_from",
        "probability",
        "shared",
        "differs",
        "conflicts",
        "certificate",
    ]
    assert list(value["shared"]) == ["spans", "terms"]
    assert list(value["shared"]["spans"][0]) == ["a", "b", "score"]
    assert list(value["shared"]["terms"][0]) == ["term", "a", "b", "rarity"]
    assert list(value["differs"]) == ["a", "b"]
    assert list(value["differs"]["a"][0]) == ["span", "drop"]
    assert list(value["conflicts"][0]) == ["kind", "a", "b", "value_a", "value_b"]
    assert list(value["conflicts"][0]["a"]) == ["begin", "end", "text"]


@pytest.mark.parametrize("text", ["", "🙂🙂", "שלום עולם, מה שלומך?", "a", "。。", "\u202eabc", "x, " * 60])
def test_strange_texts_are_explained_too(model: EmbeddingModel, text: str) -> None:
    found = explain(model, text, "The shop is open, but not today.", overlength="truncate")
    assert -1 <= found.score <= 1
    assert len(found.differs.a) <= MOST_PARTS


def test_texts_that_cannot_be_embedded_are_refused(model: EmbeddingModel) -> None:
    with pytest.raises(TextError):
        explain(model, "\ud800", "The shop is open.")
    with pytest.raises(SamesayError):
        explain(model, "a", "b", mode="sideways")  # type: ignore[arg-type]


def test_parts_cover_every_word_and_are_few() -> None:
    text = "eins, zwei; drei. 四，五。" * 40
    parts = parts_of(text)
    assert len(parts) <= MOST_PARTS
    between = [text[one.end : other.begin] for one, other in pairwise(parts)]
    assert not any(character.isalnum() for gap in between for character in gap)
    assert without_each("only one part", parts_of("only one part")) == ()
    assert mutual_best((), (), np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)) == ()


def test_a_band_falls_by_one_and_its_certificate_goes_with_it() -> None:
    conflict = Conflict("number", Span(0, 1, "5"), Span(0, 1, "6"), "5", "6")
    high = Decision(0.9, 0.95, "high", CERTIFICATE)
    middle = demote(high, [conflict], ["number", "date"])
    assert middle == Decision(0.9, 0.95, "middle", None, "high")
    low = demote(middle, [conflict], CONFLICT_KINDS)
    assert (low.band, low.demoted_from) == ("low", "high")
    for same in (replace(high, band="low", certificate=None), Decision(0.9, None, "uncalibrated")):
        assert demote(same, [conflict], CONFLICT_KINDS) == same
    assert demote(high, [], CONFLICT_KINDS) == demote(high, [conflict], ()) == high


def test_kinds_are_read_from_words() -> None:
    assert parse_kinds("negation, number") == ("number", "negation")
    assert parse_kinds("all") == CONFLICT_KINDS
    for words in ("numbers", "", ","):
        with pytest.raises(ReasonsError, match="number, date, negation, antonym, name"):
            parse_kinds(words)


def test_a_key_of_other_scores_is_refused(model: EmbeddingModel) -> None:
    from samesay.decision.shipped import shipped_calibration
    from samesay.errors import CalibrationKeyError

    calibration = shipped_calibration(key_of(model))
    if calibration is None:
        pytest.skip("no calibration comes with samesay for this machine's instruction set")
    assert explain(model, A, B, calibration=calibration).decision.probability is not None
    with pytest.raises(CalibrationKeyError):
        explain(model, A, B, calibration=calibration, mode="plain")
