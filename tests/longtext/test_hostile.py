"""Sources made to take quadratic time, deep recursion or much memory."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from laws import AROUND

from samesay.longtext import markdown
from samesay.longtext.segment import Format, segment

MEGABYTE = 1 << 20
# Seconds: usual is one to three, on a busy machine ten; what grows with the square would take an hour.
BOUND = 60


def fast_count(texts: list[str]) -> list[int]:
    return [AROUND + len(text) // 4 + 1 for text in texts]


def repeated(text: str, size: int) -> str:
    return (text * (size // len(text) + 1))[:size]


HOSTILE: dict[str, Callable[[int], str]] = {
    "one line": lambda size: repeated("word ", size),
    "one word": lambda size: "x" * size,
    "one Chinese line": lambda size: repeated("没有标点的一行", size),
    "full stops": lambda size: "." * size,
    "spaces": lambda size: " " * size + "x",
    "spaces inside": lambda size: "x" + " " * size + "x",
    "newlines": lambda size: "x" + "\n" * size + "x",
    "carriage returns": lambda size: repeated("x\r", size),
    "headings": lambda size: repeated("# a\n", size),
    "deep headings": lambda size: repeated("# a\n## b\n### c\n#### d\n##### e\n###### f\n", size),
    "headings with text": lambda size: repeated("# a\n\nb\n\n", size),
    "long headings": lambda size: repeated(f"# {'title ' * 200}\n\ntext\n\n", size),
    "one long heading": lambda size: "# " + "x " * (size // 2),
    "setext": lambda size: repeated("a\n=\n", size),
    "quotes in one line": lambda size: ">" * size,
    "deeper and deeper quotes": lambda size: "".join(f"{'>' * (i % 2000)} a\n" for i in range(size // 1000)),
    "lists in one line": lambda size: "- " * (size // 2) + "a",
    "deeper and deeper lists": lambda size: "".join(f"{' ' * (i % 2000)}- a\n" for i in range(size // 1000)),
    "items": lambda size: repeated("- a\n", size),
    "brackets": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "links": lambda size: repeated("[a]: b\n", size),
    "open fence": lambda size: "```\n" + repeated("# a\n", size),
    "fences": lambda size: repeated("```\n", size),
    "fences of growing length": lambda size: "".join(
        "`" * (3 + i) + "\n" for i in range(int((2 * size) ** 0.5))
    ),
    "open comment": lambda size: "<!--\n" + repeated("\n# a\n", size),
    "tags": lambda size: repeated("<div>\n\n", size),
    "table": lambda size: "|a|\n|-|\n" + repeated("|x|\n", size),
    "wide table": lambda size: "|a" * (size // 4) + "\n" + "|-" * (size // 4) + "\n",
    "pipes": lambda size: "|" * (size // 2) + "\n" + "|-" * (size // 4) + "\n",
    "rules": lambda size: repeated("---\n\n", size),
    "images": lambda size: repeated("![a](b)\n\n*c*\n\n", size),
    "figures": lambda size: repeated("<figure>\n\n", size),
    "marks": lambda size: "\u0301" * size,
    "joiners": lambda size: "👩\u200d" * (size // 2),
    "flags": lambda size: "🇩🇪" * (size // 2),
    "nothing visible": lambda size: "\u200b" * size,
    "nulls": lambda size: "\0" * size,
}


def seconds(source: str, format: Format, language: str | None = None) -> float:  # noqa: A002
    begin = time.process_time()
    segments = segment(source, format=format, language=language, count_tokens=fast_count, limit=512)  # type: ignore[arg-type]
    took = time.process_time() - begin
    assert "".join(source[one.begin : one.end] for one in segments) == source
    assert max(fast_count([one.embedded(source) for one in segments])) <= 512
    return took


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_markdown_of_any_shape_takes_bounded_time(name: str) -> None:
    # Below the size at which lines are looked at one by one, and above it.
    assert seconds(HOSTILE[name](MEGABYTE // 16), "markdown") < BOUND
    assert seconds(HOSTILE[name](MEGABYTE * 9 // 16), "markdown") < BOUND


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_text_of_any_shape_takes_bounded_time(name: str) -> None:
    assert seconds(HOSTILE[name](MEGABYTE // 8), "text") < BOUND


@pytest.mark.parametrize("name", ["brackets", "carriage returns", "headings with text", "items", "one word"])
def test_python_of_any_shape_takes_bounded_time(name: str) -> None:
    assert seconds(HOSTILE[name](MEGABYTE // 4), "python") < BOUND


@pytest.mark.parametrize("name", ["one word", "one Chinese line", "table"])
def test_time_grows_with_the_size_and_not_with_its_square(name: str) -> None:
    for format in ("markdown", "text"):  # noqa: A001
        small = min(seconds(HOSTILE[name](MEGABYTE * 5 // 8), format) for _ in range(2))
        large = seconds(HOSTILE[name](MEGABYTE * 5 // 2), format)
        assert large < 10 * small + 1


def test_markdown_is_parsed_up_to_the_size_that_is_told() -> None:
    filler = repeated("words and words\n\n", markdown.LARGEST_PARSED)
    quote = "> quoted\n\n"
    assert "quote" in [one.kind for one in markdown.markdown_blocks(quote + filler[: -len(quote)])]
    assert "quote" not in [one.kind for one in markdown.markdown_blocks(quote + filler)]
