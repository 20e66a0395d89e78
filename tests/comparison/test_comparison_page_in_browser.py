"""The page of a comparison in real Chromium: the committed one, and one whose texts try to be markup."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from comparison_samples import made_up_report

from chromium import chromium_running
from samesay.comparison.page.page import page

pytestmark = pytest.mark.browser

COMMITTED = Path(__file__).parents[2] / "benchmarks" / "results" / "compare.html"
WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")
# Texts of the charts that another text covers, or that reach out of their picture.
COLLIDING = """() => {
  const found = [];
  for (const picture of document.querySelectorAll("svg[role=img]")) {
    const frame = picture.getBoundingClientRect();
    const texts = [...picture.querySelectorAll("text")];
    const words = texts.map((one) => [one.textContent, one.getBoundingClientRect()]);
    words.forEach(([text, box], place) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1)
        found.push(`${text} leaves its picture`);
      for (const [other, beside] of words.slice(place + 1)) {
        const across = Math.min(box.right, beside.right) - Math.max(box.left, beside.left);
        const down = Math.min(box.bottom, beside.bottom) - Math.max(box.top, beside.top);
        if (across > 1 && down > 4) found.push(`${text} on ${other}`);
      }
    });
  }
  return found;
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with chromium_running() as browser:
        yield browser


@pytest.fixture(scope="module", params=["committed", "hostile"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page as people open it: a file."""
    if request.param == "committed":
        return COMMITTED
    made = tmp_path_factory.mktemp("page") / "compare.html"
    made.write_text(page(made_up_report()), "utf-8")
    return made


@contextmanager
def shown(chromium: Any, file: Path, scheme: str, width: int) -> Iterator[Any]:
    """The page with all of it unfolded; it asks for nothing, and the console says nothing."""
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    told: list[str] = []
    asked: list[str] = []
    tab = context.new_page()
    tab.on("console", lambda message: told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.on("dialog", lambda dialog: told.append(dialog.message))
    tab.on("request", lambda request: asked.append(request.url))
    try:
        tab.goto(file.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        yield tab
        assert told == []
        assert asked == [file.as_uri()]
    finally:
        context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_wider_than_the_window_and_nothing_covers_words(
    chromium: Any, file: Path, scheme: str, width: int
) -> None:
    with shown(chromium, file, scheme, width) as tab:
        assert tab.locator("h1").inner_text() == "Models side by side"
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(COLLIDING) == []
        assert tab.locator("svg[role=img]").count() > 5
        assert tab.locator("script, img, iframe, link").count() == 0


def test_light_and_dark_are_told_apart_by_the_system(chromium: Any, file: Path) -> None:
    colours = []
    for scheme in SCHEMES:
        with shown(chromium, file, scheme, 1280) as tab:
            colours.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(22, 23, 26)"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(chromium: Any, file: Path, scheme: str, width: int) -> None:
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("needs the package axe-playwright-python")
    axe = (Path(found.origin).parent / "axe.min.js").read_text("utf-8")
    with shown(chromium, file, scheme, width) as tab:
        tab.evaluate(axe)
        violations = tab.evaluate("axe.run().then(found => found.violations)")
        assert [
            (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in violations
            if one["impact"] in ("serious", "critical")
        ] == []
