"""A server that several tests ask, with two small models."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from serving import BERT, QWEN, Serving, model_of, plan_of, serving

from samesay import EmbeddingModel


@pytest.fixture(scope="session")
def server() -> Iterator[Serving]:
    """A server with the default settings."""
    with serving([plan_of(QWEN), plan_of(BERT)]) as running:
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
