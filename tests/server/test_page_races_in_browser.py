"""The page when things come late, break, or change meanwhile; several models and collections; its limits."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import DOCUMENTS, EVIL, Tab, fill_all, tab_of
from serving import BERT, QWEN, Serving, model_of, plan_of, serving

import samesay
from samesay import EmbeddingModel
from samesay.server.plans import CollectionPlan, ModelPlan
from samesay.server.settings import Access, Limits, ServerSettings

pytestmark = pytest.mark.browser

PROBLEM = {"error": {"message": "the sky fell", "param": None, "code": None, "type": "server_error"}}


def problem(route: Any, status: int = 500) -> None:
    route.fulfill(status=status, content_type="application/json", body=json.dumps(PROBLEM))


def held(page: Any, path: str) -> list[Any]:
    """Requests to a path, which wait until somebody lets them go on."""
    waiting: list[Any] = []
    page.route(path, lambda route: waiting.append(route))
    return waiting


def until(page: Any, condition: Callable[[], bool]) -> None:
    """Wait in the tab's own time."""
    for _ in range(400):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not happen in time")


def go(page: Any, view: str) -> None:
    page.locator("nav").get_by_role("link", name=view).click()


SHOWN = {"Threshold": ".figures dd", "Matrix": "canvas.map", "Search": ".hits li", "Compare": ".score"}


@pytest.mark.parametrize(
    ("view", "path"),
    [
        ("Threshold", "**/v1/similarity"),
        ("Matrix", "**/v1/similarity"),
        ("Search", "**/v1/search"),
        ("Compare", "**/v1/decide"),
    ],
)
def test_what_was_not_done_when_a_view_was_left_is_done_when_it_is_shown_again(
    tab: Tab, there: Serving, view: str, path: str
) -> None:
    page = tab.open(there.url, view.lower())
    waiting = held(page, path)
    if view in ("Search", "Compare"):
        for place, field in enumerate(page.locator("main textarea, main input[type=search]").all()):
            field.fill(f"words {place}")
    else:
        page.locator(".teach button").click()
    until(page, lambda: bool(waiting))
    go(page, "Models")
    page.locator("h1", has_text="Models").wait_for()
    page.unroute(path)
    go(page, view)
    page.locator(SHOWN[view]).first.wait_for()
    assert "pairs scored" not in page.locator("main").inner_text()
    assert page.locator("[aria-busy]").count() == 0


@pytest.mark.parametrize("view", ["Threshold", "Matrix"])
def test_a_server_that_gets_ready_while_another_view_is_shown_is_asked_then(
    tab: Tab, there: Serving, view: str
) -> None:
    page = tab.page
    ready: list[bool] = []

    def loading(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"ready": bool(ready)})

    page.route("**/page/served.json", loading)
    page.goto(f"{there.url}/#/{view.lower()}")
    page.locator(".state", has_text="loading").wait_for()
    page.locator(".teach button").click()
    go(page, "Compare")
    page.locator("h1", has_text="Do these two").wait_for()
    ready.append(True)
    page.locator(".state").wait_for(state="hidden")
    go(page, view)
    page.locator(SHOWN[view]).first.wait_for()


def test_pairs_are_sent_in_parts_that_the_server_takes(tab: Tab) -> None:
    settings = ServerSettings(Limits(inputs=20, calibration_pairs=30))
    with serving([plan_of(BERT)], settings) as running:
        page = tab.open(running.url, "threshold")
        rows = [f"amber {number}\tbirch {number * 7}\t{number % 2}" for number in range(25)]
        page.get_by_label("Labelled pairs").fill("\n".join(rows))
        page.locator(".figures", has_text="25 pairs").wait_for()
        rows += [f"one {number}\ttwo {number}\t{number % 2}" for number in range(6)]
        page.get_by_label("Labelled pairs").fill("\n".join(rows))
        page.locator(".figures", has_text="31 pairs").wait_for()
        page.get_by_role("button", name="Calibrate").click()
        page.locator(".made .problem", has_text="calibrates 30 pairs at a time, and there are 31").wait_for()
        assert "samesay calibrate" in page.locator("main pre").inner_text()
        go(page, "Matrix")
        page.get_by_label("One sentence a line").fill("\n".join(rows[:11]))
        page.get_by_role("alert").filter(has_text="11 lines; 10 at most").wait_for()
        page.get_by_label("One sentence a line").fill("\n".join(rows[:10]))
        page.locator("canvas.map").wait_for()


@pytest.mark.parametrize("status", [200, 500])
def test_the_answer_about_old_labels_says_nothing_about_new_ones(
    tab: Tab, there: Serving, status: int
) -> None:
    page = tab.open(there.url, "threshold")
    fill_all(page, "threshold")
    waiting = held(page, "**/v1/calibrate")
    page.get_by_role("button", name="Calibrate").click()
    until(page, lambda: bool(waiting))
    page.get_by_label("Labelled pairs").fill("one\ttwo\t1\nthree\tfour\t0")
    page.locator(".figures", has_text="2 pairs").wait_for()
    # The browser may have given the request up already.
    with contextlib.suppress(pytest.importorskip("playwright.sync_api").Error):
        waiting[0].continue_() if status == 200 else problem(waiting[0])
    page.wait_for_timeout(700)
    assert page.locator(".made").inner_text().strip() == ""
    assert page.get_by_role("alert").filter(visible=True).count() == 0
    page.unroute("**/v1/calibrate")
    page.get_by_label("Labelled pairs").fill("")
    page.locator(".teach button").click()
    page.locator(".figures", has_text="23 pairs").wait_for()
    page.get_by_role("button", name="Calibrate").click()
    page.get_by_role("button", name="Save the calibration").wait_for()


@pytest.mark.parametrize("status", [429, 500, 0])
def test_what_keeps_a_calibration_from_being_made_stands_at_its_button(
    tab: Tab, there: Serving, status: int
) -> None:
    page = tab.open(there.url, "threshold")
    fill_all(page, "threshold")
    page.route("**/v1/calibrate", lambda route: problem(route, status) if status else route.abort())
    page.get_by_role("button", name="Calibrate").click()
    told = "the sky fell" if status else "cannot be reached"
    page.locator(".made .problem", has_text=told).wait_for()
    page.unroute("**/v1/calibrate")
    page.get_by_role("button", name="Calibrate").click()
    page.get_by_role("button", name="Save the calibration").wait_for()
    assert page.locator(".made .problem").filter(visible=True).count() == 0


def test_reasons_that_fail_are_told_where_they_would_stand(tab: Tab, there: Serving) -> None:
    page = tab.page

    def refuse(route: Any) -> None:
        if route.request.post_data_json.get("explain"):
            problem(route)
        else:
            route.continue_()

    page.route("**/v1/decide", refuse)
    tab.open(there.url, query="?a=one&b=two")
    page.locator(".why .problem", has_text="the sky fell").wait_for()
    assert "Looking for reasons" not in page.locator("main").inner_text()
    assert page.locator(".score").is_visible()
    page.locator("header").get_by_label("Language").select_option("zh")
    page.locator(".why .problem", has_text="服务器内部出错").wait_for()


@pytest.mark.parametrize("body", ["<html>a portal</html>", '{"object": "list", "da'])
def test_answers_that_are_something_else_are_told_and_asked_for_again(
    tab: Tab, there: Serving, body: str
) -> None:
    page = tab.page
    page.route("**/v1/models", lambda route: route.fulfill(status=200, body=body))
    page.goto(there.url)
    page.locator(".state", has_text="The answer broke off").wait_for()
    page.unroute("**/v1/models")
    page.locator(".state").wait_for(state="hidden")
    page.route("**/v1/decide", lambda route: route.fulfill(status=200, body=body))
    for place in (0, 1):
        page.locator("main textarea").nth(place).fill(f"words {place}")
    page.get_by_role("alert").filter(has_text="The answer broke off").wait_for()


def test_one_list_that_fails_leaves_the_others(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "search")

    def refuse(route: Any) -> None:
        if route.request.post_data_json["mode"] == "text":
            problem(route)
        else:
            route.continue_()

    page.route("**/v1/search", refuse)
    page.get_by_label("Question or words").fill("how do pods restart")
    columns = page.locator(".columns section")
    columns.nth(1).locator(".problem", has_text="the sky fell").wait_for()
    for place in (0, 2):
        columns.nth(place).locator(".hits li").first.wait_for()
    page.unroute("**/v1/search")
    page.get_by_label("Question or words").fill("how do pods start")
    page.locator(".columns .problem").wait_for(state="detached")
    page.locator(".hits").nth(2).wait_for()


def test_collections_are_chosen_and_a_broken_one_is_explained(
    tab: Tab, bundled: EmbeddingModel, tmp_path: Path
) -> None:
    plans = []
    for name, documents in (("first", DOCUMENTS), ("second", [{"id": "cat", "text": "Cats sleep all day."}])):
        with samesay.open(tmp_path / name, bundled) as kb:
            kb.add(documents)
        plans.append(CollectionPlan(name, tmp_path / name))
    with serving([ModelPlan("e5", (), lambda: bundled)], collections=plans) as running:
        page = tab.page

        def with_a_broken_one(route: Any) -> None:
            answer = route.fetch()
            content = answer.json()
            content["collections"].append({"name": "broken", "model": "e5", "problem": "its file is torn"})
            route.fulfill(response=answer, json=content)

        page.route("**/page/served.json", with_a_broken_one)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        tab.open(running.url, "search")
        page.get_by_label("Question or words").fill("how do pods restart")
        page.locator(".hit-title strong", has_text="Pods").first.wait_for()
        page.get_by_label("Collection").select_option("second")
        page.locator(".hit-title strong", has_text="cat").first.wait_for()
        assert "1 documents" in page.locator("main").inner_text()
        page.get_by_label("Collection").select_option("broken")
        page.get_by_role("alert").filter(has_text="its file is torn").wait_for()
        page.wait_for_timeout(300)
        assert page.get_by_role("alert").filter(has_text="its file is torn").is_visible()
        assert not any("undefined" in url for url in asked)
        page.get_by_label("Collection").select_option("first")
        page.locator(".hit-title strong", has_text="Pods").first.wait_for()
        assert not page.get_by_role("alert").filter(has_text="its file is torn").is_visible()


def test_a_copied_link_shows_the_same_in_a_tab_that_shows_something_else(
    chromium: Any, there: Serving
) -> None:
    with tab_of(chromium, permissions=["clipboard-read", "clipboard-write"]) as opened:
        page = opened.open(there.url)
        page.get_by_label("First text").fill("one & two")
        page.get_by_label("Second text").fill("一和二")
        page.get_by_role("button", name="Copy link").click()
        page.get_by_role("status").filter(has_text="copied").wait_for()
        link = page.evaluate("navigator.clipboard.readText()")
        page.locator(".score").wait_for()
        shown = page.locator(".score").inner_text()
        page.get_by_label("Prompt").select_option("query-document")
        page.get_by_label("First text").fill("something else")
        page.locator(".score", has_not_text=shown).wait_for()
        page.wait_for_url("**a=something**")
        page.evaluate("(link) => { location.href = link; }", link)
        page.locator(".score", has_text=shown).wait_for()
        assert page.get_by_label("First text").input_value() == "one & two"
        assert page.get_by_label("Second text").input_value() == "一和二"
        assert page.get_by_label("Prompt").input_value() == "symmetric"
        page.goto(f"{there.url}/#/compare?a=only")
        page.locator(".score").wait_for(state="hidden")
        assert page.get_by_label("Second text").input_value() == ""


def test_a_link_and_a_view_that_are_not_known_do_no_harm(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "constructor")
    assert page.locator("h1").inner_text() == "Do these two say the same?"
    tab.open(there.url, "compare", "?a=one&b=two&model=gone&mode=toString")
    page.get_by_role("alert").filter(has_text="no model “gone”; “e5” scores instead").wait_for()
    page.locator(".score").wait_for()
    assert page.get_by_label("Prompt").input_value() == "symmetric"
    # Other words: the view may have written its address without that model already.
    tab.open(there.url, "compare", "?a=one&b=three")
    page.get_by_role("alert").filter(has_text="no model").wait_for(state="hidden")


def test_a_link_is_followed_though_a_view_writes_its_own_address_in_that_moment(
    tab: Tab, there: Serving
) -> None:
    page = tab.open(there.url, "compare", "?a=before&b=before")
    page.locator(".score").wait_for()
    page.evaluate(
        """() => {
            const before = location.href;
            location.hash = "#/compare?a=after&b=two";
            history.replaceState(null, "", before);
        }"""
    )
    until(page, lambda: page.get_by_label("First text").input_value() == "after")
    page.wait_for_url("**a=after**")


def test_a_browser_that_refuses_a_new_address_keeps_the_page_working(tab: Tab, there: Serving) -> None:
    page = tab.page
    page.add_init_script(
        "history.replaceState = () => { window.refused = 1; throw new DOMException('', 'SecurityError'); }"
    )
    tab.open(there.url)
    fill_all(page, "compare")
    until(page, lambda: page.evaluate("window.refused") == 1)
    assert page.locator(".score").is_visible()


def test_the_address_is_written_once_for_many_keys(tab: Tab, there: Serving) -> None:
    page = tab.page
    page.add_init_script(
        "window.written = 0; const write = history.replaceState;"
        "history.replaceState = function (...all) { window.written += 1; return write.apply(this, all); }"
    )
    tab.open(there.url)
    page.get_by_label("First text").press_sequentially("x" * 120)
    page.wait_for_url(f"**a={'x' * 120}**")
    assert page.evaluate("window.written") <= 30


def test_models_are_chosen_and_their_names_stay_text(tab: Tab) -> None:
    plans = [plan_of(QWEN), plan_of(BERT), ModelPlan(EVIL, (f"{EVIL}-2",), lambda: model_of(BERT))]
    with serving(plans) as running:
        page = tab.open(running.url, query="?a=amber&b=birch")
        page.locator(".score").wait_for()
        for name in (QWEN, BERT, EVIL):
            page.get_by_label("Model").select_option(name)
            expected = model_of(QWEN if name == QWEN else BERT).similarity("amber", "birch")[0]
            page.locator(".score", has_text=f"{expected:.3f}").wait_for()
        # The address is written a moment later than the score, which says nothing of two models that agree.
        page.wait_for_url(re.compile(r"model=%3Cimg"))
        address = page.url
        page.goto("about:blank")
        page.goto(address)
        page.locator(".score").wait_for()
        assert page.get_by_label("Model").input_value() == EVIL
        go(page, "Models")
        page.locator("main h2").nth(2).wait_for()
        assert EVIL in page.locator("main").inner_text()
        go(page, "Threshold")
        page.get_by_label("Model").select_option(EVIL)
        fill_all(page, "threshold")
        for field in page.locator("main input[type=number]").all():
            field.press_sequentially(EVIL)
        page.get_by_role("button", name="Calibrate").click()
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img, main script").count() == 0


def test_markup_as_a_key_and_in_answers_stays_text(tab: Tab, bundled: EmbeddingModel) -> None:
    settings = ServerSettings(access=Access(api_keys=("open-sesame",)))
    with serving([ModelPlan("e5", (), lambda: bundled)], settings) as running:
        page = tab.page
        page.goto(running.url)
        page.locator("#key").fill(EVIL)
        page.keyboard.press("Enter")
        page.get_by_role("alert").filter(has_text="not one of this server").first.wait_for()
        page.locator("#key").fill("ключ")
        page.keyboard.press("Enter")
        page.get_by_role("alert").filter(has_text="made of Latin letters").first.wait_for()
        page.locator("#key").fill("open-sesame")
        page.keyboard.press("Enter")
        page.locator(".state").wait_for(state="hidden")
        content = {"error": {"message": EVIL, "param": None}}
        page.route("**/v1/decide", lambda route: route.fulfill(status=400, json=content))
        for place in (0, 1):
            page.locator("main textarea").nth(place).fill(f"words {place}")
        page.get_by_role("alert").filter(has_text="<script>").wait_for()
        assert page.evaluate("window.hacked") is None
        assert page.locator("script").count() == 1
        assert page.locator("img").count() == 0


def test_a_key_given_twice_leaves_one_row_of_questions(tab: Tab, there: Serving) -> None:
    page = tab.page
    asked: list[str] = []

    def loading(route: Any) -> None:
        asked.append(route.request.url)
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"ready": False})

    page.route("**/page/served.json", loading)
    page.goto(there.url)
    page.locator(".state", has_text="loading").wait_for()
    for _ in range(6):
        page.evaluate("import('/page/served.js').then((it) => it.askServed())")
    page.wait_for_timeout(500)
    begun = len(asked)
    page.wait_for_timeout(4000)
    assert 1 <= len(asked) - begun <= 4


def test_problems_are_told_in_the_language_that_is_chosen(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "threshold")
    page.get_by_label("Labelled pairs").fill("a\tb\tmaybe")
    page.get_by_role("alert").filter(has_text="Line 1").wait_for()
    page.locator("header").get_by_label("Language").select_option("zh")
    page.get_by_role("alert").filter(has_text="第 1 行").wait_for()
    go(page, "比较")
    page.route("**/v1/decide", lambda route: route.abort())
    for place in (0, 1):
        page.locator("main textarea").nth(place).fill(f"words {place}")
    page.get_by_role("alert").filter(has_text="无法连接服务器").wait_for()
    page.locator("header").get_by_label("语言").select_option("en")
    page.get_by_role("alert").filter(has_text="cannot be reached").wait_for()


def test_scores_of_what_was_written_before_are_marked_as_old(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, query="?a=one&b=two")
    page.locator(".score").wait_for()
    waiting = held(page, "**/v1/decide")
    page.get_by_label("Second text").fill("something else")
    page.locator("section[aria-busy=true]").wait_for()
    until(page, lambda: bool(waiting))
    page.unroute("**/v1/decide")
    page.get_by_label("Second text").fill("something new")
    page.locator("section[aria-busy=true]").wait_for(state="detached")
    assert page.locator(".score").is_visible()


def test_only_the_first_button_drags_the_threshold(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "threshold")
    fill_all(page, "threshold")
    before = page.locator(".figures dd").first.inner_text()
    page.locator("svg.distributions").scroll_into_view_if_needed()
    box = page.locator("svg.distributions").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 100)
    page.mouse.down(button="right")
    page.mouse.up(button="right")
    assert page.locator(".figures dd").first.inner_text() == before
