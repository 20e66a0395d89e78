from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import count_tokens, lawful

from samesay.errors import TextError
from samesay.longtext.segment import Format, segment

FORMATS: list[tuple[Format, str | None]] = [
    ("markdown", None),
    ("text", None),
    ("python", None),
    ("code", "javascript"),
    ("code", "rust"),
    ("code", None),
]
END = st.sampled_from(["\n", "\n", "\n\n", "\r\n", "\r", "\n \n", " "])
SNIPPETS = st.sampled_from(
    [
        "# Heading",
        "## 标题 ##",
        "###### deep",
        "Setext\n===",
        "Setext two\n---",
        "#no heading",
        "```python",
        "```",
        "~~~~",
        "    indented code",
        "> quote",
        "> > # inner",
        ">",
        "- item",
        "  - inner",
        "1. first",
        "10) tenth",
        "* * *",
        "---",
        "+++",
        "title: x",
        "| a | b |",
        "|---|:-:|",
        "| 1 | 2 |",
        "![alt](image.png)",
        "*Figure 1: what it shows*",
        "<div>",
        "</div>",
        "<!-- comment",
        "-->",
        "<figure>",
        "</figure>",
        "[ref]: http://example.org",
        "def f(x):",
        "    return x",
        "class A:",
        "    def m(self): pass",
        "@decorator",
        "# comment",
        '"""docstring"""',
        "function f() {",
        "}",
        "impl A for B {",
        "今天天气很好。我们去公园吧！好吗？",
        "他说：“走吧。”然后走了……",
        "One sentence. Another, e.g. this one! 3.14 is Dr. Smith's number.",
        "word",
        "👩‍👩‍👧‍👦🇩🇪🇫🇷👍🏽é",
        "हिन्दी वाक्य। दूसरा वाक्य॥",
        "x" * 60,
        "长" * 60,
        "\x00\x01\x0b\x0c\x1c\x85\u2028\u200b\ufeff",
        "\t",
        "   ",
        "",
    ]
)
DOCUMENT = st.lists(st.tuples(SNIPPETS | st.text(max_size=20), END), max_size=40).map(
    lambda parts: "".join(text + end for text, end in parts)
)


@pytest.mark.parametrize(("format", "language"), FORMATS)
@settings(deadline=None, max_examples=150)
@given(source=DOCUMENT, limit=st.sampled_from([8, 20, 60, 400]), target=st.sampled_from([None, 5, 30]))
def test_every_character_belongs_to_one_segment_that_fits(
    format: Format,  # noqa: A002
    language: str | None,
    source: str,
    limit: int,
    target: int | None,
) -> None:
    assert lawful(source, limit, format, language, target) == lawful(source, limit, format, language, target)


def test_html_that_shows_nothing_is_measured_as_it_is_embedded() -> None:
    lawful("<!-- comment\n# Heading\n", 8)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300), st.sampled_from(FORMATS))
def test_any_unicode_is_cut(source: str, kind: tuple[Format, str | None]) -> None:
    lawful(source, 12, *kind)


@pytest.mark.parametrize(("format", "language"), FORMATS)
def test_an_empty_source_has_no_segments(format: Format, language: str | None) -> None:  # noqa: A002
    assert lawful("", 20, format, language) == []


@pytest.mark.parametrize(("format", "language"), FORMATS)
def test_white_space_alone_is_one_blank_segment(format: Format, language: str | None) -> None:  # noqa: A002
    (one,) = lawful(" \n\t\r\n\u3000\n", 20, format, language)
    assert one.kind == "blank"
    assert one.embedded(" \n\t\r\n\u3000\n") == ""


@pytest.mark.parametrize("format", ["markdown", "text", "python", "code"])
def test_white_space_around_and_between_is_never_a_segment(format: Format) -> None:  # noqa: A002
    space = " " * 5000 + "\n" * 5000
    lawful(f"{space}a{space}b{'c' * 500}{space}", 20, format)


def test_a_limit_that_holds_no_character_is_told() -> None:
    with pytest.raises(TextError, match="may have 2 tokens, but the character 'a' at 0 alone has 3"):
        segment("a b", count_tokens=count_tokens, limit=2)


def test_an_unknown_format_is_told() -> None:
    with pytest.raises(TextError, match="not 'html'"):
        segment("a", format="html", count_tokens=count_tokens, limit=9)  # type: ignore[arg-type]


def test_a_tokenizer_that_counts_more_for_a_whole_than_for_its_parts_is_obeyed() -> None:
    source = "word " * 500

    def superlinear(texts: list[str]) -> list[int]:
        return [2 + len(text) // 5 + (len(text) // 40) ** 2 for text in texts]

    segments = segment(source, count_tokens=superlinear, limit=64)  # type: ignore[arg-type]
    assert max(superlinear([one.embedded(source) for one in segments])) <= 64
    assert "".join(source[one.begin : one.end] for one in segments) == source
