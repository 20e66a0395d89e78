"""Laws on pages that people wrote, in English and Chinese."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
from laws import count_tokens, lawful

from samesay.longtext.markdown import markdown_blocks
from samesay.longtext.markdown_lines import line_blocks

PAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "k8s_docs"
# Every page would take a minute; these are spread over the kinds of pages.
STEP = 12
LIMIT, TARGET = 400, 200

needs_pages = pytest.mark.skipif(not PAGES.is_dir(), reason=f"{PAGES} is not on this machine")


@cache
def pages(language: str) -> list[str]:
    lines = (PAGES / f"docs.{language}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line)["text"] for line in lines[::STEP] if line]


@needs_pages
@pytest.mark.parametrize("language", ["en", "zh"])
def test_segments_of_pages_are_lawful_and_of_a_size(language: str) -> None:
    sizes: list[int] = []
    for page in pages(language):
        segments = lawful(page, LIMIT, target=TARGET)
        counts = count_tokens([one.embedded(page) for one in segments])
        sizes.extend(counts)
        # No more segments than about twice what the page's size asks for, beside one for each section.
        sections = sum(block.heading for block in markdown_blocks(page))
        assert len(segments) <= 2 * count_tokens([page])[0] / TARGET + sections + 1
    assert 0.3 * TARGET < sum(sizes) / len(sizes) < TARGET


@needs_pages
@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_segment_of_a_page_ends_with_a_heading(language: str) -> None:
    for page in pages(language):
        # A page of the site may itself end with one.
        headings = [(one.begin, one.end) for one in markdown_blocks(page) if one.heading]
        for one in lawful(page, LIMIT, target=TARGET)[:-1]:
            assert not any(begin < one.end <= end for begin, end in headings), page[one.begin : one.end]


@needs_pages
@pytest.mark.parametrize("language", ["en", "zh"])
def test_fences_of_pages_are_whole_where_they_fit(language: str) -> None:
    cut = whole = 0
    for page in pages(language):
        segments = lawful(page, LIMIT, target=TARGET)
        ends = {one.end for one in segments}
        for block in markdown_blocks(page):
            if block.lead is None or block.kind != "code":
                continue
            text = page[block.begin : block.end].strip()
            inside = [end for end in ends if block.begin < end < block.end]
            path = count_tokens([" > ".join(block.path)])[0]
            if count_tokens([text])[0] + path <= LIMIT // 2:
                assert not inside, text
                whole += 1
            cut += bool(inside)
            for end in inside:
                # At the end of a line, and not before a closing fence that would stand alone.
                assert page[end - 1] == "\n"
                assert not re.match(r"\s*(```|~~~)\s*$", page[end : block.end])
    assert whole > 20
    assert whole > 5 * cut


@needs_pages
@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_have_the_same_headings_line_by_line(language: str) -> None:
    """What is done with very large sources, on pages of ordinary size."""
    same = different = 0
    for page in pages(language):
        parsed = [(one.begin, one.path) for one in markdown_blocks(page) if one.heading]
        scanned = [(one.begin, one.path) for one in line_blocks(page, 0) if one.heading]
        same += parsed == scanned
        different += parsed != scanned
    assert same > 20 * different
