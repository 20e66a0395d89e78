"""How an endpoint is asked: limits, patience, price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from samesay.errors import RemoteError

Cut = Literal["there", "here"]
Encoding = Literal["base64", "float"]
_WHOLE = ("dimensions", "max_tokens", "max_inputs", "max_request_tokens", "concurrency", "attempts")
_SECONDS = ("connect_timeout", "read_timeout", "total_timeout", "longest_wait", "backoff", "silence")
_WORDS = ("prompts", "cut", "encoding")


@dataclass(frozen=True)
class RemoteSettings:
    """How an endpoint is asked.

    Attributes:
        prompts: Takes the prompts of a model whose name contains this, or ``"none"``; by default those that
            are known for the model's own name.
        dimensions: Full width of the vectors; by default what the first answer has.
        max_tokens: Tokens of a text at most; by default what the endpoint says of the model, or 512.
        cut: Who cuts vectors to fewer dimensions: the endpoint, or we, where it cannot.
        encoding: How numbers are asked for; answers are read in either form.
        max_inputs: Texts of a request at most; halved where an endpoint takes fewer.
        max_request_tokens: Estimated tokens of a request at most, or a single longer text.
        concurrency: Requests at a time, for each endpoint.
        connect_timeout: Seconds until a connection stands.
        read_timeout: Seconds without a byte.
        total_timeout: Seconds of one attempt.
        attempts: How often a request is sent before its failure is final.
        backoff: Seconds; before attempt n + 1 up to ``backoff * 2 ** (n - 1)`` pass, drawn evenly.
        longest_wait: Seconds between two attempts at most; an endpoint that asks for more ends the call.
        price_per_million_tokens: What a million tokens cost, in the currency of your choice.
        silence: Seconds in which a replica that keeps requests waiting must show that it lives.
        agreement: Cosine that two replicas' vectors of the same text have at least.
    """

    prompts: str | None = None
    dimensions: int | None = None
    max_tokens: int | None = None
    cut: Cut = "there"
    encoding: Encoding = "base64"
    max_inputs: int = 128
    max_request_tokens: int = 32_768
    concurrency: int = 4
    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    total_timeout: float = 300.0
    attempts: int = 6
    backoff: float = 0.5
    longest_wait: float = 60.0
    price_per_million_tokens: float | None = None
    silence: float = 0.5
    agreement: float = 0.999

    def __post_init__(self) -> None:
        for name in _WHOLE:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise RemoteError(f"{name} must be a whole number from 1 on, not {value!r}")
        for name in _SECONDS:
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e9:
                raise RemoteError(f"{name} must be a number of seconds, not {value!r}")
        price = self.price_per_million_tokens
        if price is not None and not 0 <= price < 1e9:
            raise RemoteError(f"price_per_million_tokens must be a price, not {price!r}")
        if not -1 <= self.agreement <= 1:
            raise RemoteError(f"agreement must be a cosine, not {self.agreement!r}")
        for name, known in (("cut", get_args(Cut)), ("encoding", get_args(Encoding))):
            if getattr(self, name) not in known:
                raise RemoteError(f"{name} must be {' or '.join(known)}, not {getattr(self, name)!r}")


def with_options(settings: RemoteSettings, options: Iterable[tuple[str, str]]) -> RemoteSettings:
    """Give settings with what a model's name says after ``?``.

    Raises:
        RemoteError: For a name that is no setting, or a value that it cannot have.
    """
    known = [field.name for field in fields(RemoteSettings)]
    values: dict[str, object] = {}
    for name, text in options:
        if name not in known:
            raise RemoteError(f"{name!r} is no option of an endpoint; there are {', '.join(known)}")
        try:
            values[name] = text if name in _WORDS else int(text) if name in _WHOLE else float(text)
        except ValueError:
            raise RemoteError(f"{name} must be a number, not {text!r}") from None
    return replace(settings, **values)  # type: ignore[arg-type]
