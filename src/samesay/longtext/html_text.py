"""HTML as it is read: without tags."""

from __future__ import annotations

import html
import re

# A name, so that "a < b" stays; neither bracket inside, so that reading takes linear time.
_TAG = re.compile(r"</?([A-Za-z!?][\w-]*)[^<>]*>")
_TAG_END_AT_BEGIN = re.compile(r"""\A[^<>]{0,1000}["'/\w]>""")
_TAG_BEGIN_AT_END = re.compile(r"</?[A-Za-z!?][^<>]{0,1000}\Z")
# These stand inside words and lines; all others part what is around them.
_INLINE = re.compile(r"a|abbr|b|big|code|em|font|i|kbd|mark|s|samp|small|span|strong|su[bp]|tt|u|var")


def visible_text(source: str) -> str:
    """Give the text of a stretch of HTML: no tags, characters for entities, white space as single spaces.

    The stretch may begin or end inside a tag. Lines stay lines; empty ones are left out.
    """
    text = _TAG_BEGIN_AT_END.sub("", _TAG_END_AT_BEGIN.sub("", source))
    text = html.unescape(_TAG.sub(lambda tag: "" if _INLINE.fullmatch(tag[1].lower()) else " ", text))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def shown(source: str, kind: str) -> str:
    """Give what is embedded of a stretch of a document: of HTML its text, of all else the source."""
    return visible_text(source) if kind == "html" else source.strip()
