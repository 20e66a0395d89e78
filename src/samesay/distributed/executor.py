"""Who does the parts: the protocol, and this process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Protocol

from samesay.distributed.parts import Part
from samesay.distributed.work import PartReport, Work, embed_part
from samesay.embedding_job.request import TextEncoder

if TYPE_CHECKING:
    from samesay.identity import Identity


class Executor(Protocol):
    """Does parts, in any order, each at least once; doing one twice changes nothing."""

    def identity(self, dimensions: int | None) -> Identity:
        """What makes the vectors of all workers, at that width."""

    def run(
        self, work: Work, parts: Sequence[Part], progress: Callable[[int], object]
    ) -> Generator[PartReport, None, None]:
        """Do all parts; give each report when its file is there, and tell the rows done since the last call.

        Raises:
            SamesayError: A part cannot be done.
        """


class LocalExecutor:
    """Does one part after the other in this process.

    Args:
        model: What embeds.
    """

    def __init__(self, model: TextEncoder) -> None:
        self._model = model

    def identity(self, dimensions: int | None) -> Identity:
        """See ``Executor.identity``."""
        return self._model.identity_at(self._model.dimensions if dimensions is None else dimensions)

    def run(
        self, work: Work, parts: Sequence[Part], progress: Callable[[int], object]
    ) -> Generator[PartReport, None, None]:
        """See ``Executor.run``."""
        for part in parts:
            yield embed_part(part, work, self._model, progress)
