"""How a model behind endpoints is named: ``openai:MODEL`` or ``URL,URL#MODEL``, and options after ``?``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from samesay.errors import RemoteError

OPENAI = "openai:"
OPENAI_URL = "https://api.openai.com/v1"
_SCHEMES = ("http://", "https://")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# A comma may also stand inside an address.
_BETWEEN = re.compile(r",(?=https?://)", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """An endpoint and a model there, or several endpoints that serve the same model.

    Attributes:
        urls: The base URLs, without a slash at their ends; ``/embeddings`` is put behind them.
        model: What the endpoint calls the model.
        options: What stands behind ``?``: names and values of ``RemoteSettings``.
        reference: The name as it was given.
        key_names: Environment variables that may hold the key, the first set one counts.
    """

    urls: tuple[str, ...]
    model: str
    options: tuple[tuple[str, str], ...]
    reference: str
    key_names: tuple[str, ...]

    @property
    def url(self) -> str:
        """The base URL; of several all, as messages name them."""
        return ", ".join(self.urls)

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoints are on this machine."""
        return all(urlsplit(url).hostname in _LOOPBACK for url in self.urls)

    def replicas(self) -> tuple[Address, ...]:
        """Give an address for each endpoint."""
        return tuple(replace(self, urls=(url,)) for url in self.urls)


def is_remote(name: str) -> bool:
    """Say whether a name is that of a model behind an endpoint."""
    return name.lower().startswith((OPENAI, *_SCHEMES))


def read_address(name: str) -> Address:
    """Read the name of a model behind an endpoint.

    Raises:
        RemoteError: When it is not written as it should be.
    """
    if name.lower().startswith(OPENAI):
        url = os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
        model = name[len(OPENAI) :]
        keys: tuple[str, ...] = ("OPENAI_API_KEY", "SAMESAY_API_KEY")
    else:
        # A key meant for OpenAI is not sent to whatever address is written here.
        url, _, model = name.partition("#")
        keys = ("SAMESAY_API_KEY",)
    model, _, query = model.partition("?")
    if not model.strip():
        raise RemoteError(
            f"{_shown(name)} names no model; write openai:MODEL or URL#MODEL, "
            "such as http://127.0.0.1:30000/v1#qwen3-embedding-0.6b"
        )
    try:
        options = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise RemoteError(f"{_shown(name)}: after '?' stand options as name=value&name=value") from None
    urls = tuple(_checked(one, name) for one in urls_in(url))
    doubled = [one for number, one in enumerate(urls) if one in urls[:number]]
    if doubled:
        raise RemoteError(f"{doubled[0]} stands twice in {_shown(name)}; name each replica once")
    return Address(urls, model, tuple(options), name, keys)


def urls_in(written: str) -> list[str]:
    """Give the base URLs of ``URL,URL``."""
    return _BETWEEN.split(written)


def read_key(address: Address) -> str | None:
    """Give the key for an endpoint from the environment, or None.

    Raises:
        RemoteError: For a key that cannot stand in a header; it is not shown.
    """
    for name in address.key_names:
        key = os.environ.get(name, "").strip()
        if key:
            if not key.isascii() or not key.isprintable():
                raise RemoteError(f"{name} holds characters that no key has; set it anew")
            return key
    return None


def require_local_options_unset(**given: object) -> None:
    """Refuse options that mean nothing for an endpoint.

    Raises:
        RemoteError: Naming those that are given.
    """
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise RemoteError(
            f"{' and '.join(names)} cannot be chosen for a model behind an endpoint: what serves it decides"
        )


def _checked(url: str, name: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise RemoteError(f"{_shown(name)} has no sound address: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise RemoteError(f"the address of {_shown(name)} must begin with http:// or https:// and a host")
    if parts.username or parts.password:
        raise RemoteError(
            "an address must not hold a user or password; put the key into the variable SAMESAY_API_KEY"
        )
    if parts.query:
        raise RemoteError(f"{_shown(name)}: options stand behind the model, URL#MODEL?name=value")
    return url.rstrip("/").removesuffix("/embeddings")


def _shown(name: str) -> str:
    # Somebody may have put a password there.
    return repr(re.sub(r"://[^/#]*@", "://", name))
