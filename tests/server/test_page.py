"""The page as the server gives it: files under a strict policy, what it asks, and its two languages."""

from __future__ import annotations

import re
from typing import Any

import httpx
import numpy as np
import pytest
from serving import BERT, QWEN, Serving, model_of, plan_of, serving

from samesay import Calibration, EmbeddingModel
from samesay.decision.calibrating import CalibrationSettings
from samesay.server.page.files import STATIC, page_files
from samesay.server.settings import Access, Limits, ServerSettings

SCRIPTS = sorted(STATIC.rglob("*.js"))
KEY = {"Authorization": "Bearer secret"}
# Twelve pairs of equal texts, and twelve of different ones.
PAIRS = [[f"amber {number}", f"amber {number}" if number % 2 == 0 else "my balance"] for number in range(24)]
LABELS = [number % 2 == 0 for number in range(24)]


def test_the_page_and_its_files_come_with_a_policy_that_allows_nothing_from_elsewhere(
    client: httpx.Client,
) -> None:
    for path in ("/", *page_files()):
        answer = client.get(path)
        assert answer.status_code == 200
        directives = dict(
            part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
        )
        assert directives["default-src"] == "'none'"
        assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_file_of_the_page_names_another_place_or_turns_text_into_markup() -> None:
    for path in SCRIPTS:
        text = path.read_text("utf-8")
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
        ):
            assert forbidden not in text, f"{path.name} has {forbidden}"
    markup = (STATIC / "index.html").read_text("utf-8")
    assert "<style" not in markup
    assert not re.search(r"\son\w+=|\sstyle=", markup)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", markup))
    for path in (*SCRIPTS, STATIC / "index.html", STATIC / "style.css"):
        found = re.findall(r"https?://[^\s\"']+", path.read_text("utf-8"))
        assert set(found) <= {"http://www.w3.org/2000/svg"}, path.name


def test_every_import_of_the_page_is_a_file_that_is_served() -> None:
    files = page_files()
    for path in SCRIPTS:
        for target in re.findall(r'from "([^"]+)"', path.read_text("utf-8")):
            there = (path.parent / target).resolve().relative_to(STATIC).as_posix()
            assert f"/page/{there}" in files, f"{path.name} imports {target}"


def test_a_file_that_the_browser_has_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/page/main.js")
    again = client.get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/page/main.js").content == b""


@pytest.mark.parametrize("path", ["/page/", "/page/../files.py", "/page/%2e%2e/files.py", "/page/none.js"])
def test_nothing_beside_the_files_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def _messages(language: str) -> dict[str, str]:
    text = (STATIC / "messages" / f"{language}.js").read_text("utf-8")
    found = re.findall(r'^  "?([\w.-]+)"?:\s+"((?:[^"\\]|\\.)*)",$', text, re.MULTILINE)
    assert len(found) == len(dict(found)) == len(re.findall(r"^  \S+:", text, re.MULTILINE))
    return dict(found)


def test_both_languages_say_the_same_messages_with_the_same_values() -> None:
    english, chinese = _messages("en"), _messages("zh")
    assert english.keys() == chinese.keys()
    for name, message in english.items():
        values = set(re.findall(r"\{(\w+)\}", message))
        assert values == set(re.findall(r"\{(\w+)\}", chinese[name])), name
        assert chinese[name] != message


def test_every_message_that_the_page_names_is_there_and_no_other() -> None:
    text = "\n".join(path.read_text("utf-8") for path in SCRIPTS if path.parent == STATIC)
    english = _messages("en")
    named = set(re.findall(r'"([a-z]+\.[\w-]+)"', text)) - {"samesay.", "svg.w3"}
    known = {name for name in named if not name.endswith((".csv", ".png", ".tsv", ".js")) or name in english}
    assert {
        name for name in known if name.split(".")[0] in {one.split(".")[0] for one in english}
    } <= english.keys()
    made = tuple(re.findall(r"`([a-z]+\.)\$\{", text))
    unused = {name for name in english if f'"{name}"' not in text and not name.startswith(made)}
    assert not unused


def test_the_files_want_no_key_and_what_is_served_does() -> None:
    settings = ServerSettings(access=Access(api_keys=("secret",)))
    with serving([plan_of(QWEN)], settings) as running, running.client() as client:
        assert client.get("/").status_code == client.get("/page/main.js").status_code == 200
        for path in ("/page/served.json", f"/page/scale.json?model={QWEN}"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers=KEY).status_code == 200


def test_the_page_is_told_models_collections_and_tasks(client: httpx.Client) -> None:
    told = client.get("/page/served.json").json()
    assert told["ready"] is True
    assert {one["id"]: one["takes_task"] for one in told["models"]} == {
        name: model_of(name).prompts.instruction is not None for name in (QWEN, BERT)
    }
    (collection,) = told["collections"]
    assert (collection["name"], collection["model"]) == ("kb", BERT)
    assert collection["documents"] >= 2  # other tests add to it
    assert told["memory_bytes"] > 1 << 20
    assert (told["most_inputs"], told["most_calibration_pairs"]) == (2048, 5000)


def test_a_scale_is_asked_of_a_model_mode_and_width_that_there_is(client: httpx.Client) -> None:
    assert client.get("/page/scale.json", params={"model": QWEN}).json()["points"] is None
    for wrong, param in (({"mode": "other"}, "mode"), ({"dimensions": 0}, "dimensions")):
        answer = client.get("/page/scale.json", params={"model": QWEN, **wrong})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_the_points_of_a_scale_are_the_calibrations_probabilities(bert: EmbeddingModel) -> None:
    rows = [(a, b, label) for (a, b), label in zip(PAIRS, LABELS, strict=True)]
    calibration = Calibration.fit(bert, rows)
    with serving([plan_of(BERT)], ServerSettings(calibrations=(calibration,))) as running:
        told = httpx.get(f"{running.url}/page/scale.json", params={"model": BERT}).json()
    scores, likely = np.array(told["points"]).T
    np.testing.assert_allclose(calibration.probabilities(scores.astype(np.float32)), likely)
    assert (np.diff(scores) > 0).all()
    assert told["bands"]["high"] == calibration.bands.high


def calibrate(client: httpx.Client, **request: Any) -> httpx.Response:
    return client.post("/v1/calibrate", json={"model": BERT, "pairs": PAIRS, "labels": LABELS} | request)


def test_a_calibration_over_http_is_that_of_python(
    client: httpx.Client, bert: EmbeddingModel, tmp_path: Any
) -> None:
    answer = calibrate(client, alpha=0.2, precision=0.6, note="birches")
    assert answer.status_code == 200, answer.text
    file = tmp_path / "birches.calibration.json"
    file.write_text(answer.json()["file"], "utf-8")
    rows = [(a, b, label) for (a, b), label in zip(PAIRS, LABELS, strict=True)]
    settings = CalibrationSettings(alpha=0.2, precision=0.6, note="birches")
    assert Calibration.load(file) == Calibration.fit(bert, rows, settings=settings)


def test_a_calibration_takes_the_threshold_of_a_person(client: httpx.Client) -> None:
    bands = calibrate(client, high=0.5).json()["bands"]
    assert (bands["high"], bands["source"]) == (0.5, "given")
    assert bands["middle"] is None or bands["middle"] <= 0.5


def test_labels_that_cannot_be_calibrated_are_refused_in_words(client: httpx.Client) -> None:
    for wrong, param in (
        ({"labels": LABELS[:-1]}, "labels"),
        ({"labels": [True] * 24}, "labels"),
        ({"pairs": [PAIRS[0]] * 24}, "labels"),
        ({"alpha": 0.0}, "alpha"),
        ({"mode": "plain", "task": "similarity"}, "task"),
    ):
        answer = calibrate(client, **wrong)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


def test_more_pairs_than_a_request_may_have_are_refused() -> None:
    settings = ServerSettings(Limits(calibration_pairs=23))
    with serving([plan_of(BERT)], settings) as running, running.client() as client:
        answer = calibrate(client)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "pairs")


def test_what_is_wrong_comes_from_a_server_that_goes_on(server: Serving) -> None:
    with server.client() as client:
        assert calibrate(client, labels=[True] * 24).status_code == 400
        assert calibrate(client).status_code == 200
