"""``samesay selftest``: whether it computes rightly here, and what a bug report should say."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.options import DeviceOption, JsonOption, PrecisionOption
from samesay.errors import PrecisionError

if TYPE_CHECKING:
    from samesay.selftest.checks import Check
    from samesay.selftest.running import SelfTest


def selftest_command(
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="Short name, hub id or folder; else Qwen3 and the bundled."
        ),
    ] = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    speed: Annotated[bool, typer.Option("--speed/--no-speed", help="Measure speed.")] = True,
    json: JsonOption = False,
) -> None:
    """Check that this machine computes rightly, and print what a bug report needs.

    \b
    samesay selftest

    Tries that a vector depends on its text alone, to the bit, and that known
    scores come out; with --device that vectors are near those of our own engine.
    It ends with 1 where something is wrong. No paths and no names of this
    machine's user are printed.
    """  # noqa: D301
    from samesay.checkpoint.locate import locate
    from samesay.engine.base import PRECISIONS
    from samesay.engine.choosing import check_device
    from samesay.selftest.running import run_selftest

    # What was mistyped says nothing about the machine.
    if precision is not None and precision not in PRECISIONS:
        raise PrecisionError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    check_device(device)
    if model is not None:
        locate(model, notice=output.say)
    found = run_selftest(model, precision=precision, device=device, speed=speed, told=None if json else _tell)
    if json:
        output.print_json(asdict(found) | {"passed": found.passed})
    else:
        for line in report_lines(found):
            sys.stdout.write(line + "\n")
    if not found.passed:
        sys.stdout.flush()
        output.say("this machine or this build does not compute as it should; please report the lines above")
        raise typer.Exit(1)


def _tell(check: Check) -> None:
    sys.stdout.write(f"{check.outcome}: {check.name}, {check.model}: {check.detail}\n")
    sys.stdout.flush()


def report_lines(found: SelfTest) -> list[str]:
    """Say what the checks ran on, and how fast it is."""
    machine = found.machine
    memory = "" if machine.memory_bytes is None else f", {machine.memory_bytes / 2**30:.1f} GiB"
    lines = [
        "",
        f"samesay {found.samesay}, {', '.join(f'{name} {number}' for name, number in found.packages)}",
        f"{machine.processor}, {machine.architecture}, {machine.cores} cores{memory}",
        f"{machine.system}, {machine.python}",
        f"instruction sets: {' '.join(machine.flags) or 'none known'}",
    ]
    if machine.accelerator:
        lines.append(f"accelerator: {machine.accelerator}")
    lines += [f"{name}={value}" for name, value in found.settings]
    lines.append(f"models present: {', '.join(found.present) or 'none'}")
    lines += [f"tried: {one.identity}" for one in found.models]
    for one in found.speeds:
        engine = f"{one.instruction_set or 'engine'} on {one.threads or '?'} threads"
        lines.append(
            f"speed of {one.model}: {one.p50_ms:.2f} ms a sentence (p95 {one.p95_ms:.2f}), "
            f"{one.texts_per_second:.0f} sentences/s in a batch, {engine}; "
            f"matrix product of NumPy {one.matrix_gflops:.0f} GFLOPS"
        )
    return lines
