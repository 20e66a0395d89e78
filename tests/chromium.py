"""The browser that tests of pages drive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def chromium_running() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; without one of them the test is skipped."""
    playwright: Any = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        # In containers Chromium's own sandbox does not start, and shared memory is scarce.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = driver.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()
