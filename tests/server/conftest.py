"""What several tests use: a server with two small models, and the page of another in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from browsing import Tab, bundled_model, page_served, tab_of
from serving import BERT, QWEN, Serving, model_of, plan_of, serving

import samesay
from chromium import chromium_running
from samesay import EmbeddingModel
from samesay.server.plans import CollectionPlan, IntentsPlan
from samesay.server.settings import Access, ServerSettings


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with the default settings, a collection that anybody may change, and intents."""
    folder = tmp_path_factory.mktemp("served") / "kb"
    with samesay.open(folder, model_of(BERT)) as kb:
        kb.add([{"id": "a", "text": "one"}, {"id": "b", "text": "two"}])
    examples = folder.parent / "wants.tsv"
    examples.write_text("greeting\thello\ngreeting\tgood morning\nbalance\tmy balance\nnone\train\n", "utf-8")
    settings = ServerSettings(access=Access(open_writes=True))
    collections, intents = [CollectionPlan("kb", folder)], [IntentsPlan("wants", examples)]
    with serving(
        [plan_of(QWEN), plan_of(BERT)], settings, collections=collections, intents=intents
    ) as running:
        yield running


@pytest.fixture
def client(server: Serving) -> Iterator[httpx.Client]:
    """A plain client of it."""
    with server.client() as opened:
        yield opened


@pytest.fixture(scope="session")
def qwen() -> EmbeddingModel:
    """The first of its models, asked directly."""
    return model_of(QWEN)


@pytest.fixture(scope="session")
def bert() -> EmbeddingModel:
    """The second."""
    return model_of(BERT)


@pytest.fixture(scope="session")
def bundled() -> EmbeddingModel:
    """The bundled model; the test is skipped where it is missing."""
    return bundled_model()


@pytest.fixture(scope="session")
def there(bundled: EmbeddingModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server of it, for the page."""
    with page_served(bundled, tmp_path_factory.mktemp("page") / "kb") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Chromium; the test is skipped where it, or what drives it, is missing."""
    with chromium_running() as browser:
        yield browser


@pytest.fixture
def tab(chromium: Any) -> Iterator[Tab]:
    """A tab of it, in which nothing may go wrong."""
    with tab_of(chromium) as opened:
        yield opened
