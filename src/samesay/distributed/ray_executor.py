"""Parts on a Ray cluster.

Why actors of Ray and not a pipeline of Ray Data: what is promised here is that a part is done once and found
again, in order, after any end. Ray Data names its files by the run, gives a file for whatever block arrives,
and starts over when its driver ends; what would be left of it is reading, which must be the same as on one
machine, and a pool of actors. So the driver keeps the list of parts itself. A worker has one part at a time,
reads it and writes it by itself, and answers with its size: nothing large passes through Ray, no more is in
memory than one part a worker, and a part whose worker or node died is given to another.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from samesay.distributed.crew import Crew, Hired
from samesay.distributed.parts import Part
from samesay.distributed.work import PartReport, Work
from samesay.distributed.worker import ModelChoice
from samesay.errors import DistributedError, MissingExtraError, SamesayError

if TYPE_CHECKING:
    from samesay.identity import Identity

_CONNECT_SECONDS = 10.0
_WAIT_SECONDS = 1.0
# A part that takes its worker with it again and again would take the cluster with it.
_MOST_DEATHS = 4


class RayExecutor:
    """Does parts on all nodes of a Ray cluster.

    Args:
        address: ``host:port``, ``ray://host:port``, ``local``, or ``auto`` for what ``RAY_ADDRESS`` names or
            this machine runs; a connection that the program has already is used as it is.
        choice: The model.
        notice: Told what is to be known.

    Raises:
        MissingExtraError: ray is not installed.
        DistributedError: There is no cluster at the address.
    """

    def __init__(self, address: str, choice: ModelChoice, notice: Callable[[str], None]) -> None:
        self._owns = _connect(address)
        self._choice = choice
        self._notice = notice
        self._crew: Crew | None = None

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        if self._crew is not None:
            self._crew.dismiss()
        if self._owns:
            ray.shutdown()

    def identity(self, dimensions: int | None) -> Identity:
        """Give the identity of the first worker that is ready; workers of another are left out.

        Raises:
            DistributedError: No node can do it.
        """
        crew = self._crew = Crew(self._choice, dimensions, self._notice)
        while crew.identity is None:
            crew.hire()
            for reference in _finished(crew.preparing):
                crew.settle(reference)
        return crew.identity

    def run(
        self, work: Work, parts: Sequence[Part], progress: Callable[[int], object]
    ) -> Generator[PartReport, None, None]:
        """See ``Executor.run``.

        Raises:
            DistributedError: A part ended its workers again and again, or no node can do the work.
            SamesayError: A part cannot be done.
        """
        if self._crew is None:
            raise DistributedError("ask for the identity first: it says what the workers load")
        crew = self._crew
        waiting = deque(parts)
        at_work: dict[Any, tuple[Hired, Part]] = {}
        deaths: Counter[str] = Counter()
        try:
            while waiting or at_work:
                crew.hire()
                _hand_out(crew, waiting, at_work, work)
                for reference in _finished([*at_work, *crew.preparing]):
                    if reference not in at_work:
                        crew.settle(reference)
                        continue
                    hired, part = at_work.pop(reference)
                    report = _report(reference)
                    if report is not None:
                        progress(report.rows)
                        yield report
                        continue
                    crew.drop(hired)
                    waiting.appendleft(part)
                    deaths[part.name] += 1
                    self._tell_of_death(hired, part, deaths[part.name])
        finally:
            if waiting or at_work:  # not all is done: what is at work must not go on behind our back
                crew.dismiss()

    def _tell_of_death(self, hired: Hired, part: Part, deaths: int) -> None:
        if deaths >= _MOST_DEATHS:
            raise DistributedError(
                f"{part.name} ended {deaths} workers, the last on node {hired.place.host}: probably its "
                "memory is too small; take parts of fewer rows in another folder, or more threads a worker"
            )
        self._notice(f"a worker on node {hired.place.host} died; {part.name} is done again")


def _hand_out(crew: Crew, waiting: deque[Part], at_work: dict[Any, tuple[Hired, Part]], work: Work) -> None:
    busy = {hired.place for hired, _ in at_work.values()}
    for hired in crew.ready:
        if not waiting:
            return
        if hired.place not in busy:
            part = waiting.popleft()
            at_work[hired.actor.embed.remote(part, work)] = hired, part


def _finished(references: list[Any]) -> list[Any]:
    import ray

    if not references:
        time.sleep(_WAIT_SECONDS)
        return []
    finished, _ = ray.wait(references, num_returns=1, timeout=_WAIT_SECONDS)
    return list(finished)


def _report(reference: Any) -> PartReport | None:
    """The report of a part; None where its worker or node died."""
    import ray

    try:
        report: PartReport = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, SamesayError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError:
        return None
    return report


def _connect(address: str) -> bool:
    """Connect to a cluster; False where the program has a connection already."""
    try:
        import ray
    except ImportError:
        raise MissingExtraError("embedding on a Ray cluster", "ray") from None
    if ray.is_initialized():
        return False
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address
    if address == "local":
        # A cluster for this run alone tells nobody about itself.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    elif address != "auto":
        _check_reachable(address)
    try:
        if address == "local":
            processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
            ray.init(
                "local",
                num_cpus=processors,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        else:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError:
        raise DistributedError(
            "no Ray cluster runs here: start one with `ray start --head`, name its address, or give 'local'"
            if address == "auto"
            else f"no Ray cluster answers at {address}"
        ) from None
    except (RuntimeError, ValueError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DistributedError(f"the Ray cluster {address} cannot be used: {reason}") from None
    return True


def _check_reachable(address: str) -> None:
    # Ray itself would try for a minute and end the process.
    host, mark, port = address.removeprefix("ray://").rpartition(":")
    if not mark or not port.isdigit():
        raise DistributedError(
            f"{address} is no address of a Ray cluster; it is host:port, 'auto' or 'local'"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DistributedError(f"no Ray cluster answers at {address}: {reason}") from None
