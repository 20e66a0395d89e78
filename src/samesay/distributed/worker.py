"""A worker of a cluster: a process that holds the model and does the parts that it is given."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from samesay.distributed.parts import Part
from samesay.distributed.work import PartReport, Work, embed_part
from samesay.embedding_job.request import TextEncoder
from samesay.errors import DistributedError

if TYPE_CHECKING:
    from samesay.engine.base import Precision
    from samesay.identity import Identity

# Without it, tokenizing would take a thread on every core of the node, in every worker.
_TOKENIZER_THREADS = "RAYON_NUM_THREADS"


@dataclass(frozen=True)
class ModelChoice:
    """The model that every worker loads; see ``samesay.load``.

    Args:
        reference: A name, or the path of a folder that all nodes see.
        precision: By default what the engine takes.
        threads: Threads of each worker; None leaves it to the node.
        device: Where to compute.
    """

    reference: str
    precision: Precision | None
    threads: int | None
    device: str | None

    @classmethod
    def of(
        cls, model: str | Path | None, precision: Precision | None, threads: int | None, device: str | None
    ) -> ModelChoice:
        """Settle on a model by what is on this machine, so that every node takes the same."""
        if model is None:
            from samesay.checkpoint.locate import locate

            model = locate(None).name
        elif Path(model).is_dir():
            model = Path(model).resolve()
        return cls(str(model), precision, threads, device)

    @property
    def on_gpu(self) -> bool:
        """Whether a worker takes a whole GPU."""
        return self.device is not None and self.device.startswith("cuda")


@dataclass(frozen=True)
class Prepared:
    """A worker that can begin.

    Args:
        host: The name of its machine.
        identity: What makes its vectors.
    """

    host: str
    identity: Identity


class PartWorker:
    """One process of a node.

    Args:
        choice: The model.
        threads: Threads to compute with; None where a GPU computes.
    """

    def __init__(self, choice: ModelChoice, threads: int | None) -> None:
        self._choice = choice
        self._threads = threads
        self._model: TextEncoder | None = None

    def prepare(self, dimensions: int | None) -> Prepared:
        """Load the model; packed weights are mapped, so that the workers of a node share them.

        Raises:
            SamesayError: It is not on this machine, or cannot be loaded.
        """
        from samesay.model import load

        if self._threads is not None:
            os.environ[_TOKENIZER_THREADS] = str(self._threads)
        choice = self._choice
        model = load(
            choice.reference, precision=choice.precision, threads=self._threads, device=choice.device
        )
        self._model = model
        return Prepared(socket.gethostname(), model.identity_at(dimensions))

    def embed(self, part: Part, work: Work) -> PartReport:
        """Do a part; see ``embed_part``."""
        if self._model is None:
            raise DistributedError("the worker has no model yet")
        return embed_part(part, work, self._model)
