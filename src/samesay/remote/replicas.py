"""Several endpoints that serve the same model: the least busy is asked, the failing are left out for a time.

A request that failed goes to another at once. What every other would refuse too, such as a text that is too
long, goes back to the caller. A replica serves only after it has given the vectors that the others give to
the same short texts, and again after every new connection, as another process may have taken its place.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from samesay.errors import RemoteAnswerError, RemoteError
from samesay.remote.address import Address
from samesay.remote.agreement import Rows, difference, largest_group, probe_body, read_probe
from samesay.remote.connection import Connection, Failed, Refused
from samesay.remote.replica import Replica, ReplicaState
from samesay.remote.retrying import seconds_before
from samesay.remote.settings import RemoteSettings

_T = TypeVar("_T")
_NOT_FOUND = 404


@dataclass(eq=False)
class _Asked:
    """A request on its way: who was asked in this round, and whose answers were wrong."""

    tried: set[Replica] = field(default_factory=set)
    wrong: dict[Replica, RemoteAnswerError] = field(default_factory=dict)


class Replicas:
    """The way to several endpoints. Used from one event loop.

    Args:
        address: The endpoints and the model there.
        settings: Patience and limits.
        draw: Gives numbers from 0 to 1, for jitter.

    Attributes:
        retries: Requests sent again, to whichever replica.

    Raises:
        RemoteError: For a key that cannot be sent.
    """

    def __init__(
        self, address: Address, settings: RemoteSettings, draw: Callable[[], float] = random.random
    ) -> None:
        self._address = address
        self._settings = settings
        self._draw = draw
        addresses = address.replicas()
        self._replicas = [
            Replica(
                one.url, Connection(one, settings, draw, len(addresses)), settings.silence, self._may_leave
            )
            for one in addresses
        ]
        self._probe = probe_body(address.model)
        self._reference: Rows | None = None
        self._picks = 0
        self._notices: dict[str, None] = {}
        self.retries = 0

    @property
    def requests(self) -> int:
        """Requests sent, those sent again and those that look at replicas included."""
        return sum(replica.connection.requests for replica in self._replicas)

    @property
    def states(self) -> tuple[ReplicaState, ...]:
        """How each replica is now, in the order of the address."""
        return tuple(replica.state for replica in self._replicas)

    def take_notices(self) -> list[str]:
        """Give what users should know and were not told yet."""
        notices, self._notices = list(self._notices), {}
        return notices

    async def close(self) -> None:
        """Close what is open."""
        for replica in self._replicas:
            await replica.connection.close()

    async def ask(self, path: str, body: bytes | None, read: Callable[[bytes], _T]) -> _T:
        """Send a request until a replica answers it, and give what ``read`` makes of the answer.

        Raises:
            Refused: A replica refuses this request, as the others would.
            RemoteError: None can be reached, or they fail again and again, or serve different models.
            RemoteAnswerError: From ``read``, when no replica gives a sound answer.
        """
        asked = _Asked()
        for attempt in range(1, self._settings.attempts + 1):
            self.retries += attempt > 1
            replica = await self._next(asked, attempt)
            if replica is None:
                continue
            asked.tried.add(replica)
            try:
                content = await replica.attempt(path, body)
                await self._look_again(replica)
                result = read(content)
            except Failed as failure:
                self._failed(replica, asked, failure)
            except RemoteAnswerError as error:
                asked.wrong[replica] = error
            except Refused as refused:
                if body is None or not _lacks_model(refused):
                    raise
                replica.leave(self._refusal(refused), final=True)
            except RemoteError as error:
                replica.leave(str(error), final=True)
            else:
                replica.note_answer()
                for other, wrong in asked.wrong.items():
                    other.leave(f"it {wrong}")
                return result
        raise self._given_up(asked)

    async def _next(self, asked: _Asked, attempt: int) -> Replica | None:
        """Give the replica to ask, after a pause where all were asked; None where none came back."""
        if self._reference is None:
            if attempt > 1:
                await asyncio.sleep(seconds_before(attempt, None, self._settings, self._draw))
            await self._agree()
        else:
            self._look_at_those_due()
        replica = self._pick(asked)
        if replica is not None:
            return replica
        if asked.wrong and all(one in asked.wrong for one in self._replicas if one.serving):
            raise self._given_up(asked)
        hopeless = all(one.final and not one.serving for one in self._replicas)
        if hopeless and (self._reference is None or attempt > 1):
            raise self._given_up(asked)
        if self._reference is None:
            return None
        await self._pause(attempt)
        asked.tried.clear()
        return self._pick(asked) or await self._revived()

    def _pick(self, asked: _Asked) -> Replica | None:
        now = asyncio.get_running_loop().time()
        free = [
            one for one in self._replicas if one.serving and one not in asked.tried and one.not_before <= now
        ]
        if not free:
            return None
        chosen = min(free, key=lambda one: (one.outstanding, one.picked))
        self._picks += 1
        chosen.picked = self._picks
        return chosen

    async def _pause(self, attempt: int) -> None:
        """Wait before all are asked again, as backoff says, or as the first wants that asked for it."""
        now = asyncio.get_running_loop().time()
        serving = [one for one in self._replicas if one.serving]
        wanted = min((one.not_before - now for one in serving), default=0.0)
        if wanted > self._settings.longest_wait:
            raise RemoteError(
                f"{self._address.url} ask to wait {wanted:.0f} s ({serving[0].reason}); "
                f"longest_wait allows {self._settings.longest_wait:g}: ask again later"
            )
        if attempt > 1 or wanted > 0:
            asks = wanted if wanted > 0 else None
            await asyncio.sleep(seconds_before(max(attempt, 2), asks, self._settings, self._draw))

    def _failed(self, replica: Replica, asked: _Asked, failure: Failed) -> None:
        replica.note_failure(asked, failure)
        if failure.busy or failure.wait is not None:
            wait = self._draw() * self._settings.backoff if failure.wait is None else failure.wait
            now = asyncio.get_running_loop().time()
            replica.not_before = max(replica.not_before, now + wait)

    async def _revived(self) -> Replica | None:
        """Look at the replica that is due first of those left out, now; give it if it serves again."""
        out = [one for one in self._replicas if not one.serving]
        if not out:
            return None
        first = min(out, key=lambda one: one.due)
        await asyncio.wait({self._check_of(first)})
        return first if first.serving else None

    def _look_at_those_due(self) -> None:
        now = asyncio.get_running_loop().time()
        for replica in self._replicas:
            if not replica.serving and replica.due <= now:
                self._check_of(replica)

    async def _look_again(self, replica: Replica) -> None:
        """Check a replica to which a connection was opened since; its answers are not used before that."""
        if replica.connection.opened > replica.checked:
            await asyncio.wait({self._check_of(replica)})
            if not replica.serving:
                raise Failed(replica.reason)

    async def _agree(self) -> None:
        """Ask all what they serve, until most agree.

        Raises:
            RemoteError: When they differ and nothing says which is right.
        """
        checks = {self._check_of(replica) for replica in self._replicas}
        while checks and self._reference is None:
            _, checks = await asyncio.wait(checks, return_when=asyncio.FIRST_COMPLETED)
        if self._reference is None:
            self._settle(finally_so=True)
        if self._reference is None and (seen := self._seen()):
            first, other = seen[0]
            differing = [(one, self._difference(vectors, other)) for one, vectors in seen[1:]]
            told = [f"{one.url} gives {words} at {first.url}" for one, words in differing if words]
            raise RemoteError(
                f"the replicas of {self._address.model} serve different models, and none is in the majority: "
                f"{'; '.join(told)}. Name only replicas that serve the same"
            )

    def _seen(self) -> list[tuple[Replica, Rows]]:
        return [(one, one.vectors) for one in self._replicas if one.vectors is not None]

    def _check_of(self, replica: Replica) -> asyncio.Task[None]:
        if replica.check is None or replica.check.done():
            replica.check = asyncio.get_running_loop().create_task(self._check(replica))
        return replica.check

    async def _check(self, replica: Replica) -> None:
        """Find out whether a replica serves what the others do; then it serves, or is left out."""
        was_out, left, final = not replica.serving, "", True
        try:
            vectors = read_probe(await replica.attempt("/embeddings", self._probe))
        except Failed as failure:
            left, final = str(failure), False
        except Refused as refused:
            left = self._refusal(refused)
        except RemoteAnswerError as error:
            left = f"it {error}"
        except RemoteError as error:
            left = str(error)
        if left:
            replica.vectors = None
            if was_out or replica.serving:
                replica.leave(left, final=final)
            return
        replica.vectors = vectors
        if self._reference is None:
            self._settle()
        else:
            self._place(replica, vectors, self._reference)

    def _settle(self, *, finally_so: bool = False) -> None:
        """Take as right what more than half of all agree on, or in the end of those that answered."""
        seen = self._seen()
        group = largest_group([vectors for _, vectors in seen], self._settings.agreement)
        if 2 * len(group) > (len(seen) if finally_so else len(self._replicas)):
            _, self._reference = seen[group[0]]
            for replica, vectors in seen:
                self._place(replica, vectors, self._reference)

    def _place(self, replica: Replica, vectors: Rows, reference: Rows) -> None:
        differs = self._difference(vectors, reference)
        if differs is None:
            replica.serve()
            return
        # What is still on its way from there must not be believed either.
        replica.checked = -1.0
        words = f"it serves another model than the other replicas: {differs}"
        replica.leave(words, final=True)
        self._notices[f"{replica.url} is left out: {words}"] = None

    def _difference(self, one: Rows, other: Rows) -> str | None:
        return difference(one, other, self._settings.agreement)

    def _may_leave(self, replica: Replica) -> bool:
        return not replica.serving or any(one.serving for one in self._replicas if one is not replica)

    def _refusal(self, refused: Refused) -> str:
        return f"it refuses {self._address.model} ({refused.refusal.status}): {refused.refusal.message}"

    def _given_up(self, asked: _Asked) -> RemoteError:
        for culprit, wrong in asked.wrong.items():
            return RemoteAnswerError(f"{culprit.url} {wrong}")
        told = [
            one.reason if one.reason.startswith(one.url) else f"{one.url}: {one.reason or 'not asked'}"
            for one in self._replicas
        ]
        return RemoteError(f"no replica of {self._address.model} answers: {'; '.join(told)}")


def _lacks_model(refused: Refused) -> bool:
    return refused.refusal.status == _NOT_FOUND or refused.refusal.param == "model"
