from __future__ import annotations

import pytest
from laws import lawful, texts_of

from samesay.longtext.markdown import heading_label, markdown_blocks
from samesay.longtext.markdown_lines import line_blocks


def paragraph(words: int, word: str = "word") -> str:
    return " ".join([word] * words) + "."


def test_a_segment_has_the_headings_above_it_and_keeps_its_own() -> None:
    source = (
        f"# Guide\n\n{paragraph(40)}\n\n## Install *now* {{#install}}\n\n{paragraph(40)}\n\n{paragraph(40)}\n"
    )
    segments = lawful(source, 60, target=50)
    assert [one.headings for one in segments] == [(), ("Guide",), ("Guide", "Install now")]
    assert source[segments[1].begin :].startswith("## Install")
    assert segments[2].embedded(source) == f"Guide > Install now\n{paragraph(40)}"
    assert segments[2].embedded(source, "Guide") == segments[2].embedded(source)
    assert segments[2].embedded(source, "Book") == f"Book > Guide > Install now\n{paragraph(40)}"


def test_a_hash_in_a_fence_is_no_heading() -> None:
    # agno #10470
    code = "".join(f"# comment {i}\necho {i}\n" for i in range(4))
    source = f"# Title\n\n```bash\n{code}```\n\n{paragraph(60)}\n"
    segments = lawful(source, 80, target=64)
    assert [one.headings for one in segments] == [(), ("Title",)]
    assert segments[0].kind == "code"


@pytest.mark.parametrize(
    "opening",
    ["~~~", "````markdown\n```\n# inner\n```", "- ```\n  # in a list\n  ```\n", "> ```\n> # x\n> ```\n"],
)
def test_a_hash_in_any_kind_of_code_is_no_heading(opening: str) -> None:
    source = f"# Title\n\n{opening}\n# not a heading\n"
    headings = [block for block in markdown_blocks(source) if block.heading]
    assert len(headings) == (2 if opening.startswith((">", "-")) else 1)


def test_setext_headings_are_headings() -> None:
    source = f"Title\n=====\n\nPart\n----\n\n{paragraph(30)}\n\n{paragraph(30)}\n"
    segments = lawful(source, 64, target=48)
    assert [one.headings for one in segments] == [(), ("Title", "Part")]


def test_no_segment_ends_with_a_heading() -> None:
    # semchunk #14
    source = "".join(
        f"{'#' * (1 + i % 4)} Section {i}\n\n{paragraph(5 + 11 * i % 60)}\n\n" for i in range(40)
    )
    for target in (10, 30, 60):
        for text in texts_of(source, lawful(source, 64, target=target)):
            assert not text.strip().splitlines()[-1].startswith("#"), text


def test_headings_without_text_stay_with_the_text_after_them() -> None:
    source = f"# A\n\n{paragraph(30)}\n\n## B\n\n### C\n\n# D\n\n{paragraph(30)}\n"
    segments = lawful(source, 60, target=40)
    assert [text.split("\n")[0] for text in texts_of(source, segments)] == ["# A", "## B"]
    # C is not above the text of D.
    assert segments[1].headings == ()


def test_a_fence_is_kept_whole_where_it_fits() -> None:
    code = "".join(f"line {i}\n\n" for i in range(20))
    source = f"{paragraph(30)}\n\n```yaml\n{code}```\n\n{paragraph(30)}\n"
    segments = lawful(source, 60, target=10)
    assert any(
        text.startswith("```yaml\n") and text.endswith("```\n\n") for text in texts_of(source, segments)
    )


def test_a_fence_that_is_too_large_is_cut_at_line_ends_and_never_orphaned() -> None:
    # text-splitter #798
    lines = [f"line {i} with some words" for i in range(60)]
    source = "Before it.\n\n```python\n" + "\n".join(lines) + "\n```\n\nAfter it.\n"
    segments = lawful(source, 60)
    parts = [one for one in segments if one.kind == "code"]
    assert len(parts) > 4
    for one in parts:
        text = source[one.begin : one.end]
        inside = [line for line in text.strip().splitlines() if line.startswith("line")]
        assert inside
        assert set(inside) <= set(lines)
        assert one.embedded(source).count("```python") == 1
    for text in texts_of(source, segments):
        assert text.strip() not in ("```", "```python")


def test_a_table_is_kept_whole_or_every_part_has_its_head() -> None:
    head = "| name | meaning |\n|------|---------|\n"
    rows = [f"| key{i} | value {i} |\n" for i in range(50)]
    small = lawful(f"{paragraph(30)}\n\n{head}{''.join(rows[:5])}\n{paragraph(30)}", 80, target=10)
    assert [one.kind for one in small] == ["prose", "table", "prose"]
    source = f"{head}{''.join(rows)}"
    segments = lawful(source, 80)
    assert len(segments) > 5
    for one in segments:
        embedded = one.embedded(source)
        assert embedded.startswith("| name | meaning |\n")
        assert embedded.count("| name |") == 1
        assert all(f"{line}\n" in [*rows, *head.splitlines(True)] for line in embedded.splitlines())


def test_a_list_is_cut_between_its_items() -> None:
    items = [f"- item {i}: {paragraph(8)}\n" for i in range(20)]
    for text in texts_of("".join(items), lawful("".join(items), 64)):
        assert text.startswith("- item")


def test_a_large_item_is_cut_between_its_blocks() -> None:
    code = "  ```sh\n" + "".join(f"  run step {i}\n" for i in range(8)) + "  ```\n"
    source = f"- {paragraph(30)}\n\n{code}\n  {paragraph(30)}\n- next\n"
    segments = lawful(source, 50)
    assert any(text.startswith(code) for text in texts_of(source, segments))


@pytest.mark.parametrize(
    "caption", ["*What it shows.*", "Figure 1: what it shows", "图 1：架构", "**Fig. 2**: x"]
)
def test_an_image_and_its_caption_are_one_figure(caption: str) -> None:
    source = f"{paragraph(40)}\n\n![The parts](parts.svg)\n\n{caption}\n\n{paragraph(40)}\n"
    segments = lawful(source, 64, target=8)
    (figure,) = [one for one in segments if one.kind == "figure"]
    assert source[figure.begin : figure.end] == f"![The parts](parts.svg)\n\n{caption}\n\n"


def test_a_figure_element_is_one_figure_across_blank_lines() -> None:
    figure = '<figure>\n<img src="a.png">\n\n<figcaption>\n\nWords.\n\n</figcaption>\n</figure>\n'
    kinds = [
        (block.kind, source_of(figure, block.begin, block.end))
        for block in markdown_blocks(f"{figure}\nText.\n")
    ]
    assert [kind for kind, _ in kinds] == ["figure", "prose"]


def source_of(source: str, begin: int, end: int) -> str:
    return source[begin:end]


def test_front_matter_is_its_own_segment() -> None:
    front = "---\ntitle: Pods\nweight: 10\n# a comment\n---\n\n"
    source = f"{front}Short text.\n"
    segments = lawful(source, 200)
    assert [one.kind for one in segments] == ["front_matter", "prose"]
    assert source[: segments[0].end] == front
    windows = source.replace("\n", "\r\n")
    assert [one.kind for one in lawful(windows, 200)] == ["front_matter", "prose"]


@pytest.mark.parametrize(
    "source", ["---\n\nProse between rules.\n\n---\n\nMore.\n", "---\ntitle: never closed\n"]
)
def test_a_rule_is_no_front_matter(source: str) -> None:
    assert "front_matter" not in [one.kind for one in lawful(source, 200)]


def test_an_introduction_is_not_left_alone() -> None:
    code = "```sh\n" + "".join(f"step {i}\n" for i in range(20)) + "```\n"
    source = f"{paragraph(60)}\n\nRun this:\n\n{code}\n{paragraph(60)}\n"
    segments = lawful(source, 120, target=64)
    assert any(text.startswith("Run this:\n\n```sh") for text in texts_of(source, segments))


def test_small_sections_are_joined_and_others_stand_alone() -> None:
    small = "".join(f"## Term {i}\n\n{paragraph(4)}\n\n" for i in range(10))
    assert len(lawful(small, 400, target=100)) <= 3
    large = "".join(f"## Term {i}\n\n{paragraph(60)}\n\n" for i in range(4))
    assert len(lawful(large, 400, target=100)) == 4


def test_a_heading_path_that_is_too_long_is_shortened() -> None:
    source = "".join(f"{'#' * (i + 1)} {paragraph(18, f'level{i}')}\n\n" for i in range(5))
    source += "\n\n".join(paragraph(20) for _ in range(10))
    segments = lawful(source, 64)
    assert all("level4" in "".join(one.headings) for one in segments[-5:])


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Using `kubectl` {#use}", "Using kubectl"),
        ("The [Pod](/docs/pod) and *its* **parts** ##", "The Pod and its parts"),
        ("snake_case and 2*3*4", "snake_case and 2*3*4"),
        (r"\*not\* emphasis", "*not* emphasis"),
        ("<a id='x'></a>Anchored", "Anchored"),
    ],
)
def test_a_heading_label_is_its_words(heading: str, words: str) -> None:
    assert heading_label(heading) == words


def test_very_large_markdown_has_the_same_headings_and_fences_line_by_line() -> None:
    source = (
        f"# A\r\n\r\n{paragraph(9)}\r\n\r\n## B\r\n```py\r\n# no\r\n```\r\nText\r\n\r\nSet\r\n---\r\n"
        "| a |\r\n|---|\r\n| 1 |\r\n\r\n"
        "~~~\n```\n# no\n~~~~\n\n# C #\n\ntail\n"
    )
    parsed = [(one.begin, one.heading, one.path, one.kind, one.lead) for one in markdown_blocks(source)]
    scanned = [(one.begin, one.heading, one.path, one.kind, one.lead) for one in line_blocks(source, 0)]
    assert scanned == parsed
