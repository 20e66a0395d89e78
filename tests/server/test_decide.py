"""``/v1/decide``: the model's scores, and what a calibration says of them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from serving import (
    BERT,
    FIXTURES,
    PATIENCE,
    QWEN,
    Serving,
    model_of,
    plan_of,
    server_process,
    serving,
    until,
)

from samesay import Calibration, EmbeddingModel
from samesay.decision.key import Key, key_of
from samesay.decision.labels import label_scores
from samesay.decision.reasons import Conflict, explain
from samesay.errors import ServerError
from samesay.server.app import create_app
from samesay.server.settings import ServerSettings

PAIRS = [
    ["The cat sleeps.", "A cat is asleep."],
    ["It costs 30 dollars.", "It costs 40 dollars."],
    ["a", "a"],
]


def calibration_for(key: Key) -> Calibration:
    generator = np.random.default_rng(0)
    scores = np.concatenate([generator.normal(0.7, 0.2, 200), generator.normal(0.2, 0.2, 200)])
    labels = [True] * 200 + [False] * 200
    return Calibration.fit_scores(label_scores(np.clip(scores, -1, 1), labels), key)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return calibration_for(key_of(model_of(QWEN)))


@pytest.fixture(scope="module")
def deciding(calibration: Calibration) -> Iterator[Serving]:
    settings = ServerSettings(calibrations=(calibration,))
    with serving([plan_of(QWEN), plan_of(BERT)], settings) as running:
        yield running


@pytest.fixture
def asking(deciding: Serving) -> Iterator[httpx.Client]:
    with deciding.client() as opened:
        yield opened


def decisions(client: httpx.Client, **content: Any) -> dict[str, Any]:
    answer = client.post("/v1/decide", json={"model": QWEN, **content})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_decisions_are_those_of_the_calibration_about_the_models_scores(
    asking: httpx.Client, qwen: EmbeddingModel, calibration: Calibration
) -> None:
    body = decisions(asking, pairs=PAIRS)
    scores = qwen.similarity([a for a, _ in PAIRS], [b for _, b in PAIRS])
    wanted = calibration.decide(scores, key_of(qwen))
    for said, decision in zip(body["decisions"], wanted, strict=True):
        assert said == {
            "score": decision.score,
            "probability": decision.probability,
            "band": decision.band,
            "certified": decision.certificate is not None,
        }
    assert body["identity"] == str(qwen.identity)
    assert body["calibration"]["certificate"]["kind"] == "false-match-rate"
    assert body["calibration"]["certificate"]["key"] == key_of(qwen).digest
    assert body["bands"]["source"] == "certificate"
    assert body["uncalibrated"] is None
    tokens = asking.post("/v1/similarity", json={"model": QWEN, "pairs": PAIRS}).json()["usage"]
    assert body["usage"] == tokens


def test_two_lists_give_a_row_for_each_left_text_with_the_scores_of_pairs(
    asking: httpx.Client, qwen: EmbeddingModel
) -> None:
    left, right = ["a", "b"], ["c", "d", "e"]
    body = decisions(asking, left=left, right=right)
    scores = [[one["score"] for one in row] for row in body["decisions"]]
    assert scores == [qwen.similarity([one] * 3, right).tolist() for one in left]


@pytest.mark.parametrize(
    "content",
    [{"mode": "plain"}, {"mode": "query-document"}, {"task": "legal"}, {"dimensions": 32}, {"model": BERT}],
)
def test_scores_of_another_key_stay_uncalibrated_and_say_why(
    asking: httpx.Client, content: dict[str, Any]
) -> None:
    body = decisions(asking, **{"pairs": PAIRS, **content})
    assert {one["band"] for one in body["decisions"]} == {"uncalibrated"}
    assert {one["probability"] for one in body["decisions"]} == {None}
    assert body["calibration"] is None
    assert "this server has no calibration for scores of " in body["uncalibrated"]


def test_a_text_with_an_instruction_of_its_own_is_not_what_the_calibration_is_for(
    asking: httpx.Client,
) -> None:
    own = "Instruct: do something\nQuery:The cat sleeps."
    body = decisions(asking, pairs=[[own, "A cat is asleep."], PAIRS[0]])
    assert body["decisions"][0]["band"] == "uncalibrated"
    assert body["decisions"][1]["band"] != "uncalibrated"


def test_bands_of_the_request_hold_with_and_without_a_calibration(asking: httpx.Client) -> None:
    for mode, probable in (("symmetric", True), ("plain", False)):
        body = decisions(asking, pairs=PAIRS, mode=mode, bands=[1, -1])
        first, *_, same = body["decisions"]
        assert (first["band"], first["certified"]) == ("middle", False)
        assert (first["probability"] is not None) == probable
        assert same["score"] == pytest.approx(1, abs=1e-6)
        assert body["bands"] == {"high": 1.0, "middle": -1.0, "source": "given"}


def test_a_conflict_lowers_the_band_only_where_that_is_asked_for(asking: httpx.Client) -> None:
    plain = decisions(asking, pairs=PAIRS, bands=[-1, -1])["decisions"]
    assert [one["band"] for one in plain] == ["high"] * 3
    assert "conflicts" not in plain[1]
    demoted = decisions(asking, pairs=PAIRS, bands=[-1, -1], demote_on=["number", "negation"])["decisions"]
    assert [one["band"] for one in demoted] == ["high", "middle", "high"]
    assert [one["score"] for one in demoted] == [one["score"] for one in plain]
    assert demoted[1]["conflicts"][0].startswith("number: ")
    assert [one.get("demoted_from") for one in demoted] == [None, "high", None]
    assert demoted[0]["conflicts"] == []


def test_conflicts_in_two_lists_are_those_of_each_pair(asking: httpx.Client) -> None:
    left, right = [f"It costs {number} dollars." for number in range(7)], ["It costs 3 dollars."] * 11
    rows = decisions(asking, left=left, right=right, bands=[-1, -1], demote_on=["number"])["decisions"]
    for place, row in enumerate(rows):
        assert [one["band"] for one in row] == ["high" if place == 3 else "middle"] * 11


def test_looking_for_conflicts_delays_nobody_and_ends_when_the_client_goes(
    deciding: Serving, asking: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    free = threading.Event()

    def slowly(text_a: str, text_b: str) -> tuple[Conflict, ...]:
        looked.append(text_a)
        assert free.wait(PATIENCE)
        return ()

    monkeypatch.setattr("samesay.server.routers.decide.find_conflicts", slowly)
    texts = [f"Text {number}." for number in range(100)]
    body = json.dumps({"model": QWEN, "left": texts, "right": texts, "demote_on": ["number"]}).encode()
    head = "POST /v1/decide HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    sent = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with contextlib.ExitStack() as opened:
        for _ in range(3):
            address = ("127.0.0.1", deciding.port)
            opened.enter_context(socket.create_connection(address, timeout=PATIENCE)).sendall(sent)
        until(lambda: deciding.services.draining.in_flight == 3 and bool(looked))
        assert asking.post("/v1/tokenize", json={"model": QWEN, "input": "a"}).status_code == 200
        large = {"model": QWEN, "input": [f"word {number}" for number in range(2000)]}
        assert asking.post("/v1/embeddings", json=large).status_code == 200
    free.set()
    until(lambda: deciding.services.draining.in_flight == 0)
    # Of 30,000 pairs only those that were begun.
    assert len(looked) < 300


def test_reasons_come_with_the_decision_and_change_no_number(
    asking: httpx.Client, qwen: EmbeddingModel
) -> None:
    plain = decisions(asking, pairs=PAIRS)
    explained = decisions(asking, pairs=PAIRS, explain=True)
    both = zip(plain["decisions"], explained["decisions"], strict=True)
    for place, (without, with_reasons) in enumerate(both):
        reasons = with_reasons.pop("reasons")
        assert with_reasons == without
        direct = explain(qwen, *PAIRS[place]).to_dict()
        assert reasons == json.loads(json.dumps({name: direct[name] for name in reasons}))
        assert set(reasons) == {"shared", "differs", "conflicts"}
    assert explained["usage"] == plain["usage"]


@pytest.mark.parametrize(
    ("content", "param", "words"),
    [
        ({}, "pairs", "either 'pairs', or 'left' and 'right'"),
        ({"pairs": PAIRS, "bands": [0.5]}, "bands", "an array of two scores"),
        ({"pairs": PAIRS, "bands": [0.5, 0.7]}, "bands", "the edge of high first"),
        ({"pairs": PAIRS, "bands": [2, 0.7]}, "bands", "from -1 to 1"),
        ({"pairs": PAIRS, "bands": ["a", 0.7]}, "bands", "bands[0] must be a number"),
        ({"pairs": PAIRS, "bands": [True, 0.7]}, "bands", "bands[0] must be a number"),
        ({"pairs": PAIRS, "demote_on": ["mood"]}, "demote_on", "number"),
        ({"pairs": PAIRS, "demote_on": "number"}, "demote_on", "an array"),
        ({"left": ["a"], "right": ["b"], "explain": True}, "explain", "goes with 'pairs'"),
        (
            {"pairs": PAIRS * 6, "explain": True},
            "pairs",
            "18 entries; with 'explain' one request may",
        ),
        ({"pairs": [["a", "word " * 700]], "explain": True}, "pairs", "with 'explain' one may have 1024"),
        ({"left": ["a"] * 400, "right": ["b"] * 400}, "right", "scores are more than the 100000"),
        ({"pairs": [["a", "b"]], "mode": "plain", "task": "code"}, "task", "a task needs mode"),
        (
            {"left": ["a"] * 150, "right": ["b"] * 150, "demote_on": ["number"]},
            "right",
            "are more than the 10000 of one answer",
        ),
        (
            {"pairs": [["word " * 1000, "word " * 1000]] * 16, "demote_on": ["number"]},
            "pairs",
            "fewer pairs, or shorter texts",
        ),
    ],
)
def test_wrong_requests_are_told(
    asking: httpx.Client, content: dict[str, Any], param: str, words: str
) -> None:
    answer = asking.post("/v1/decide", json={"model": QWEN, **content})
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == param


def test_two_calibrations_for_the_same_scores_are_refused(calibration: Calibration) -> None:
    settings = ServerSettings(calibrations=(calibration, calibration))
    with pytest.raises(ServerError, match="two calibrations are for"):
        create_app([plan_of(QWEN)], settings, ready=lambda *_: None, failed=lambda _: None)


def test_the_command_takes_calibrations_and_ends_where_one_is_for_no_served_model(
    tmp_path: Path, calibration: Calibration
) -> None:
    calibration.save(tmp_path / "own.calibration.json")
    options = ("--model", str(FIXTURES / QWEN), "--precision", "fp32", "--threads", "1")
    with server_process(tmp_path, *options, "--calibration", "own.calibration.json") as running:
        with running.client() as client:
            content = {"model": QWEN, "pairs": PAIRS}
            body = client.post("/v1/decide", json=content).json()
        assert body["uncalibrated"] is None
    wrong = ("--model", str(FIXTURES / BERT), "--precision", "fp32", "--threads", "1")
    with server_process(tmp_path, *wrong, "--calibration", "own.calibration.json", wait=False) as running:
        code, told = running.ended()
    assert code == 1
    assert f"the calibration is for {calibration.key}; served are {BERT}" in told
    assert "Traceback" not in told
