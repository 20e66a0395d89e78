"""A served model for code that asks it text by text: what it computes waits in the same queue as all else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samesay.model import EmbeddingModel
from samesay.server.departure import ClientGoneError, Departure, unless_gone
from samesay.server.preparing import Place, Prepared
from samesay.server.served_models import ServedModel
from samesay.server.settling import FutureWaiter
from samesay.text_model import Overlength, Progress


class QueuedModel(EmbeddingModel):
    """A model for threads beside the event loop; ``encode`` and ``similarity`` go through ``embed_texts``.

    Args:
        served: The model.
        loop: The event loop that its answers come to.
        departure: Whether its client has gone; nothing is computed after that.
    """

    def __init__(self, served: ServedModel, loop: asyncio.AbstractEventLoop, departure: Departure) -> None:
        super().__init__(served.model.checkpoint, served.model.engine)
        self._served = served
        self._loop = loop
        self._departure = departure

    def embed_texts(
        self,
        texts: Sequence[str],
        prefix: str = "",
        *,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        progress: Progress | None = None,  # noqa: ARG002
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Give the vectors of texts; what is cut is not counted here.

        Raises:
            ClientGoneError: When nobody waits for what they are for.
        """
        width = self.checkpoint.check_dimensions(dimensions)
        if not texts:
            return np.empty((0, width), np.float32), np.zeros(0, np.int64)
        prefixes = [prefix] * len(texts)
        prepared = self._served.preparing.texts(texts, prefixes, overlength, dimensions, _place)
        vectors = asyncio.run_coroutine_threadsafe(self._answer(prepared), self._loop).result()
        return vectors[prepared.places], np.zeros(len(texts), np.int64)

    async def _answer(self, prepared: Prepared) -> NDArray[np.float32]:
        if self._departure.happened:
            raise ClientGoneError
        answer: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        job = self._served.batcher.submit(prepared, FutureWaiter(answer))
        try:
            return await unless_gone(answer, self._departure)
        except (asyncio.CancelledError, ClientGoneError):
            self._served.batcher.withdraw(job)
            raise


def _place(index: int) -> Place:
    return Place(f"part {index}", "pairs")
