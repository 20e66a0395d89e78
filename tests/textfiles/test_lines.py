from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesay.errors import InputFileError
from samesay.textfiles import lines
from samesay.textfiles.lines import text_lines

LINE = st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"])).filter(
    lambda line: not line.endswith("\r")
)


def read(content: bytes) -> list[str]:
    return [line for _, line in text_lines(io.BytesIO(content), "notes.txt")]


def refusal(content: bytes) -> str:
    with pytest.raises(InputFileError) as caught:
        read(content)
    return str(caught.value)


@settings(deadline=None)
@given(st.lists(LINE, min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_lines_come_back_as_they_were_written(written: list[str], end: str) -> None:
    written[0] = written[0].removeprefix("\ufeff")
    assert read("".join(line + end for line in written).encode()) == written


def test_the_last_line_needs_no_end_and_an_empty_line_counts() -> None:
    assert read(b"a\n\nb") == ["a", "", "b"]
    assert read(b"\n") == [""]


def test_only_newlines_end_a_line() -> None:
    line = "a\u2028b\u2029c\x85d\x0ce\x0bf\rg\x1ch"
    assert read(f"{line}\n".encode()) == [line]


def test_a_byte_order_mark_is_no_text() -> None:
    assert read("\ufeffa\n\ufeffb\n".encode()) == ["a", "\ufeffb"]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_told(content: bytes) -> None:
    assert refusal(content) == "notes.txt is empty"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_told(encoding: str) -> None:
    assert "UTF-16" in refusal("Hallo Welt\n".encode(encoding))


def test_other_encodings_are_told_with_line_and_byte() -> None:
    message = refusal("gut\nschön\n".encode("latin-1"))
    assert "line 2, byte 4: 0xF6" in message
    assert "iconv" in message


def test_a_binary_file_is_told_without_reading_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "NUL" in refusal(b"abc\0def\n")
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    stream = io.BytesIO(b"\x01" * 100_000)
    with pytest.raises(InputFileError, match="line 1: longer than"):
        list(text_lines(stream, "x.txt"))
    assert stream.tell() <= 1001
