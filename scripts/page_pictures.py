"""Take the pictures of the page that docs/page.md shows.

    python scripts/page_pictures.py            # into docs/
    python scripts/page_pictures.py FOLDER

It needs the extras ``bundled``, ``server``, ``collections`` and ``decisions``, the dependency group
``browser``, Debian's chromium and a font with Chinese characters (fonts-noto-cjk). The server is the real
command with the bundled model and the sample documents. The bands of the search come from a calibration made
for the picture: as a match the section of the right page that the model itself scores highest, as others
sections of other pages at random.
"""

from __future__ import annotations

import csv
import importlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import samesay
from samesay import Calibration

ROOT = Path(__file__).parents[1]
DOCUMENTS = "examples/documents"
WIDTHS = {1280: {"width": 1280, "height": 820}, 390: {"width": 390, "height": 844}}
TALLEST = 1600
TO_THE_TOP = "[window, ...document.querySelectorAll('textarea')].forEach((one) => one.scrollTo(0, 0))"
# Of the heat map: its edge in pixels, the sentences in it, and the cell that is pointed at.
EDGE, LINES, CELL = 26, 48, (20, 21)
OTHERS = 8
STARTING_SECONDS = 120
PATIENCE_MILLISECONDS = 120_000
# Theme and language of each picture: both of either are to be seen.
LOOKS = {
    ("compare", 1280): ("light", "en"),
    ("matrix", 1280): ("light", "en"),
    ("search", 1280): ("light", "en"),
    ("threshold", 1280): ("dark", "en"),
    ("models", 1280): ("light", "en"),
    ("compare", 390): ("dark", "zh"),
    ("matrix", 390): ("light", "zh"),
    ("search", 390): ("dark", "zh"),
    ("threshold", 390): ("light", "zh"),
    ("models", 390): ("dark", "zh"),
}
COMPARED = {
    "en": ("The shop ships orders within three days, and returns are free.", "订单会在五天内发货。"),
    "zh": ("门票三十元，周日可以退票。", "The ticket costs 40 yuan."),
}
QUESTION = {
    "en": "The new release throws errors. How do we get back to the old one?",
    "zh": "新版本报错，怎么退回旧版本？",
}


def main() -> int:
    """Take all of them."""
    # Untyped, so that types are checked alike with and without the package.
    playwright: Any = importlib.import_module("playwright.sync_api")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    target.mkdir(parents=True, exist_ok=True)
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder)) as url,
        playwright.sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for (view, width), (theme, language) in LOOKS.items():
            context = browser.new_context(
                viewport=WIDTHS[width],
                color_scheme=theme,
                locale={"en": "en-US", "zh": "zh-CN"}[language],
            )
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MILLISECONDS)
            page.goto(f"{url}/#/{view}")
            page.locator(".state").wait_for(state="hidden")
            fill(page, view, language)
            taken = target / f"page-{view}-{width}.png"
            page.evaluate("document.activeElement?.blur()")
            page.set_viewport_size({"width": width, "height": min(height(page), TALLEST)})
            page.evaluate(TO_THE_TOP)
            page.wait_for_timeout(300)
            if view == "matrix":
                point(page)
            page.screenshot(path=taken)
            smaller(taken)
            print(f"{taken}: {taken.stat().st_size // 1024} KiB", file=sys.stderr)
            context.close()
        browser.close()
    return 0


def fill(page: Any, view: str, language: str) -> None:
    """Let a view show something that people would look at."""
    if view == "compare":
        for place, text in enumerate(COMPARED[language]):
            page.locator("main textarea").nth(place).fill(text)
        page.locator("mark.conflict").first.wait_for()
    elif view == "matrix":
        page.locator("main textarea").fill("\n".join(sentences()[:LINES]))
        page.locator("canvas.map").wait_for()
    elif view == "search":
        page.locator("main input[type=search]").fill(QUESTION[language])
        page.locator(".hits").nth(2).wait_for()
    elif view == "threshold":
        page.locator("main textarea").fill("\n".join(labelled()))
        page.locator(".figures dd").first.wait_for()
        page.locator('button[data-say="threshold.calibrate"]').click()
        page.locator(".certificate").first.wait_for()
    else:
        page.locator(".figures dd").first.wait_for()


def point(page: Any) -> None:
    """Point at a pair of the map, once all stands where it will be in the picture."""
    box = page.locator("canvas.map").bounding_box()
    row, column = (EDGE + (place + 0.5) * (box["width"] - EDGE) / LINES for place in CELL)
    page.mouse.move(box["x"] + column, box["y"] + row)
    page.locator(".readout li").nth(1).wait_for()


def height(page: Any) -> int:
    """How tall the page is with all that it shows."""
    return int(page.evaluate("document.documentElement.scrollHeight"))


def smaller(file: Path) -> None:
    """Keep 256 colours, which are enough for it, where Pillow is there."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(file) as taken:
        # Two rounds of k-means keep colours that few pixels have, such as the frame of a cell.
        taken.convert("RGB").quantize(256, kmeans=2).save(file, optimize=True)


def sentences() -> list[str]:
    """Sentences in English and Chinese, of pairs that mostly mean the same."""
    return [text for row in agreeing() for text in row]


def labelled() -> list[str]:
    """The pairs without a conflict, and as many put together at random."""
    pairs = agreeing()
    chance = random.Random(3)
    others = [(a, chance.choice([b for other, b in pairs if other != a])) for a, _ in pairs]
    return [f"{a}\t{b}\t{label}" for label, rows in ((1, pairs), (0, others)) for a, b in rows]


def agreeing() -> list[tuple[str, str]]:
    """Pairs without a conflict."""
    source = ROOT / "tests" / "decision" / "reasons" / "conflicts.tsv"
    with source.open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(row["text_a"], row["text_b"]) for row in rows if row["conflict"] == "none"]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the sample documents with bands for questions, as people do."""
    collection, calibration = folder / "handbook", folder / "questions.calibration.json"
    subprocess.run(
        [sys.executable, "-m", "samesay", "index", DOCUMENTS, "--collection", str(collection)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    calibrated(collection).save(calibration)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--collection", str(collection), "--calibration", str(calibration), "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "samesay", "serve", *options], stderr=subprocess.DEVNULL, cwd=ROOT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        ready(f"{url}/ready", server)
        yield url
    finally:
        server.terminate()
        server.wait(60)


def calibrated(folder: Path) -> Calibration:
    """A calibration of the sample questions."""
    with (ROOT / "examples" / "questions.tsv").open(encoding="utf-8") as opened:
        questions = list(csv.DictReader(opened, delimiter="\t"))
    chance = random.Random(5)
    with samesay.open(folder) as collection:
        passages = {
            row["document"]: collection.search(
                row["question"], top_k=1, where={"id": f"{DOCUMENTS}/{row['document']}"}
            )[0].passage
            for row in questions
        }
        rows = [(row["question"], passages[row["document"]], True) for row in questions]
        for row in questions:
            others = [passage for page, passage in passages.items() if page != row["document"]]
            rows += [(row["question"], other, False) for other in chance.sample(others, OTHERS)]
        return Calibration.fit(collection.model, rows, mode="query-document")


def ready(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait for the server."""
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not become ready")


if __name__ == "__main__":
    sys.exit(main())
