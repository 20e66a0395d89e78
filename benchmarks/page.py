"""How soon the page shows a result after the last keystroke, in headless Chromium with the bundled model.

    python benchmarks/page.py --json benchmarks/results/page.json

It needs the dependency group ``browser`` and Debian's chromium. The server is the real command, a process of
its own, with the sample documents as its collection; it and Chromium share the machine's cores. Each time
begins when the last keystroke's ``input`` event is sent and ends with the animation frame after the page's
DOM has the whole result, so it includes the pause in typing that the page waits for, the requests, the model
and the drawing. Reasons below a comparison come after that and are not counted. Second texts and questions
are new each time, and matrices share lines. The first run in each view is thrown away. ``after_the_pause``
is the same without the page's own wait.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from machine import hardware, load_average, versions
from result_file import write_result

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "src" / "samesay" / "server" / "page" / "static"
STARTING_SECONDS = 120
LINES = 200
GOAL_MILLISECONDS = {"compare": 150, "search": 150, "matrix": 2000}

# Gives the milliseconds from an input event until `done` of the watched node holds, and the next frame.
TIMED = """([field, text, watched, done]) => new Promise((resolve) => {
  const control = document.querySelectorAll("main textarea, main input[type=search]")[field];
  const node = document.querySelector(watched);
  const holds = {
    any: () => true,
    lists: () => node.querySelectorAll("ol.hits").length === 3,
  }[done];
  const began = performance.now();
  const observer = new MutationObserver(() => {
    if (!holds()) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - began));
  });
  observer.observe(node, { childList: true, subtree: true, characterData: true });
  control.value = text;
  control.dispatchEvent(new Event("input", { bubbles: true }));
})"""


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Time from a keystroke to the result on the page.")
    parser.add_argument("--runs", type=int, default=40, help="of each of compare and search")
    parser.add_argument("--matrices", type=int, default=10)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "handbook") as url:
        found, chromium = measure(url, options.runs, options.matrices)
    result = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": "python benchmarks/" + shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "hardware": hardware(),
        "versions": versions(["samesay", "numpy", "playwright"]) | {"chromium": chromium},
        "load_average": load_average(),
        "measured": "milliseconds from the last keystroke's input event to the frame after the whole result",
        **found,
    }
    print(json.dumps(result, indent=1))
    if options.json:
        write_result(options.json, result)
    return 0


def measure(url: str, runs: int, matrices: int) -> tuple[dict[str, object], str]:
    """Give the figures of each view, and the version of Chromium."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    texts = sentences()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        compared = _compare(page, url, texts, runs)
        searched = _search(page, url, runs)
        drawn = _matrix(page, url, texts, matrices)
        version = browser.version
        browser.close()
    return {"compare": compared, "search": searched, "matrix": drawn | {"lines": LINES}}, version


def _compare(page: Any, url: str, texts: list[str], runs: int) -> dict[str, object]:
    _open(page, url, "compare")
    page.locator("main textarea").first.fill(texts[-1])
    times = [_timed(page, 1, text, ".verdict", "any") for text in texts[: runs + 1]]
    return _figures("compare", times[1:])


def _search(page: Any, url: str, runs: int) -> dict[str, object]:
    rows = csv.DictReader((ROOT / "examples" / "questions.tsv").open(encoding="utf-8"), delimiter="\t")
    questions = [row["question"] for row in rows]
    asked = [f"{questions[run % len(questions)]} ({run})" for run in range(runs + 1)]
    _open(page, url, "search")
    times = [_timed(page, 0, question, ".columns", "lists") for question in asked]
    return _figures("search", times[1:])


def _matrix(page: Any, url: str, texts: list[str], runs: int) -> dict[str, object]:
    _open(page, url, "matrix")
    times = []
    for run in range(runs + 1):
        begin = run * 37 % (len(texts) - LINES)
        times.append(_timed(page, 0, "\n".join(texts[begin : begin + LINES]), ".readout", "any"))
    return _figures("matrix", times[1:])


def _open(page: Any, url: str, view: str) -> None:
    page.goto(f"{url}/#/{view}")
    page.locator("main h1").wait_for()
    page.locator(".state").wait_for(state="hidden")


def _timed(page: Any, field: int, text: str, watched: str, done: str) -> float:
    # What comes after a result, such as its reasons, is over before the next begins.
    page.wait_for_timeout(800)
    return float(page.evaluate(TIMED, [field, text, watched, done]))


def _figures(view: str, times: list[float]) -> dict[str, object]:
    script = (STATIC / f"{view}.js").read_text("utf-8")
    found = re.search(r"^const PAUSE_MILLISECONDS = (\d+);", script, re.MULTILINE)
    if found is None:
        raise AssertionError(f"{view}.js does not say how long it waits")
    pause = int(found[1])
    return {
        "repetitions": len(times),
        "goal": GOAL_MILLISECONDS[view],
        "milliseconds": _spread(times),
        "pause": pause,
        "after_the_pause": _spread([one - pause for one in times]),
    }


def _spread(times: list[float]) -> dict[str, float]:
    rising = sorted(times)
    last = min(len(rising) - 1, int(0.95 * len(rising)))
    return {"median": round(median(rising), 1), "p95": round(rising[last], 1), "max": round(rising[-1], 1)}


def sentences() -> list[str]:
    """Short sentences in English and Chinese, each once."""
    source = ROOT / "tests" / "decision" / "reasons" / "conflicts.tsv"
    rows = csv.DictReader(source.open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
    return list(dict.fromkeys(text for row in rows for text in (row["text_a"], row["text_b"])))


@contextmanager
def serving(collection: Path) -> Iterator[str]:
    """Serve the bundled model with the sample documents, as people do."""
    samesay = [sys.executable, "-m", "samesay"]
    index = [*samesay, "index", str(ROOT / "examples" / "documents"), "--collection", str(collection)]
    subprocess.run(index, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [*samesay, "serve", "--collection", str(collection), "--port", str(port)], stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(f"{url}/ready", server)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=60)


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("the server did not become ready")


if __name__ == "__main__":
    sys.exit(main())
