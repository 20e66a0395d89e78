"""``/v1/match``: the answers of the matcher, through the queue of its model."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import (
    BERT,
    FIXTURES,
    PATIENCE,
    QWEN,
    Serving,
    held,
    model_of,
    plan_of,
    server_process,
    serving,
    until,
)

from samesay import EmbeddingModel, IntentMatcher
from samesay.decision.intents.examples import IntentExample
from samesay.errors import IntentsModelError, ServerError
from samesay.server.app import create_app
from samesay.server.plans import IntentsPlan
from samesay.server.settings import Limits, ServerSettings

WORDS = ("cat", "dog", "house", "river", "猫", "stone", "paper", "night")
QUERIES = ["the cat and the house", "stone stone river", "猫", "the cat and the house", "a much other thing"]


def examples() -> list[IntentExample]:
    """Two intents that differ in most of their words, and texts of neither."""
    rows = []
    for number in range(12):
        rows.append(IntentExample(f"cat dog house {WORDS[number % 8]} {number}", "animals"))
        rows.append(IntentExample(f"river stone paper {WORDS[number % 8]} {number}", "things"))
    rows += [IntentExample(f"yes {number} no", None) for number in range(60)]
    return rows


@pytest.fixture(scope="module")
def matcher() -> IntentMatcher:
    return IntentMatcher.fit(model_of(QWEN), examples())


@pytest.fixture(scope="module")
def matching(matcher: IntentMatcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("intents")
    matcher.save(folder / "saved.intents")
    (folder / "few.tsv").write_text("greeting\thello\nbalance\tmy balance\n", "utf-8")
    plans = [IntentsPlan("saved", folder / "saved.intents"), IntentsPlan("few", folder / "few.tsv")]
    with serving([plan_of(BERT), plan_of(QWEN)], intents=plans) as running, running.client() as client:
        until(lambda: client.get("/ready").status_code == 200)
        yield running


@pytest.fixture
def asking(matching: Serving) -> Iterator[httpx.Client]:
    with matching.client() as opened:
        yield opened


def answered(client: httpx.Client, **content: Any) -> dict[str, Any]:
    answer = client.post("/v1/match", json=content)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_answers_are_those_of_the_matcher_to_the_bit(asking: httpx.Client, matcher: IntentMatcher) -> None:
    body = answered(asking, intents="saved", input=QUERIES, top=2)
    wanted = matcher.match(QUERIES, top=2)
    assert [one["intent"] for one in body["data"]] == [one.intent for one in wanted]
    assert [one["score"] for one in body["data"]] == [one.score for one in wanted]
    assert [one["band"] for one in body["data"]] == [one.band for one in wanted]
    found = [[(c["intent"], c["score"]) for c in one["candidates"]] for one in body["data"]]
    assert found == [[(c.intent, c.score) for c in one.candidates] for one in wanted]
    assert [one["index"] for one in body["data"]] == list(range(5))
    assert body["model"] == QWEN
    assert body["identity"] == str(matcher.model.identity)
    assert body["threshold"]["basis"] == matcher.fitted.threshold.basis == "certificate"
    assert len(body["promises"]) == 1
    assert body["usage"]["prompt_tokens"] > 0


def test_one_text_is_one_answer_of_all_candidates_asked_for(asking: httpx.Client) -> None:
    body = answered(asking, intents="few", input="hello", top=9)
    assert len(body["data"]) == 1
    assert [one["intent"] for one in body["data"][0]["candidates"]] == ["greeting", "balance"]
    assert body["data"][0]["intent"] == "greeting"
    assert body["data"][0]["band"] == "uncalibrated"
    assert body["data"][0]["certified"] is False
    assert body["threshold"] == {"high": None, "middle": None, "basis": "nothing"}
    assert body["model"] == BERT  # examples go to the first model


@pytest.mark.parametrize(
    ("content", "status", "param", "words"),
    [
        ({"input": "a"}, 400, "intents", "this server has saved, few"),
        ({"input": "a", "intents": "other"}, 404, "intents", "do not exist; this server has saved, few"),
        ({"intents": "few"}, 400, "input", "must have 'input'"),
        ({"intents": "few", "input": []}, 400, "input", "must not be an empty array"),
        ({"intents": "few", "input": ["a", ""]}, 400, "input", "input[1] must not be an empty string"),
        ({"intents": "few", "input": "a", "top": 0}, 400, "top", "greater than or equal to 1"),
        ({"intents": "few", "input": ["a", "word " * 3000]}, 400, "input", "input 1 has"),
        ({"intents": "few", "input": ["a"] * 3000}, 400, "input", "input has 3000 entries"),
        ({"intents": "few", "input": "a", "model": BERT}, 400, "model", "unrecognized"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    asking: httpx.Client, content: dict[str, Any], status: int, param: str, words: str
) -> None:
    answer = asking.post("/v1/match", json=content)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["param"] == param
    assert words in error["message"]


def test_a_matcher_of_a_model_that_is_not_served_keeps_the_server_from_starting(
    matcher: IntentMatcher, tmp_path: Path
) -> None:
    matcher.save(tmp_path / "saved.intents")
    command = ("--model", str(FIXTURES / BERT), "--precision", "fp32", "--intents", "x=saved.intents")
    with server_process(tmp_path, *command, wait=False) as running:
        code, told = running.ended()
    assert code == 1
    assert "intents x: the matcher was made with qwen3-gqa2" in told
    assert "the model is bert-mean" in told
    assert IntentsModelError.__name__ not in told


def test_the_real_command_tells_what_the_threshold_rests_on(matcher: IntentMatcher, tmp_path: Path) -> None:
    matcher.save(tmp_path / "saved.intents")
    command = ("--model", str(FIXTURES / QWEN), "--precision", "fp32", "--intents", "x=saved.intents")
    with server_process(tmp_path, *command) as running, running.client() as client:
        body = client.post("/v1/match", json={"input": "the cat"}, timeout=PATIENCE).json()
        assert body["intents"] == "x"
        assert "intents x: 2 of them; an intent from score" in "".join(running.told)


def test_requests_beyond_the_limit_are_refused_and_the_others_answered(tmp_path: Path) -> None:
    IntentMatcher.fit(model_of(BERT), examples()).save(tmp_path / "saved.intents")
    made, make = held()
    plans = [IntentsPlan("saved", tmp_path / "saved.intents")]
    settings = ServerSettings(Limits(queue_requests=1))
    with (
        serving([plan_of(BERT, make)], settings, intents=plans) as running,
        running.client() as client,
        ThreadPoolExecutor(1) as asking,
    ):
        until(lambda: client.get("/ready").status_code == 200)
        first = asking.submit(
            lambda: httpx.post(f"{running.url}/v1/match", json={"input": "a"}, timeout=PATIENCE)
        )
        until(lambda: made[0].running.is_set())
        refused = client.post("/v1/match", json={"input": "b"})
        made[0].free.set()
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert first.result().status_code == 200


def test_two_intents_of_one_name_are_refused(tmp_path: Path) -> None:
    plan = IntentsPlan("x", tmp_path / "a.tsv")
    with pytest.raises(ServerError, match="two intents are called 'x'"):
        create_app(
            [plan_of(BERT)],
            ServerSettings(),
            ready=lambda *_: None,
            failed=lambda _: None,
            intents=[plan, plan],
        )


def test_the_model_of_the_fixture_makes_its_matcher(matcher: IntentMatcher) -> None:
    model: EmbeddingModel = model_of(QWEN)
    assert matcher.fitted.key.identity == model.identity
