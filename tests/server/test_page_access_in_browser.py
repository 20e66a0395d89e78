"""The page in real Chromium for everybody: languages, themes, keyboard, phones, and hostile text."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browsing import EVIL, VIEWS, Tab, fill_all, tab_of
from serving import QWEN, Serving, plan_of, serving

pytestmark = pytest.mark.browser


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


HEADINGS = {
    "compare": "这两句话意思相同吗？",
    "matrix": "许多句子两两相比",
    "search": "三种方式搜索",
    "threshold": "寻找阈值",
    "models": "模型",
}


@pytest.mark.parametrize("view", VIEWS)
def test_results_stay_when_language_and_theme_change(tab: Tab, there: Serving, view: str) -> None:
    page = tab.open(there.url, view)
    fill_all(page, view)
    page.get_by_label("Theme").select_option("dark")
    page.locator("header").get_by_label("Language").select_option("zh")
    assert page.locator("h1").inner_text() == HEADINGS[view]
    found = {"compare": ".score", "matrix": "canvas.map", "search": ".hits li"}.get(view, ".figures dd")
    assert page.locator(found).first.is_visible()
    chinese = page.locator("main").inner_text()
    for english in ("Prompt", "Score", "Certificate", "Groups", "Threshold", "Identity", "By words"):
        assert english not in chinese
    page.locator("header").get_by_label("语言").select_option("en")
    assert page.locator("h1").inner_text() != HEADINGS[view]
    assert page.locator(found).first.is_visible()


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
                {"search": ".hits li", "matrix": "canvas.map", "threshold": ".figures dd"}.get(view, ".text")
            ).first.wait_for()
        page.wait_for_timeout(400)
        assert page.evaluate("window.hacked") is None
        assert page.locator("script").count() == 1
        assert page.locator("img, textarea script").count() == 0
        assert EVIL in page.locator("main").inner_text() or view == "models" or view == "threshold"
    page = tab.open(there.url, "search")
    page.get_by_label("Question or words").fill("pods")
    for name, value in (("Filter (JSON)", f'{{"{EVIL[:4]}": "x"}}'), ("Language", EVIL)):
        page.locator("main").get_by_label(name).fill(value)
        page.wait_for_timeout(300)
        assert page.evaluate("window.hacked") is None
        page.locator("main").get_by_label(name).fill("")
    page = tab.open(there.url, "threshold")
    page.get_by_label("Labelled pairs").fill(f"a\tb\t{EVIL}")
    page.get_by_role("alert").filter(has_text="<script>").wait_for()
    assert page.evaluate("window.hacked") is None


def test_markup_in_files_calibrations_and_a_models_task_stays_text(tab: Tab, tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    rows = [f"{EVIL} {number}\t{EVIL} {number % 2}\t{number % 2}" for number in range(24)]
    file.write_text("\n".join(rows), "utf-8")
    with serving([plan_of(QWEN)]) as running:
        page = tab.open(running.url, "threshold")
        page.get_by_label("Task").fill(EVIL)
        page.get_by_label("Or a file").set_input_files(file)
        page.locator(".figures dd").first.wait_for()
        page.get_by_role("button", name="Calibrate").click()
        page.locator(".made p").first.wait_for()
        assert EVIL.replace("'", "'\\''") in page.locator("pre").inner_text()
        page = tab.open(running.url, "compare", f"?a=one&b=two&task={quote(EVIL)}")
        page.locator(".score").wait_for()
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img, main script").count() == 0


def serious(page: Any, axe: str) -> list[tuple[str, list[str]]]:
    """What axe-core finds that keeps people out."""
    page.evaluate(axe)
    found = page.evaluate("axe.run().then(found => found.violations)")
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core, as a script; the test is skipped where it is missing."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("needs the package axe-playwright-python")
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


@pytest.mark.parametrize(
    ("scheme", "locale", "width"),
    [("light", "en-US", 1280), ("dark", "zh-CN", 1280), ("light", "zh-CN", 390)],
)
def test_axe_finds_nothing_serious(
    chromium: Any, there: Serving, axe: str, scheme: str, locale: str, width: int
) -> None:
    viewport = {"width": width, "height": 844}
    with tab_of(
        chromium, color_scheme=scheme, reduced_motion="reduce", locale=locale, viewport=viewport
    ) as opened:
        for view in VIEWS:
            page = opened.open(there.url, view)
            assert serious(page, axe) == []
            fill_all(page, view)
            if view == "threshold":
                page.locator('button[data-say="threshold.calibrate"]').click()
                page.locator(".made p").first.wait_for()
            for summary in page.locator("summary").all():
                summary.click()
            assert serious(page, axe) == []


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en-US"), ("dark", "zh-CN")])
def test_axe_finds_nothing_serious_where_something_is_wrong(
    chromium: Any, there: Serving, axe: str, scheme: str, locale: str
) -> None:
    with tab_of(chromium, color_scheme=scheme, reduced_motion="reduce", locale=locale) as opened:
        page = opened.open(there.url, "compare", f"?a=short&b={quote('long ' * 700)}&model=gone")
        page.locator("textarea[aria-invalid]").wait_for()
        assert serious(page, axe) == []
        opened.open(there.url, "matrix")
        page.locator("main textarea").fill("\n".join(map(str, range(201))))
        page.locator("textarea[aria-invalid]").wait_for()
        assert serious(page, axe) == []
        opened.open(there.url, "search")
        page.locator("main input[type=search]").fill("pods")
        page.locator("main input[type=text]").last.fill("null")
        page.locator("input[aria-invalid]").wait_for()
        assert serious(page, axe) == []
        opened.open(there.url, "threshold")
        fill_all(page, "threshold")
        page.route("**/v1/calibrate", lambda route: route.abort())
        page.locator('button[data-say="threshold.calibrate"]').click()
        page.locator(".made .problem").wait_for()
        assert serious(page, axe) == []
        page.route("**/v1/models", lambda route: route.abort())
        page.locator("nav a").last.click()
        page.locator("main .problem").first.wait_for()
        assert serious(page, axe) == []


def test_nothing_is_wider_than_a_phone(chromium: Any, there: Serving) -> None:
    with tab_of(chromium, viewport={"width": 390, "height": 844}) as opened:
        for view in VIEWS:
            page = opened.open(there.url, view)
            fill_all(page, view)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, view


def test_the_keyboard_reaches_the_content_first(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"


FOCUS = """() => {
  const one = document.activeElement;
  if (one === document.body) return null;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  return [[...document.querySelectorAll("*")].indexOf(one), outlineStyle, parseFloat(outlineWidth)];
}"""


CONTROLS = """() => [
  ...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']"),
].filter((one) => one.checkVisibility() && !one.disabled).length"""


@pytest.mark.parametrize("view", VIEWS)
def test_the_keyboard_goes_through_every_control_in_order_and_shows_where_it_is(
    tab: Tab, there: Serving, view: str
) -> None:
    page = tab.open(there.url, view)
    fill_all(page, view)
    page.locator(".skip").focus()
    wanted = page.evaluate(CONTROLS)
    seen = [page.evaluate(FOCUS)[0]]
    for _ in range(3 * wanted):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUS)
        if focused is None or focused[0] in seen:
            break
        place, style, width = focused
        assert style != "none", f"nothing shows that element {place} has the focus"
        assert width >= 2 or style == "auto"
        seen.append(place)
    assert seen == sorted(seen)
    assert len(seen) >= wanted


def test_a_pair_is_compared_and_a_matrix_read_with_the_keyboard_alone(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Where is my parcel?")
    page.keyboard.press("Tab")
    page.keyboard.type("My package has not arrived.")
    page.locator(".score").wait_for()
    page.get_by_role("link", name="Matrix").focus()
    page.keyboard.press("Enter")
    page.locator("h1", has_text="Many sentences").wait_for()
    page.locator(".teach button").focus()
    page.keyboard.press("Enter")
    page.locator("canvas.map").wait_for()
    page.locator("canvas.map").focus()
    first = page.locator(".readout").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator(".readout").inner_text() != first
    page.get_by_label("In one group").focus()
    groups = page.locator("main h2").first.inner_text()
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    assert page.locator("main h2").first.inner_text() != groups
