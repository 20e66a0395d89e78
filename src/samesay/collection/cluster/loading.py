"""Loading points: so many requests under way and no more, and each sent again where that can help."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from samesay.collection.cluster.points import VECTOR, Point
from samesay.collection.cluster.settings import ClusterSettings
from samesay.collection.qdrant_errors import request_errors
from samesay.errors import CollectionError

if TYPE_CHECKING:
    from qdrant_client import QdrantClient, models

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 10.0
# A server may name any pause; after this one it is asked all the same.
LONGEST_ASKED_SECONDS = 60.0
Result = TypeVar("Result")


class Loader:
    """Sends points; ``put`` waits while as many requests are under way as there may be.

    Args:
        client: The client.
        name: The Qdrant collection.
        settings: Batch, outstanding requests, tries.
        parallel: Whether the client may be called from several threads; one that is no server may not.
        acknowledged: Told how many points a request had, when it has been acknowledged.
    """

    def __init__(
        self,
        client: QdrantClient,
        name: str,
        settings: ClusterSettings,
        *,
        parallel: bool,
        acknowledged: Callable[[int], object] | None = None,
    ) -> None:
        self._client = client
        self._name = name
        self._settings = settings
        self._acknowledged = acknowledged
        self._pool = ThreadPoolExecutor(settings.outstanding) if parallel else None
        self._under_way: set[Future[int]] = set()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    def put(self, points: Sequence[Point]) -> None:
        """Send points, in requests of one batch.

        Raises:
            CollectionError: A request failed as often as it may, now or before.
        """
        for begin in range(0, len(points), self._settings.batch):
            block = points[begin : begin + self._settings.batch]
            if self._pool is None:
                self._done(self._send(block))
                continue
            while len(self._under_way) >= self._settings.outstanding:
                self._wait(FIRST_COMPLETED)
            self._under_way.add(self._pool.submit(self._send, block))

    def finish(self) -> None:
        """Wait until everything is acknowledged.

        Raises:
            CollectionError: As for ``put``.
        """
        while self._under_way:
            self._wait(FIRST_COMPLETED)

    def _wait(self, until: str) -> None:
        done, self._under_way = wait(self._under_way, return_when=until)
        for one in done:
            self._done(one.result())

    def _done(self, points: int) -> None:
        if self._acknowledged:
            self._acknowledged(points)

    def _send(self, points: Sequence[Point]) -> int:
        from qdrant_client.models import Batch, PointStruct

        full = [(one.name, one.vector, one.payload) for one in points if one.vector is not None]
        bare = [one for one in points if one.vector is None]
        if full:
            names, vectors, payloads = zip(*full, strict=True)
            batch = Batch(
                ids=list(names),
                vectors={VECTOR: [vector.tolist() for vector in vectors]},
                payloads=list(payloads),
            )
            self._upsert(batch)
        if bare:
            self._upsert([PointStruct(id=one.name, vector={}, payload=one.payload) for one in bare])
        return len(points)

    def _upsert(self, points: models.Batch | list[models.PointStruct]) -> None:
        sent_again(lambda: self._client.upsert(self._name, points, wait=True), self._settings.tries)


def sent_again(request: Callable[[], Result], tries: int) -> Result:
    """Send a request that may be sent twice, until it succeeds or has failed so often.

    Returns:
        What the request gave.

    Raises:
        CollectionError: It has failed in a way that sending it again does not mend, or too often.
    """
    delay = _FIRST_WAIT_SECONDS
    tried = 0
    while True:
        tried += 1
        try:
            return request()
        except request_errors() as error:
            if tried >= tries or not _may_pass(error):
                raise CollectionError(f"Qdrant: {reason(error)} ({tried} tries)") from None
            # Spread out, so that loaders that failed together do not come back together.
            pause = delay * (0.5 + random.random())  # noqa: S311
            if isinstance(asked := getattr(error, "retry_after_s", None), int):
                pause = min(max(asked, 0), LONGEST_ASKED_SECONDS)
            time.sleep(pause)
            delay = min(2 * delay, _LONGEST_WAIT_SECONDS)


def reason(error: Exception) -> str:
    """Give what a client's error says, in Qdrant's own words where an answer has them."""
    told = _words_of(getattr(error, "content", None)) or str(error) or type(error).__name__
    return told.strip().split("\n")[0][:300]


def _words_of(content: bytes | None) -> str:
    try:
        value = json.loads(content or b"")
    except ValueError:
        return ""
    status = value.get("status") if isinstance(value, dict) else None
    said = status.get("error") if isinstance(status, dict) else None
    return said if isinstance(said, str) else ""


def _may_pass(error: Exception) -> bool:
    status = getattr(error, "status_code", None)
    return status is None or status == 429 or status >= 500
