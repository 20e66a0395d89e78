"""The machine a benchmark ran on: what it is, what it can do at most, and how busy it was."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from statistics import median

LIMITS_SOURCE = Path(__file__).with_name("limits.cpp")


@dataclass(frozen=True)
class Limits:
    """What the processor and memory can do at most on a number of threads; None where it was not measured.

    Attributes:
        int8_gops: Dot products of 8-bit integers in vectors.
        tiles_int8_gops: Products of 8-bit integers in tile registers; None where there are none.
    """

    int8_gops: float | None = None
    tiles_int8_gops: float | None = None
    bf16_gflops: float | None = None
    fp32_gflops: float | None = None
    read_gb_per_second: float | None = None

    @property
    def int8_peak(self) -> float | None:
        """The faster of the two ways to multiply 8-bit integers."""
        return max((rate for rate in (self.int8_gops, self.tiles_int8_gops) if rate), default=None)


def available_threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def build_limits(folder: Path) -> Path | None:
    """Compile ``limits.cpp`` for this machine; None where there is no compiler or it refuses."""
    compiler = which(os.environ.get("CXX", "")) or which("g++") or which("clang++")
    if compiler is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "limits"
    options = ["-O3", "-std=c++20", "-march=native", "-pthread"]
    command = [compiler, *options, str(LIMITS_SOURCE), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return program if done.returncode == 0 else None


def measure_limits(program: Path | None, threads: int) -> Limits:
    """Run the program once; about two seconds."""
    if program is None:
        return Limits()
    done = subprocess.run([program, str(threads)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return Limits(**{name: found.get(name) for name in Limits.__dataclass_fields__})


def median_limits(measured: list[Limits]) -> Limits:
    """The median of each limit over several measurements."""

    def middle(name: str) -> float | None:
        values = [value for one in measured if (value := getattr(one, name)) is not None]
        return median(values) if values else None

    return Limits(**{name: middle(name) for name in Limits.__dataclass_fields__})


def hardware() -> dict[str, object]:
    """Processor, cores, memory, kernel and compiler, as far as the system tells."""
    processor = _fields("/proc/cpuinfo")
    flags = processor.get("flags", "").split()
    return {
        "processor": processor.get("model name", platform.processor()),
        "family_model": f"{processor.get('cpu family', '?')}/{processor.get('model', '?')}",
        "instruction_sets": [flag for flag in flags if flag.startswith(("avx", "amx", "fma", "f16c"))],
        "cores": os.cpu_count(),
        "usable_cores": available_threads(),
        "cache": processor.get("cache size", ""),
        "memory": _fields("/proc/meminfo").get("MemTotal", ""),
        "system": f"{platform.system()} {platform.release()}",
        "compiler": _first_line(["g++", "--version"]),
        "python": platform.python_version(),
    }


def versions(distributions: list[str]) -> dict[str, str]:
    """The installed version of each distribution that is installed."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def load_average() -> float | None:
    """Processes that wanted to run during the last minute; well above the threads used means noise."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def busy_cpu_seconds() -> float:
    """Processor time that all processes used since the machine started, or that its host kept from it."""
    try:
        first = Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]
    except OSError:
        return 0.0
    user, nice, system, _, _, interrupts, soft_interrupts, stolen = map(int, first)
    busy = user + nice + system + interrupts + soft_interrupts + stolen
    return busy / os.sysconf("SC_CLK_TCK")


def _fields(path: str) -> dict[str, str]:
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in reversed(lines))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.splitlines()[0]
