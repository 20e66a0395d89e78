"""No machine meets an instruction that it does not know: wide vectors stay in the kernels chosen by name.

Looks into the object files of the newest build beside the sources, as `make test` leaves it.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

BUILDS = Path(__file__).parents[2] / "build"
KERNELS = ("avx2", "avxvnni", "avx512", "avx512bf16", "amx")

# What the check of the machine at run time does not ask for, in every file.
NEVER = (
    r"(?:lzcnt|andn|bextr|blsi|blsr|blsmsk|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|movbe)[wlq]?\b"
    r"|vcvtps2ph|vcvtph2ps(?![^\n]*%zmm)"
)
SSE3_TO_SSE4 = (
    r"popcnt|crc32|ptest|pshufb|palignr|pabs[bwd]|psign|phadd|phsub|pmaddubsw|pmulhrsw|pmulld|pmuldq|pmov[sz]x"
    r"|pextr[bdq]|pinsr[bdq]|pblend|blend|packusdw|round[ps][sd]|pcmp[ei]str|pcmp(?:eq|gt)q|dpp[sd]|insertps|lddqu"
    r"|p(?:min|max)(?:sb|sd|uw|ud)|h(?:add|sub)p|addsubp|mov(?:d|sh|sl)dup"
)
AVX512_REGISTERS = r"%zmm|%k[0-7]|%[xy]mm(?:1[6-9]|2\d|3[01])"
WIDEST = {"avx512": "%zmm", "avx512bf16": "%zmm", "amx": "%tmm"}
FORBIDDEN = {
    # Files for every machine: what x86-64 began with, so no instruction with a v, none of SSE3 to SSE4.2.
    "": rf"\t(?:v\w|{SSE3_TO_SSE4}|{NEVER})|%[yz]mm",
    "avx2": rf"\t(?:{NEVER}|vpdp\w*)|{AVX512_REGISTERS}",
    "avxvnni": rf"\t(?:{NEVER})|{AVX512_REGISTERS}",
    "avx512": rf"\t(?:{NEVER}|v\w*bf16)",
    "avx512bf16": rf"\t(?:{NEVER}|\w*tile\w*)|%tmm",
    "amx": rf"\t(?:{NEVER})",
}


def tool_output(tool: str, *arguments: str | Path) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"needs {tool} of binutils")
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def objects() -> list[Path]:
    """All object files of the extension that was built last, nanobind's among them."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        pytest.skip("one set of instructions only")
    builds = list(BUILDS.glob("*/CMakeFiles/_native.dir/native/kernels_portable.cpp.o"))
    if not builds:
        pytest.skip("no build folder beside the sources")
    newest = max(builds, key=lambda path: path.stat().st_mtime)
    return sorted(newest.parents[2].rglob("*.o"))


def kernels_in(path: Path) -> str:
    """The instruction set that a file is compiled for; empty for those that run everywhere."""
    name = path.name.partition(".")[0].removeprefix("kernels_")
    return name if name in KERNELS else ""


def test_every_instruction_belongs_to_the_set_of_its_file(objects: list[Path]) -> None:
    seen = set()
    for path in objects:
        code = tool_output("objdump", "--disassemble", "--no-show-raw-insn", path)
        found = re.search(rf"^.*(?:{FORBIDDEN[kernels_in(path)]}).*$", code, re.MULTILINE)
        assert found is None, f"{path.name}: {found.group()}"
        # What is looked for would be seen: the files of wide vectors have them.
        if re.search(WIDEST.get(kernels_in(path), "%ymm"), code):
            seen.add(kernels_in(path))
    assert seen == set(KERNELS)


@pytest.mark.parametrize("name", KERNELS)
def test_files_of_one_set_lend_the_linker_nothing_but_their_table(name: str, objects: list[Path]) -> None:
    # Of an inline function that several files define, the linker keeps any one: it must not be theirs.
    (path,) = (path for path in objects if kernels_in(path) == name)
    symbols = tool_output("nm", "--defined-only", "--extern-only", "--demangle", path).splitlines()
    assert [line.split(maxsplit=2)[2] for line in symbols] == [f"samesay::{name}_kernels"], symbols


@pytest.mark.parametrize("name", KERNELS)
def test_files_of_one_set_run_nothing_when_the_module_is_loaded(name: str, objects: list[Path]) -> None:
    (path,) = (path for path in objects if kernels_in(path) == name)
    sections = tool_output("objdump", "--section-headers", path)
    assert ".text" in sections
    assert not re.search(r"\.(?:init|preinit|ctors)", sections)
