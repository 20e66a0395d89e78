"""Bytes to lines of text: UTF-8 only, and anything else is refused with the line where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from samesay.errors import InputFileError

LONGEST_LINE = 64 * 2**20
"""Bytes. A longer line is taken for a binary file, so that memory stays bounded."""

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def lines_with_ends(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    r"""Give each line with its number from 1 and with its line end.

    Only ``\n`` and ``\r\n`` end a line: U+2028, U+0085, form feeds and the like belong to the text.
    A byte order mark of UTF-8 is dropped.

    Raises:
        InputFileError: the stream is empty, not UTF-8, or no text at all.
    """
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            if line.startswith(_UTF16_MARKS):
                raise InputFileError(f"{name} is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8")
            line = line.removeprefix(_UTF8_MARK)
            if not line:
                raise InputFileError(f"{name} is empty")
        yield number, _decoded(line, number, name)
    if number == 0:
        raise InputFileError(f"{name} is empty")


def text_lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Give each line with its number from 1, without its line end."""
    for number, line in lines_with_ends(stream, name):
        yield number, without_end(line)


def without_end(line: str) -> str:
    r"""Drop one ``\n`` or ``\r\n`` from the end."""
    return line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


def _decoded(line: bytes, number: int, name: str) -> str:
    if b"\0" in line:
        raise InputFileError(
            f"{name}, line {number}: holds a NUL byte, so it is binary or UTF-16; samesay reads UTF-8 text"
        )
    if len(line) > LONGEST_LINE:
        raise InputFileError(
            f"{name}, line {number}: longer than {LONGEST_LINE // 2**20} MiB; "
            "samesay reads files with one text, or one row, per line"
        )
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputFileError(
            f"{name}, line {number}, byte {error.start + 1}: 0x{line[error.start]:02X} is not valid UTF-8; "
            "convert the file, for example from Latin-1: iconv -f LATIN1 -t UTF-8"
        ) from None
