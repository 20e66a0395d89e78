"""What an operator is told when the server starts."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from samesay.engine.cpu import CpuEngine
from samesay.server.plans import ModelPlan
from samesay.server.served_models import ServedModel
from samesay.server.settings import ServerSettings

_MIB = 1 << 20


def describe_address(
    listener: socket.socket, plans: Sequence[ModelPlan], settings: ServerSettings
) -> Iterator[str]:
    """Tell where the server listens, and what is unsafe about it."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    names = ", ".join("=".join((plan.name, *plan.aliases)) for plan in plans)
    yield f"listening at http://{shown}:{port}/v1, loading {names}"
    if not settings.access.api_keys and not ipaddress.ip_address(host).is_loopback:
        yield (
            "warning: everybody who reaches this machine may use the server; give it keys (--api-key-file), "
            "or listen at 127.0.0.1"
        )


def describe_model(served: ServedModel, seconds: float) -> str:
    """Tell that a model is ready, and what it is."""
    model, engine = served.model, served.model.engine
    how: str = engine.precision
    if isinstance(engine, CpuEngine):
        how = f"{how} on {engine.instruction_set}, {engine.threads} threads"
    return (
        f"{served.name} is ready after {seconds:.1f} s: {how}, {model.dimensions} dimensions, "
        f"texts up to {served.preparing.max_tokens} tokens; the process has {_memory()}"
    )


def _memory() -> str:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        import resource

        return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB at most"
    import resource

    return f"{pages * resource.getpagesize() // _MIB} MiB of memory"
