"""Requests to one endpoint, sent again where that can help."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from samesay.errors import RemoteAnswerError, RemoteError
from samesay.remote.address import Address, read_key
from samesay.remote.answer import Refusal, read_refusal
from samesay.remote.retrying import RETRIED, retry_after, seconds_before
from samesay.remote.settings import RemoteSettings

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")
_LARGEST_ANSWER = 1 << 30
_TOO_MANY_REQUESTS = 429
# What httpcore tells when a connection stands that was not there before.
_OPENED = "connection.connect_tcp.complete"
# Seconds that an idle connection to a replica is kept: a new one means that it must be looked at again.
_KEPT_OPEN = 60.0
# Waiting does not bring money back.
_FINAL_CODES = ("insufficient_quota", "billing_hard_limit_reached")


class Refused(Exception):  # noqa: N818
    """The endpoint answered that it will not do this; sending it again would not help."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Failed(Exception):  # noqa: N818
    """An attempt failed in a way that the next may not.

    Attributes:
        wait: Seconds that the endpoint asked to wait, or None.
        busy: Whether it only said that it has too much to do.
        timed_out: Whether it said nothing at all in its time.
    """

    def __init__(
        self, reason: str, wait: float | None = None, *, busy: bool = False, timed_out: bool = False
    ) -> None:
        super().__init__(reason)
        self.wait = wait
        self.busy = busy
        self.timed_out = timed_out


class Way(Protocol):
    """The way to what serves a model: one endpoint, or several."""

    @property
    def requests(self) -> int:
        """Requests sent, those sent again included."""

    @property
    def retries(self) -> int:
        """Requests sent again."""

    async def ask(self, path: str, body: bytes | None, read: Callable[[bytes], _T]) -> _T:
        """Send a request until it is answered, and give what ``read`` makes of the answer."""

    async def close(self) -> None:
        """Close what is open."""


class Connection:
    """The way to one endpoint. Used from one event loop.

    Args:
        address: The endpoint.
        settings: Patience and limits.
        draw: Gives numbers from 0 to 1, for jitter.
        replicas: How many endpoints there are, this one included.

    Attributes:
        requests: Requests sent, those sent again included.
        retries: Requests sent again by ``ask``.
        opened: When the newest connection was opened, by the clock of the loop; told among replicas only.

    Raises:
        RemoteError: For a key that cannot be sent.
    """

    def __init__(
        self,
        address: Address,
        settings: RemoteSettings,
        draw: Callable[[], float] = random.random,
        replicas: int = 1,
    ) -> None:
        self._address = address
        self._settings = settings
        self._draw = draw
        self._key = read_key(address)
        self._client: httpx.AsyncClient | None = None
        self._not_before = 0.0
        self._replicas = replicas
        self.opened = 0.0
        self.requests = 0
        self.retries = 0

    def __repr__(self) -> str:
        return f"Connection({self._address.url!r})"

    async def close(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def ask(self, path: str, body: bytes | None, read: Callable[[bytes], _T]) -> _T:
        """Send a request until it is answered, and give what ``read`` makes of the answer.

        Args:
            path: What stands behind the base URL.
            body: JSON to post; None gets.
            read: Reads the answer; what it raises is not asked for again.

        Raises:
            Refused: The endpoint refuses this request.
            RemoteError: It cannot be reached, refuses the key, or fails again and again.
            RemoteAnswerError: From ``read``.
        """
        content = await self._asked(path, body)
        try:
            return read(content)
        except RemoteAnswerError as error:
            raise RemoteAnswerError(f"{self._address.url} {error}") from None

    async def _asked(self, path: str, body: bytes | None) -> bytes:
        clock = asyncio.get_running_loop().time
        attempts = self._settings.attempts
        for attempt in range(1, attempts + 1):
            await self._wait_until(self._not_before)
            try:
                return await self.attempt(path, body)
            except Failed as failure:
                if attempt == attempts:
                    times = f"{attempts} times" if attempts > 1 else "once"
                    raise RemoteError(f"{self._address.url} was asked {times}: {failure}") from None
                wait = seconds_before(attempt + 1, failure.wait, self._settings, self._draw)
                if failure.wait is not None and failure.wait > self._settings.longest_wait:
                    raise RemoteError(
                        f"{self._address.url} asks to wait {failure.wait:.0f} s ({failure}); "
                        f"longest_wait allows {self._settings.longest_wait:g}: ask again later"
                    ) from None
                if failure.wait is not None:
                    # It means all requests, not only the one that was told.
                    self._not_before = max(self._not_before, clock() + failure.wait)
                self.retries += 1
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _wait_until(self, moment: float) -> None:
        left = moment - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    async def lives(self, seconds: float) -> bool:
        """Say whether anything at all is answered in that time, by what needs no model."""
        import httpx

        try:
            await asyncio.wait_for(self._exchange("/models", None), seconds)
        except (asyncio.TimeoutError, TimeoutError, httpx.HTTPError, ValueError):
            return False
        return True

    async def attempt(self, path: str, body: bytes | None) -> bytes:
        """Send a request once, and give the body of the answer.

        Raises:
            Failed: The next attempt may not fail.
            Refused: The endpoint refuses this request.
            RemoteError: It refuses the key, or cannot be asked at all.
        """
        import httpx

        self.requests += 1
        try:
            status, headers, content = await asyncio.wait_for(
                self._exchange(path, body), self._settings.total_timeout or None
            )
        except (asyncio.TimeoutError, TimeoutError):
            told = f"no whole answer within {self._settings.total_timeout:g} s"
            raise Failed(told, timed_out=True) from None
        except httpx.TimeoutException as error:
            raise Failed(self._timeout_words(error), timed_out=True) from None
        except httpx.TransportError as error:
            raise Failed(
                f"the connection failed: {self._hidden(str(error)) or type(error).__name__}"
            ) from None
        except (httpx.InvalidURL, httpx.HTTPError, ValueError) as error:
            raise RemoteError(f"{self._address.url} cannot be asked: {self._hidden(str(error))}") from None
        if 200 <= status < 300:
            return content
        raise self._problem(status, headers, content)

    async def _exchange(self, path: str, body: bytes | None) -> tuple[int, httpx.Headers, bytes]:
        client = self._client_of()
        method, url = "GET" if body is None else "POST", self._address.url + path
        async with client.stream(method, url, content=body, extensions=self._extensions()) as response:
            parts, size = [], 0
            async for part in response.aiter_bytes():
                size += len(part)
                if size > _LARGEST_ANSWER:
                    raise ValueError(f"the answer is larger than {_LARGEST_ANSWER >> 20} MiB")
                parts.append(part)
            return response.status_code, response.headers, b"".join(parts)

    def _extensions(self) -> dict[str, object]:
        if self._replicas == 1:
            return {}

        async def note(event: str, _: object) -> None:
            if event == _OPENED:
                self.opened = asyncio.get_running_loop().time()

        return {"trace": note}

    def _client_of(self) -> httpx.AsyncClient:
        import httpx

        from samesay import __version__

        if self._client is None:
            settings = self._settings
            headers = {"User-Agent": f"samesay/{__version__}", "Accept": "application/json"}
            headers["Content-Type"] = "application/json"
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            patience = httpx.Timeout(
                settings.read_timeout, connect=settings.connect_timeout, pool=settings.total_timeout
            )
            # A proxy of the environment does not lead to this machine. No redirects: the key stays here.
            self._client = httpx.AsyncClient(
                headers=headers,
                timeout=patience,
                trust_env=not self._address.is_loopback,
                limits=self._limits(),
            )
        return self._client

    def _limits(self) -> httpx.Limits:
        import httpx

        # What others leave undone comes here, and whether this one lives is asked beside it.
        most = self._settings.concurrency * self._replicas + 1
        if self._replicas == 1:
            return httpx.Limits(max_connections=most)
        return httpx.Limits(max_connections=most + 1, keepalive_expiry=_KEPT_OPEN)

    def _problem(self, status: int, headers: httpx.Headers, content: bytes) -> Exception:
        found = read_refusal(status, content)
        refusal = Refusal(status, self._hidden(found.message), found.code, found.param)
        url = self._address.url
        if status in (401, 403):
            names = " or ".join(self._address.key_names)
            what = "refuses the key" if self._key else f"wants a key: set {names}"
            return RemoteError(f"{url} {what} ({status}): {refusal.message}")
        if 300 <= status < 400:
            target = headers.get("location", "another address")
            return RemoteError(f"{url} answers from {self._hidden(target)}; give that address")
        if status in RETRIED and refusal.code not in _FINAL_CODES:
            told = f"it answered {status}: {refusal.message}"
            wait = retry_after(headers.get("retry-after"))
            return Failed(told, wait, busy=status == _TOO_MANY_REQUESTS)
        return Refused(refusal)

    def _timeout_words(self, error: httpx.TimeoutException) -> str:
        import httpx

        if isinstance(error, httpx.ConnectTimeout):
            return f"no connection within {self._settings.connect_timeout:g} s"
        return f"not a byte within {self._settings.read_timeout:g} s"

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, "…") if self._key else text
