"""``POST /v1/decide``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic_core import to_json

from samesay.decision.bands import Bands, Decision
from samesay.decision.deciding import Decider
from samesay.decision.reasons import Conflict, demote, explain, find_conflicts
from samesay.duplicates.scoring import scores_of_pairs
from samesay.server.deciders import Deciders, deciders_of
from samesay.server.openapi import BODY_PROBLEMS, json_body
from samesay.server.prefixes import instruction_in
from samesay.server.problems import invalid
from samesay.server.queued_model import QueuedModel
from samesay.server.reading import asked, require_json
from samesay.server.routers.embeddings import usage
from samesay.server.routers.similarity import prepare_comparison
from samesay.server.schemas.decide import DecideAnswer, DecideRequest
from samesay.server.services import Services, Work, services_of

router = APIRouter(tags=["decisions"])

# Decisions of one answer: each takes some ten times the room of a score.
_MOST_DECISIONS = 100_000
# Reasons take up to a hundred texts a pair through the network, each as long as one of the pair.
_MOST_EXPLAINED = 16
_MOST_EXPLAINED_TOKENS = 1024


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
        reasons = await _explained(work) if work.call.explain else None
        content = await services.beside_the_loop(lambda: _render(work, vectors, reasons))
    return Response(content, media_type="application/json")


def _prepare(services: Services, deciders: Deciders, body: bytes) -> _Question:
    call = asked(body, DecideRequest)
    if call.explain and call.pairs is not None and len(call.pairs) > _MOST_EXPLAINED:
        raise invalid(
            f"pairs has {len(call.pairs)} entries; with 'explain' one request may have {_MOST_EXPLAINED}",
            "pairs",
        )
    work = prepare_comparison(services, call, min(services.settings.limits.scores, _MOST_DECISIONS))
    longest = int(work.prepared.tokens.lengths.max())
    if call.explain and longest > _MOST_EXPLAINED_TOKENS:
        raise invalid(
            f"a text has {longest} tokens; with 'explain' one may have {_MOST_EXPLAINED_TOKENS}", "pairs"
        )
    bands = None if call.bands is None else Bands(call.bands[0], call.bands[1])
    decider = deciders.decider(work.served, call.mode, call.task, call.dimensions, bands)
    return _Question(work.served, work.prepared, work.texts, call, work.lefts, decider)


async def _explained(work: _Question) -> list[dict[str, object]]:
    model = QueuedModel(work.served, asyncio.get_running_loop())
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

    # A thread of its own: those that prepare requests must not wait for passes.
    return [
        await asyncio.to_thread(one, text_a, text_b)
        for text_a, text_b in zip(work.texts[: work.lefts], work.texts[work.lefts :], strict=True)
    ]


def _render(work: _Question, vectors: NDArray[np.float32], reasons: list[dict[str, object]] | None) -> bytes:
    call, lefts = work.call, work.lefts
    rights = len(work.texts) - lefts
    sides = vectors[work.prepared.places]
    if call.pairs is not None:
        rows = others = np.arange(lefts, dtype=np.int32)
    else:
        rows = np.repeat(np.arange(lefts, dtype=np.int32), rights)
        others = np.tile(np.arange(rights, dtype=np.int32), lefts)
    scores = scores_of_pairs(sides[:lefts], sides[lefts:], rows, others)
    decisions = [
        _said(work, decision, work.texts[row], work.texts[lefts + other])
        for decision, row, other in zip(
            work.decider.decide(scores), rows.tolist(), others.tolist(), strict=True
        )
    ]
    for place, why in enumerate(reasons or ()):
        decisions[place]["reasons"] = why
    shaped: list[object] = list(decisions)
    if call.pairs is None:
        shaped = [decisions[begin : begin + rights] for begin in range(0, len(decisions), rights)]
    return to_json(
        {
            "object": "decisions",
            "model": work.served.name,
            "identity": work.served.identity(call.dimensions),
            "mode": call.mode,
            "task": call.task,
            **work.decider.about(),
            "decisions": shaped,
            "usage": usage(work.prepared.input_tokens),
        }
    )


def _said(work: _Question, decision: Decision, text_a: str, text_b: str) -> dict[str, object]:
    if instruction_in(text_a) or instruction_in(text_b):
        # Such a text went without the prompt that the calibration is for.
        decision = Decision(decision.score, None, "uncalibrated")
    found: tuple[Conflict, ...] = ()
    if work.call.demote_on:
        found = tuple(one for one in find_conflicts(text_a, text_b) if one.kind in work.call.demote_on)
        decision = demote(decision, found, work.call.demote_on)
    said: dict[str, object] = {
        "score": decision.score,
        "probability": decision.probability,
        "band": decision.band,
        "certified": decision.certificate is not None,
    }
    if work.call.demote_on:
        said["conflicts"] = list(map(str, found))
    if decision.demoted_from is not None:
        said["demoted_from"] = decision.demoted_from
    return said
