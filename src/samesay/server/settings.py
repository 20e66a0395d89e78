"""Everything that an operator can set, with its default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from samesay.errors import ServerError

if TYPE_CHECKING:
    from samesay.decision.calibration import Calibration


@dataclass(frozen=True)
class Limits:
    """What one request, one connection and all of them together may take.

    Attributes:
        inputs: Texts of one request.
        calibration_pairs: Labelled pairs of one calibration, whose texts are embedded little by little.
        text_tokens: Tokens of one text, where the model reads more; a text is one piece of work that nothing
            interrupts, so this bounds how long others wait for it.
        request_tokens: Tokens of one request.
        queue_requests: Requests that are read and not yet answered.
        queue_tokens: Tokens that wait for one model.
        scores: Scores of one answer.
        hits: Hits of one answer, over all its queries.
        body_bytes: Bytes of one body.
        held_body_bytes: Bytes of all bodies that are in memory.
        held_answer_bytes: Bytes of all large answers that clients have not read yet.
        body_seconds: Time in which a body must have arrived.
        header_bytes: Bytes of the request line and headers.
        header_seconds: Time in which they must have arrived.
        write_seconds: Time in which a client must have read a further part of its answer.
        keep_alive_seconds: Time that an idle connection is kept. Longer than the 5 seconds of most clients:
            whoever closes first should be the one who opens.
        connections: Open connections.
    """

    inputs: int = 2048
    calibration_pairs: int = 5000
    text_tokens: int = 8192
    request_tokens: int = 131_072
    queue_requests: int = 512
    queue_tokens: int = 131_072
    scores: int = 1_000_000
    hits: int = 10_000
    body_bytes: int = 8 << 20
    held_body_bytes: int = 256 << 20
    held_answer_bytes: int = 256 << 20
    body_seconds: float = 30.0
    header_bytes: int = 32 << 10
    header_seconds: float = 10.0
    write_seconds: float = 30.0
    keep_alive_seconds: int = 75
    connections: int = 900

    def __post_init__(self) -> None:
        if self.request_tokens > self.queue_tokens:
            raise ServerError(
                f"a request may have {self.request_tokens} tokens but only {self.queue_tokens} may wait, "
                "so it would never be accepted: raise --max-queue-tokens or lower --max-request-tokens"
            )


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        api_keys: Keys, any of which is accepted; without one everybody is.
        guard_health: Whether ``/health`` and ``/ready`` want a key too.
        guard_metrics: Whether ``/metrics`` does.
        cors_origins: Origins whose pages browsers let ask; ``*`` for all.
        allowed_hosts: Names in the header ``Host`` that are answered, with any port; None for all.
        open_writes: Whether documents of collections may be changed where there are no keys.
    """

    api_keys: tuple[str, ...] = field(default=(), repr=False)
    guard_health: bool = False
    guard_metrics: bool = False
    cors_origins: tuple[str, ...] = ()
    open_writes: bool = False
    allowed_hosts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ServerSettings:
    """All settings of a server.

    Attributes:
        limits: What requests may take.
        access: Who may ask.
        batch_tokens: Tokens that go through the network together. Few enough that a short request, which
            waits for the pass under way, waits for little; many enough to keep the processor busy. A fast
            model takes up to four times as many of long texts and eight of short ones, where that takes 0.15
            seconds at most.
        drain_seconds: Time that accepted requests have to end after SIGTERM.
        access_log: Whether each request is written to standard output as a line of JSON.
        log_texts: Whether that line carries the texts.
        calibrations: What scores of served models mean, beside what ships with samesay.
        tokenizing_threads: Threads that read, check and tokenize requests beside the event loop.
    """

    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
    batch_tokens: int = 512
    drain_seconds: float = 30.0
    access_log: bool = False
    log_texts: bool = False
    tokenizing_threads: int = 2
    calibrations: tuple[Calibration, ...] = ()
