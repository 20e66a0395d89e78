from __future__ import annotations

from itertools import pairwise

import pytest

from samesay.longtext.sentences import sentence_ends
from samesay.longtext.words import character_ends


def sentences(text: str) -> list[str]:
    places = [0, *sentence_ends(text, 0, len(text)), len(text)]
    return [text[begin:end] for begin, end in pairwise(places)]


@pytest.mark.parametrize(
    "expected",
    [
        ["今天很好。", "我们走吧！", "好吗？", "第一；", "第二……", "他停了。"],
        ["他说：“走吧。”", "然后走了。"],
        ["价格是3.14元。", "版本1.2.3！", "好"],
        ["It works. ", "Does it? ", "Yes! ", "Good."],
        ["Dr. Smith met Mr. Jones, e.g. at 3.14 p.m. in the U.S. Senate. ", "Then he left."],
        ["See Fig. 3 and Eq. 4. ", "No more."],
        ["Use example.com/a.b?c=d now. ", "Done."],
        ['He said "Stop." ', "She went."],
        ["Das gilt z.B. für ca. 5 Fälle. ", "Sonst nicht."],
        ["1. Install it. ", "Then run it.\n", "2. Stop."],
        ["पहला वाक्य। ", "दूसरा वाक्य॥ ", "तीसरा"],
        ["هل هذا صحيح؟ ", "نعم."],
        ["これは文です。", "次の文です。"],
        ["First paragraph without a mark\n\n", "Second"],
        ["真的吗?", "真的!", "好"],
        ["Wait... what happened? ", "Nothing."],
        ["Mixed 中文。", "And English. ", "再来。", "End"],
    ],
)
def test_sentences_end_where_readers_end_them(expected: list[str]) -> None:
    text = "".join(expected)
    assert sentences(text) == expected


def test_many_marks_take_linear_time() -> None:
    for text in ("." * 1_000_000, "。" * 1_000_000, ". a" * 300_000, "\n \n" * 300_000, ".'" * 500_000 + "x"):
        for _ in sentence_ends(text, 0, len(text)):
            pass


def test_characters_are_not_parted() -> None:
    family, flags, thumb, accent = "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "👍🏽", "e\u0301"
    text = (family + flags + thumb + accent) * 20
    whole = {0}
    for character in (family, "🇩🇪", "🇫🇷", thumb, accent) * 20:
        whole.add(max(whole) + len(character))
    for step in range(9, 40):
        assert set(character_ends(text, 0, len(text), step)) <= whole
    # No script writes as many marks on one letter; they are cut all the same.
    zalgo = "a" + "\u0301" * 1000
    assert len(list(character_ends(zalgo, 0, len(zalgo), 50))) == 20
