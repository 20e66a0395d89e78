"""The workers of a Ray cluster: hired wherever processors are free, and hired anew when they die."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from samesay.distributed.worker import ModelChoice, PartWorker, Prepared
from samesay.errors import DistributedError, SamesayError

if TYPE_CHECKING:
    from samesay.identity import Identity

# Threads of one model stop scaling somewhere; workers of a node do not, and share its weights.
WORKER_THREADS = 4
_LOOK_SECONDS = 2.0
_PATIENCE_SECONDS = 30.0
_FAILURES = 3


@dataclass(frozen=True)
class Place:
    """Room for one worker.

    Args:
        node: The node, as Ray names it.
        host: The node, as people do.
        number: Which worker of the node.
        processors: How many it takes.
    """

    node: str
    host: str
    number: int
    processors: int


@dataclass(frozen=True, eq=False)
class Hired:
    """A worker.

    Args:
        place: Where it is.
        actor: Its handle.
    """

    place: Place
    actor: Any


class Crew:
    """Keeps a worker in every place of the cluster, while nodes come and go.

    Args:
        choice: The model.
        dimensions: The width to cut vectors to.
        notice: Told what is to be known.
    """

    def __init__(self, choice: ModelChoice, dimensions: int | None, notice: Callable[[str], None]) -> None:
        import ray

        self._ray: Any = ray
        self._choice = choice
        self._dimensions = dimensions
        self._notice = notice
        self._ready: dict[Place, Hired] = {}
        self._preparing: dict[Any, Hired] = {}
        self._failures: dict[Place, int] = {}
        self._unfit: dict[str, str] = {}
        self._looked = float("-inf")
        self._lacking_since: float | None = None
        self.identity: Identity | None = None

    @property
    def ready(self) -> list[Hired]:
        """The workers that can be given parts."""
        return list(self._ready.values())

    @property
    def preparing(self) -> list[Any]:
        """What to wait for: workers that are loading the model."""
        return list(self._preparing)

    def hire(self) -> None:
        """Look now and then for places without a worker, and fill them.

        Raises:
            DistributedError: There are nodes, and none of them can do the work.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        found = [
            place for node in self._ray.nodes() if node["Alive"] for place in _places(node, self._choice)
        ]
        fit = [place for place in found if place.node not in self._unfit]
        if found and not fit:
            raise DistributedError(f"no node can do it: {next(iter(self._unfit.values()))}")
        taken = {*self._ready, *(hired.place for hired in self._preparing.values())}
        for place in fit:
            if place not in taken:
                self._hire(place)
        self._tell_of_waiting(now)

    def settle(self, reference: Any) -> None:
        """See what became of a worker that was loading the model."""
        hired = self._preparing.pop(reference)
        place = hired.place
        try:
            prepared: Prepared = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            if not isinstance(error.cause, SamesayError):
                raise
            self._leave_out(hired, str(error.cause))
            return
        except self._ray.exceptions.RayError as error:
            self._failures[place] = self._failures.get(place, 0) + 1
            if self._failures[place] >= _FAILURES:
                self._leave_out(hired, f"its workers die at the start ({_reason(error)})")
            return
        if self.identity is None:
            self.identity = prepared.identity
        if prepared.identity.fingerprint != self.identity.fingerprint:
            self._leave_out(
                hired,
                f"its vectors would be others ({prepared.identity}, engine {prepared.identity.engine}; the "
                f"others {self.identity}, engine {self.identity.engine}); where only the instruction set "
                "differs, set SAMESAY_ISA to the same on all nodes",
            )
            return
        self._failures.pop(place, None)
        self._ready[place] = hired

    def drop(self, hired: Hired) -> None:
        """Forget a worker that died, or end one that cannot be reached; its place is filled again."""
        self._ready.pop(hired.place, None)
        self._looked = float("-inf")
        self._end(hired)

    def dismiss(self) -> None:
        """End all workers at once."""
        for hired in (*self._ready.values(), *self._preparing.values()):
            self._end(hired)
        self._ready.clear()
        self._preparing.clear()

    def _hire(self, place: Place) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        on_gpu = self._choice.on_gpu
        actor = (
            self._ray.remote(PartWorker)
            .options(
                num_cpus=place.processors,
                num_gpus=1 if on_gpu else 0,
                max_restarts=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(place.node, soft=False),
            )
            .remote(self._choice, None if self._choice.device else place.processors)
        )
        self._preparing[actor.prepare.remote(self._dimensions)] = Hired(place, actor)

    def _leave_out(self, hired: Hired, reason: str) -> None:
        node = hired.place.node
        if node not in self._unfit:
            self._unfit[node] = f"node {hired.place.host}: {reason}"
            self._notice(f"left out: {self._unfit[node]}")
        self._end(hired)
        self._looked = float("-inf")

    def _end(self, hired: Hired) -> None:
        with suppress(self._ray.exceptions.RayError):  # it may be gone with its node
            self._ray.kill(hired.actor)

    def _tell_of_waiting(self, now: float) -> None:
        if self._ready:
            self._lacking_since = None
        elif self._lacking_since is None:
            self._lacking_since = now
        elif now - self._lacking_since >= _PATIENCE_SECONDS:
            self._lacking_since = now
            self._notice(
                "waiting: no worker has begun yet; the cluster's processors are taken, it has none, "
                "or models are being loaded"
            )


def _places(node: dict[str, Any], choice: ModelChoice) -> Iterator[Place]:
    resources = node["Resources"]
    processors, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    host = str(node.get("NodeManagerHostname") or node["NodeManagerAddress"])
    for number, taken in enumerate(worker_processors(processors, gpus, choice)):
        yield Place(str(node["NodeID"]), host, number, taken)


def worker_processors(processors: int, gpus: int, choice: ModelChoice) -> list[int]:
    """Divide the processors of a node among workers, so that each is used once.

    Returns:
        The processors of each worker.
    """
    if choice.on_gpu:
        count = min(gpus, processors)
        return [1] * count
    if choice.threads is not None:
        # A worker wider than the node still works there, a little slower than it might.
        return [choice.threads] * (processors // choice.threads) or ([processors] if processors else [])
    count = -(-processors // WORKER_THREADS)
    return [processors // count + (number < processors % count) for number in range(count)]


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Ray puts the cause of what happened on the node last.
    return lines[-1] if lines else type(error).__name__
