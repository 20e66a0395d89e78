"""The machine, as far as results and speed depend on it; nothing of its user."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from shutil import which

# Of all that a processor lists, what kernels of any library choose by.
_TELLING = ("avx", "amx", "fma", "f16c", "sse4_2", "asimd", "sve", "i8mm", "bf16")
_SECONDS = 10


@dataclass(frozen=True)
class Machine:
    """What software runs on.

    Args:
        processor: Its name.
        architecture: Such as ``x86_64``.
        flags: Instruction sets of the processor that numeric kernels are chosen by.
        cores: Cores that this process may use.
        memory_bytes: All of it; None where the system does not say.
        system: Operating system and its release.
        python: Implementation and version.
        accelerator: Graphics processors that the system tells of, or None.
    """

    processor: str
    architecture: str
    flags: tuple[str, ...]
    cores: int
    memory_bytes: int | None
    system: str
    python: str
    accelerator: str | None


def this_machine() -> Machine:
    """Ask the system."""
    fields = _fields(Path("/proc/cpuinfo"))
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    processor = fields.get("model name") or _said(["sysctl", "-n", "machdep.cpu.brand_string"])
    return Machine(
        processor=processor or platform.processor() or "unknown",
        architecture=platform.machine(),
        flags=tuple(sorted(flag for flag in flags if flag.startswith(_TELLING))),
        cores=usable_cores(),
        memory_bytes=_memory(),
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        accelerator=_accelerator(),
    )


def usable_cores() -> int:
    """Give the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _accelerator() -> str | None:
    names = _said(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    return "; ".join(line.strip() for line in names.splitlines()) or None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _fields(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in reversed(lines))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _said(command: list[str]) -> str:
    if which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=True, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
