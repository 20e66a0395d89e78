"""``POST /v1/decide``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic_core import to_json

from samesay.decision.bands import Bands, Decision
from samesay.decision.deciding import Decider
from samesay.decision.reasons import Conflict, demote, explain, find_conflicts
from samesay.decision.reasons.conflicts import LONGEST
from samesay.duplicates.scoring import scores_of_pairs
from samesay.server.deciders import Deciders, deciders_of
from samesay.server.departure import ClientGoneError, Departure, departure_of
from samesay.server.openapi import BODY_PROBLEMS, json_body
from samesay.server.prefixes import instruction_in
from samesay.server.problems import invalid
from samesay.server.queued_model import QueuedModel
from samesay.server.reading import asked, require_json
from samesay.server.routers.embeddings import usage
from samesay.server.routers.similarity import prepare_comparison
from samesay.server.schemas.decide import DecideAnswer, DecideRequest
from samesay.server.services import Services, Work, services_of
from samesay.server.written_arrays import with_array

router = APIRouter(tags=["decisions"])

# Decisions of one answer: each takes some ten times the room of a score.
_MOST_DECISIONS = 100_000
# Reasons take up to a hundred texts a pair through the network, each as long as one of the pair.
_MOST_EXPLAINED = 16
_MOST_EXPLAINED_TOKENS = 1024
# Looking for the conflicts of two sentences takes some milliseconds, and of longer texts in proportion to the
# product of their lengths in characters, as far as they are read.
_MOST_DEMOTED = 10_000
_MOST_PRODUCTS = 250_000_000
# Pairs, and products of lengths, that are looked through before others have their turn.
_PAIRS_AT_ONCE, _PRODUCTS_AT_ONCE = 32, 100_000


@dataclass(frozen=True)
class _Question(Work):
    call: DecideRequest
    lefts: int
    decider: Decider


@router.post(
    "/v1/decide",
    summary="Whether texts say the same, in bands",
    response_model=DecideAnswer,
    response_model_exclude_none=True,
    responses=BODY_PROBLEMS,
    openapi_extra=json_body(DecideRequest),
)
async def create_decisions(request: Request) -> Response:
    """Give score, probability and band of each pair; of two lists, of each left text with each right one."""
    services, deciders = services_of(request), deciders_of(request)
    require_json(request)
    with services.admission.place():
        body = await request.body()
        work, vectors = await services.embedded(request, body, lambda: _prepare(services, deciders, body))
        departure = departure_of(request.scope)
        reasons = await _explained(work, departure) if work.call.explain else ()
        found = await _conflicts(services, work, departure) if work.call.demote_on else ()
        content = await services.beside_the_loop(lambda: _render(work, vectors, reasons, found))
    return Response(content, media_type="application/json")


def _prepare(services: Services, deciders: Deciders, body: bytes) -> _Question:
    call = asked(body, DecideRequest)
    if call.explain and call.pairs is not None and len(call.pairs) > _MOST_EXPLAINED:
        raise invalid(
            f"pairs has {len(call.pairs)} entries; with 'explain' one request may have {_MOST_EXPLAINED}",
            "pairs",
        )
    most = min(services.settings.limits.scores, _MOST_DECISIONS)
    if call.demote_on:
        most = min(most, _MOST_DEMOTED)
        _check_lengths(call)
    work = prepare_comparison(services, call, most)
    longest = int(work.prepared.tokens.lengths.max())
    if call.explain and longest > _MOST_EXPLAINED_TOKENS:
        raise invalid(
            f"a text has {longest} tokens; with 'explain' one may have {_MOST_EXPLAINED_TOKENS}", "pairs"
        )
    bands = None if call.bands is None else Bands(call.bands[0], call.bands[1])
    decider = deciders.decider(work.served, call.mode, call.task, call.dimensions, bands)
    return _Question(work.served, work.prepared, work.texts, call, work.lefts, decider)


def _check_lengths(call: DecideRequest) -> None:
    if call.pairs is not None:
        products = sum(_product(text_a, text_b) for text_a, text_b in call.pairs)
    else:
        products = sum(map(_read, call.left or [])) * sum(map(_read, call.right or []))
    if products > _MOST_PRODUCTS:
        raise invalid(
            "finding the conflicts of so many long texts takes too long: with 'demote_on' the products of "
            f"the lengths of two texts, of which {LONGEST} characters are read, may sum to {_MOST_PRODUCTS}, "
            f"and these sum to {products}; send fewer pairs, or shorter texts",
            "pairs" if call.pairs is not None else "left",
        )


def _read(text: str) -> int:
    return min(len(text), LONGEST)


def _product(text_a: str, text_b: str) -> int:
    return _read(text_a) * _read(text_b)


def _pairs(work: _Question) -> Iterator[tuple[str, str]]:
    lefts, rights = work.texts[: work.lefts], work.texts[work.lefts :]
    return zip(lefts, rights, strict=True) if work.call.pairs is not None else product(lefts, rights)


async def _conflicts(services: Services, work: _Question, departure: Departure) -> list[tuple[Conflict, ...]]:
    """Find the conflicts of each pair, a few pairs at a time, so that other requests have their turns."""
    wanted = frozenset(work.call.demote_on)
    found: list[tuple[Conflict, ...]] = []
    for piece in _pieces(_pairs(work)):
        if departure.happened:
            raise ClientGoneError

        def look(piece: Sequence[tuple[str, str]] = piece) -> list[tuple[Conflict, ...]]:
            return [
                tuple(one for one in find_conflicts(text_a, text_b) if one.kind in wanted)
                for text_a, text_b in piece
            ]

        found += await services.beside_the_loop(look, services.conflicts_pool)
    return found


def _pieces(pairs: Iterator[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    piece: list[tuple[str, str]] = []
    products = 0
    for text_a, text_b in pairs:
        piece.append((text_a, text_b))
        products += _product(text_a, text_b)
        if len(piece) == _PAIRS_AT_ONCE or products >= _PRODUCTS_AT_ONCE:
            yield piece
            piece, products = [], 0
    if piece:
        yield piece


async def _explained(work: _Question, departure: Departure) -> list[dict[str, object]]:
    model = QueuedModel(work.served, asyncio.get_running_loop(), departure)
    call = work.call

    def one(text_a: str, text_b: str) -> dict[str, object]:
        reasons = explain(
            model,
            text_a,
            text_b,
            mode=call.mode,
            task=call.task,
            dimensions=call.dimensions,
            overlength=call.overlength,
        )
        said = reasons.to_dict()
        return {name: said[name] for name in ("shared", "differs", "conflicts")}

    explained: list[dict[str, object]] = []
    for text_a, text_b in _pairs(work):
        if departure.happened:
            raise ClientGoneError
        # A thread of its own: those that prepare requests must not wait for passes.
        explained.append(await asyncio.to_thread(one, text_a, text_b))
    return explained


def _render(
    work: _Question,
    vectors: NDArray[np.float32],
    reasons: Sequence[dict[str, object]],
    found: Sequence[tuple[Conflict, ...]],
) -> bytes:
    call, lefts = work.call, work.lefts
    rights = len(work.texts) - lefts
    sides = vectors[work.prepared.places]
    if call.pairs is not None:
        rows = others = np.arange(lefts, dtype=np.int32)
    else:
        rows = np.repeat(np.arange(lefts, dtype=np.int32), rights)
        others = np.tile(np.arange(rights, dtype=np.int32), lefts)
    scores = scores_of_pairs(sides[:lefts], sides[lefts:], rows, others)
    decisions: list[bytes] = []
    for place, (decision, (text_a, text_b)) in enumerate(
        zip(work.decider.decide(scores), _pairs(work), strict=True)
    ):
        said = _said(call, decision, text_a, text_b, found[place] if found else ())
        decisions.append(to_json(said | {"reasons": reasons[place]} if reasons else said))
    if call.pairs is None:
        decisions = [
            b"[%s]" % b",".join(decisions[begin : begin + rights])
            for begin in range(0, len(decisions), rights)
        ]
    return with_array(
        {
            "object": "decisions",
            "model": work.served.name,
            "identity": work.served.identity(call.dimensions),
            "mode": call.mode,
            "task": call.task,
            **work.decider.about(),
            "usage": usage(work.prepared.input_tokens),
        },
        "decisions",
        decisions,
    )


def _said(
    call: DecideRequest, decision: Decision, text_a: str, text_b: str, found: tuple[Conflict, ...]
) -> dict[str, object]:
    if instruction_in(text_a) or instruction_in(text_b):
        # Such a text went without the prompt that the calibration is for.
        decision = Decision(decision.score, None, "uncalibrated")
    if call.demote_on:
        decision = demote(decision, found, call.demote_on)
    said: dict[str, object] = {
        "score": decision.score,
        "probability": decision.probability,
        "band": decision.band,
        "certified": decision.certificate is not None,
    }
    if call.demote_on:
        said["conflicts"] = list(map(str, found))
    if decision.demoted_from is not None:
        said["demoted_from"] = decision.demoted_from
    return said
