"""By which names a server may be called: a page on the web can give its own name this machine's address."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import replace

from samesay.server.asgi import ASGIApp, Receive, Scope, Send, refuse
from samesay.server.problems import Problem
from samesay.server.settings import ServerSettings
from samesay.server.strict_json import shortened

# These are this machine for every browser, whoever asks.
_OWN = ("localhost", "127.0.0.1", "[::1]")
_ANY = "*"
_KEPT = 64


class Hosts:
    """The names that a request may have in its header ``Host``, with any port.

    Args:
        names: The names; None for any.
    """

    def __init__(self, names: Collection[str] | None) -> None:
        self.names = None if names is None else tuple(names)
        self._known = frozenset(name.lower().encode("latin-1") for name in names or ())
        # Headers that were found right: a client sends the same one with every request.
        self._right: set[bytes] = set()

    def allow(self, given: bytes) -> bool:
        """Say whether that is one of them."""
        if self.names is None or given in self._right:
            return True
        lowered = given.lower()
        name, _, port = lowered.rpartition(b":")
        right = lowered in self._known or (name in self._known and port.isdigit())
        if right and len(self._right) < _KEPT:
            self._right.add(given)
        return right


class HostGate:
    """Passes on requests that call the server by one of its names; browsers always say which.

    Args:
        app: What answers them.
        hosts: The names.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not self._hosts.allow(value):
                    await refuse(self._problem(value), scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _problem(self, given: bytes) -> Problem:
        names = ", ".join(self._hosts.names or ())
        return Problem(
            421,
            f"this server is asked as {shortened(given.decode('latin-1'))} and answers to {names}; start it "
            "with --allowed-host NAME for a further name",
            code="host_not_allowed",
        )


def with_hosts(settings: ServerSettings, address: str) -> ServerSettings:
    """Give the settings with all names that the server answers to.

    Any, unless it listens on this machine only and asks for no key, or names are given: without a key, a page
    whose name leads to this machine could ask it as if it were its own.

    Args:
        settings: With the names that an operator gave.
        address: Where it listens.
    """
    access = settings.access
    given = access.allowed_hosts or ()
    listening = ipaddress.ip_address(address)
    if _ANY in given or not (given or (listening.is_loopback and not access.api_keys)):
        return replace(settings, access=replace(access, allowed_hosts=None))
    shown = f"[{address}]" if listening.version == 6 else address
    names = tuple(dict.fromkeys((*_OWN, shown, *given)))
    return replace(settings, access=replace(access, allowed_hosts=names))
