"""What is embedded of HTML: what a reader sees."""

from __future__ import annotations

import time

import pytest
from laws import count_tokens, lawful

from samesay.longtext.html_text import visible_text


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("<p>One <b>t</b>wo</p><p>three</p>", "One two three"),
        ('<span style="color:#bbb">kind</span>:<span> </span>Pod', "kind: Pod"),
        ("<td>a</td><td>b</td>\n\n<td>c</td>", "a b\nc"),
        ("&lt;name&gt; &amp; 1 &lt; 2", "<name> & 1 < 2"),
        ("a < b and b > c", "a < b and b > c"),
        ('bbb">kind</span>: Pod <span sty', "kind: Pod"),
        ("<!DOCTYPE html><br/>x<!-- y -->", "x"),
        ("<div><br></div>", ""),
        ("", ""),
    ],
)
def test_tags_go_and_words_stay(source: str, seen: str) -> None:
    assert visible_text(source) == seen


@pytest.mark.parametrize("part", ["<", "<a", "<a ", ">", "<!--", "&", "</", "<a>", " "])
def test_time_grows_with_the_length_only(part: str) -> None:
    begin = time.process_time()
    visible_text(part * 200_000)
    assert time.process_time() - begin < 30  # a tenth of a second; with its square, hours


def test_a_page_of_tags_is_cut_by_its_words_and_embedded_without_tags() -> None:
    cells = [f'<tr><td style="padding:0;color:#bbb" class="c">word{place}</td></tr>' for place in range(90)]
    source = "# Page\n\n<table>\n" + "\n".join(cells) + "\n</table>\n"
    segments = lawful(source, 120, "markdown")
    embedded = [one.embedded(source) for one in segments]
    assert not any("<" in text or "padding" in text for text in embedded)
    assert [word for text in embedded for word in text.split() if word.startswith("word")] == [
        f"word{place}" for place in range(90)
    ]
    with_tags = count_tokens([source])[0]
    assert len(segments) < with_tags / 120
