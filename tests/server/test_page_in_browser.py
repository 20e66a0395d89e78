"""The page in real Chromium with the bundled model: what each view shows of what people type."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from browsing import Tab, fill_all
from serving import QWEN, Serving, plan_of, serving

from samesay import Calibration, EmbeddingModel
from samesay.server.plans import ModelPlan
from samesay.server.settings import Access, ServerSettings

pytestmark = pytest.mark.browser

BANDS = ("high", "middle", "low")


def test_typing_shows_the_models_score_its_band_and_why(
    tab: Tab, there: Serving, bundled: EmbeddingModel
) -> None:
    page = tab.open(there.url)
    assert page.locator(".teach").is_visible()
    page.get_by_label("First text").press_sequentially("The ticket costs 30 dollars.")
    page.get_by_label("Second text").press_sequentially("The ticket costs 40 dollars.")
    page.locator("mark.conflict").nth(1).wait_for()
    score = float(bundled.similarity("The ticket costs 30 dollars.", "The ticket costs 40 dollars.")[0])
    assert page.locator(".score").first.inner_text() == f"{score:.3f}"
    assert page.locator(".text mark.conflict").all_inner_texts() == ["30 dollars", "40 dollars"]
    assert f"{score:.3f}" in page.locator("[aria-live=polite]").first.inner_text()
    assert page.locator(".drawing svg").get_attribute("aria-label")


def test_the_band_and_the_certificate_are_those_of_the_bundled_calibration(
    tab: Tab, there: Serving, bundled: EmbeddingModel
) -> None:
    pairs = [
        ("The cat is asleep on the sofa.", "A cat is sleeping on the couch."),
        ("The cat sleeps on the sofa.", "Interest rates rose in March."),
    ]
    page = tab.open(there.url)
    with there.client() as client:
        told = client.post("/v1/decide", json={"model": "e5", "pairs": pairs}).json()
    if told["calibration"] is None:
        pytest.skip(f"the bundled model has no calibration on this machine: {told['uncalibrated']}")
    assert [one["band"] for one in told["decisions"]] == ["high", "low"]
    certificate = told["calibration"]["certificate"]
    for (a, b), decision in zip(pairs, told["decisions"], strict=True):
        page.get_by_label("First text").fill(a)
        page.get_by_label("Second text").fill(b)
        page.locator(".score", has_text=f"{decision['score']:.3f}").wait_for()
        assert decision["band"] in page.locator(".verdict .badge").inner_text()
        promised = page.locator(".certificate").inner_text()
        assert f"{certificate['target']:.0%}".replace("%", " %") in promised
        assert ("not covered" in promised) is not decision["certified"]
    assert page.locator(".zone").count() == 3


def test_prompt_and_task_are_chosen_asked_for_and_shown_where_they_are_wrong(tab: Tab) -> None:
    with serving([plan_of(QWEN)]) as running:
        page = tab.open(running.url, query="?a=amber&b=birch")
        page.locator(".score").wait_for()
        plain = page.locator(".score").inner_text()
        assert "no calibration" in page.locator(".behind").inner_text()
        page.get_by_label("Task").fill("bitext")
        page.locator(".score", has_not_text=plain).wait_for()
        page.wait_for_url("**task=bitext**")
        page.get_by_label("Task").fill("words " * 2000)
        page.get_by_label("Task").and_(page.locator("[aria-invalid]")).or_(
            page.get_by_role("alert").filter(has_text="token")
        ).first.wait_for()
        page.get_by_label("Prompt").select_option("plain")
        page.locator(".score").wait_for()
        assert not page.get_by_label("Task").is_visible()


def test_marks_lie_right_behind_letters_beyond_the_basic_plane(tab: Tab, there: Serving) -> None:
    page = tab.open(
        there.url, query=f"?a={quote('😀😀 It costs 30 dollars.')}&b={quote('It costs 40 dollars.')}"
    )
    page.locator("mark.conflict").nth(1).wait_for()
    assert page.locator(".text mark.conflict").first.inner_text() == "30 dollars"


def test_the_address_and_the_swap_keep_both_texts(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url)
    page.get_by_label("First text").fill("one & two #3")
    page.get_by_label("Second text").fill("二 = 2")
    page.get_by_label("Prompt").select_option("query-document")
    page.get_by_role("button", name="Swap sides").click()
    page.locator(".score").wait_for()
    page.wait_for_url(re.compile(r"a=%E4%BA%8C.*mode=query-document"))
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    assert page.get_by_label("First text").input_value() == "二 = 2"
    assert page.get_by_label("Second text").input_value() == "one & two #3"
    assert page.get_by_label("Prompt").input_value() == "query-document"


def test_two_hundred_lines_become_a_matrix_that_is_exported_as_it_is(
    tab: Tab, there: Serving, bundled: EmbeddingModel
) -> None:
    page = tab.open(there.url, "matrix")
    lines = [f'{("parcel", "bill", "refund")[number % 3]} number {number}, "quoted"' for number in range(200)]
    page.get_by_label("One sentence a line").fill("\n".join(lines))
    page.locator("canvas.map").wait_for()
    page.locator("canvas.map").focus()
    page.keyboard.press("ArrowRight")
    assert len(page.locator(".readout li").all()) == 2
    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8"))))
    assert sorted(rows[0][1:]) == sorted(lines)
    assert [row[0] for row in rows[1:]] == rows[0][1:]
    expected = float(bundled.similarity(rows[1][0], rows[0][2])[0])
    assert float(rows[1][2]) == pytest.approx(expected, abs=1e-5)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    page.get_by_label("One sentence a line").fill("\n".join([*lines, "one more"]))
    assert "201 lines" in page.get_by_role("alert").filter(has_text="lines").inner_text()


def test_search_shows_three_lists_filters_and_tells_what_is_wrong_with_one(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "search")
    page.get_by_label("Question or words").fill("how do pods restart")
    page.locator(".hits li").first.wait_for()
    assert page.locator(".columns section").count() == 3
    assert page.locator(".passage mark").first.is_visible()
    assert page.locator(".hits").first.locator(".badge").first.inner_text().strip("●◐○ \n") in BANDS
    assert "By words: no." in page.locator(".columns").inner_text()
    page.get_by_label("Language", exact=True).last.fill("zh")
    page.locator(".hit-title strong", has_text="Pods").first.wait_for(state="detached")
    # The lists come one by one, and the first of them may be empty.
    page.locator(".hit-title strong", has_text="容器组").first.wait_for()
    assert set(page.locator(".hit-title strong").all_inner_texts()) == {"容器组"}
    page.get_by_label("Filter (JSON)").fill('{"year": ')
    assert "not JSON" in page.get_by_role("alert").filter(has_text="JSON").inner_text()
    page.get_by_label("Filter (JSON)").fill('{"year": {"near": 3}}')
    page.get_by_role("alert").filter(has_text="near").wait_for()
    assert page.get_by_label("Filter (JSON)").get_attribute("aria-invalid") == "true"


def test_a_threshold_is_dragged_certified_and_saved(tab: Tab, there: Serving, tmp_path: Path) -> None:
    page = tab.open(there.url, "threshold")
    fill_all(page, "threshold")
    before = page.locator(".figures dd").first.inner_text()
    page.locator("svg.distributions").scroll_into_view_if_needed()
    box = page.locator("svg.distributions").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 100, steps=5)
    page.mouse.up()
    dragged = page.locator(".figures dd").first.inner_text()
    assert float(dragged) > float(before)
    page.get_by_label("Threshold (drag").press("ArrowLeft")
    assert page.locator(".figures dd").first.inner_text() != dragged
    page.get_by_role("button", name="Calibrate").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the calibration").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    evidence = Calibration.load(file).evidence
    assert f"From {evidence.matches} matches" in page.locator("main").inner_text()
    page.get_by_label("Labelled pairs").fill("a\tb\tmaybe")
    assert "Line 1" in page.get_by_role("alert").filter(has_text="maybe").inner_text()


def test_a_file_of_pairs_is_read_and_what_cannot_be_promised_is_said(
    tab: Tab, there: Serving, tmp_path: Path
) -> None:
    file = tmp_path / "pairs.tsv"
    rows = [f"It costs {number} dollars.\tThe price is ${number}.\t1" for number in range(3, 15)]
    rows += [f"It costs {number} dollars.\tThe cat sleeps.\t0" for number in range(3, 15)]
    file.write_text("text_a\ttext_b\tlabel\n" + "\n".join(rows), "utf-8")
    page = tab.open(there.url, "threshold")
    page.get_by_label("Or a file").set_input_files(file)
    page.locator(".figures dd").first.wait_for()
    assert "24 pairs" in page.locator(".figures").inner_text()
    page.get_by_role("button", name="Calibrate").click()
    refused = page.locator(".certificate").first
    assert "No certificate" in refused.inner_text()
    assert "label 47 more" in refused.inner_text()
    page.get_by_label("Labelled pairs").fill("\n".join(rows[:12]))
    page.locator(".figures", has_text="12 pairs").wait_for()
    page.get_by_role("button", name="Calibrate").click()
    page.locator(".made .problem").wait_for()
    broken = tmp_path / "broken.tsv"
    broken.write_bytes(b"\xff\xfe\x00")
    page.get_by_label("Or a file").set_input_files(broken)
    page.get_by_role("alert").filter(has_text="UTF-8").wait_for()


def test_models_are_shown_with_identity_speed_and_memory(
    tab: Tab, there: Serving, bundled: EmbeddingModel
) -> None:
    page = tab.open(there.url, "models")
    page.locator("dd").first.wait_for()
    text = page.locator("main").inner_text()
    assert str(bundled.identity) in text
    assert "MiB" in text
    assert "tokens/s" in text
    bundled_speed = page.locator(".figures dd").first
    with there.client() as client:
        client.post("/v1/embeddings", json={"model": "e5", "input": ["some words"] * 20})
    page.wait_for_function("Number(document.querySelector('.figures dd').textContent) > 0")
    assert float(bundled_speed.inner_text()) > 0


def test_problems_stand_next_to_what_they_are_about(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url)
    page.get_by_label("First text").fill("short")
    page.get_by_label("Second text").fill("long " * 700)
    page.locator("[aria-invalid]").wait_for()
    assert page.locator("[aria-invalid]").input_value().startswith("long")
    assert page.get_by_role("alert").filter(has_text="512").is_visible()
    page.route("**/v1/decide", lambda route: route.abort())
    page.get_by_label("Second text").fill("short too")
    page.get_by_role("alert").filter(has_text="cannot be reached").wait_for()
    page.unroute("**/v1/decide")
    page.get_by_label("Second text").fill("short again")
    page.locator(".score").wait_for()
    assert not page.get_by_role("alert").filter(has_text="cannot be reached").is_visible()


@pytest.mark.parametrize(
    ("view", "path"),
    [
        ("compare", "**/v1/decide"),
        ("matrix", "**/v1/similarity"),
        ("search", "**/v1/search"),
        ("threshold", "**/v1/similarity"),
        ("models", "**/metrics"),
    ],
)
def test_every_view_says_what_the_server_says_when_it_fails_and_goes_on_afterwards(
    tab: Tab, there: Serving, view: str, path: str
) -> None:
    page = tab.open(there.url, "compare" if view == "models" else view)
    error = '{"error": {"message": "the sky fell", "param": null, "code": null, "type": "server_error"}}'
    page.route(path, lambda route: route.fulfill(status=500, content_type="application/json", body=error))
    if view == "models":
        page.get_by_role("link", name="Models").click()
    elif view in ("compare", "search"):
        for place, field in enumerate(page.locator("main textarea, main input[type=search]").all()):
            field.fill(f"words {place}")
    else:
        page.locator(".teach button").click()
    page.get_by_role("alert").filter(has_text="the sky fell").wait_for()
    page.unroute(path)
    if view != "models":
        page.locator("main textarea, main input[type=search]").last.press("End")
        page.locator("main textarea, main input[type=search]").last.press_sequentially(" ")
    page.get_by_role("alert").filter(has_text="the sky fell").wait_for(state="hidden")


def test_a_key_is_asked_for_used_and_kept_in_the_tab_only(tab: Tab, bundled: EmbeddingModel) -> None:
    settings = ServerSettings(access=Access(api_keys=("open-sesame",)))
    with serving([ModelPlan("e5", (), lambda: bundled)], settings) as running:
        page = tab.page
        page.goto(running.url)
        page.get_by_role("alert").filter(has_text="API key").first.wait_for()
        page.locator("#key").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").filter(has_text="not one of this server").first.wait_for()
        page.locator("#key").fill("open-sesame")
        page.keyboard.press("Enter")
        page.locator(".state").wait_for(state="hidden")
        fill_all(page, "compare")
        assert "open-sesame" not in page.evaluate(
            "JSON.stringify({...localStorage}) + location.href + document.cookie"
        )
