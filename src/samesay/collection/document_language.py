"""The language of a file's text: what its front matter, its path, or the person says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from samesay.errors import DocumentError

FROM_PATH = "path"
# ISO 639-1, as far as they are in use as names of folders of translations and not of something else.
_CODES = frozenset(
    """
    af am ar as az be bg bn bs ca cs cy da de el en eo es et eu fa fi fil fr ga gl gu he hi hr hu hy id
    ig is it ja ka kk km kn ko ku ky lb lo lt lv mg mi mk ml mn mr ms mt my nb ne nl nn no pa pl ps pt
    ro ru rw sd si sk sl sq sr sv sw ta te tg th tk tl tr tt uk ur uz vi xh yi yo zh zu
    """.split()  # noqa: SIM905
)
_CODE = re.compile(r"([a-z]{2,3})(?:[-_][A-Za-z0-9]{2,8})*", re.ASCII)
_ANY_CODE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
_STATED = re.compile(
    r"^[ \t]*(?:lang|language|locale)[ \t]*[:=][ \t]*[\"']?(?P<code>[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*)\b",
    re.MULTILINE | re.ASCII,
)


@dataclass(frozen=True)
class LanguageRule:
    """How texts come by a language that they do not state.

    Args:
        choice: A code such as ``en``; ``path`` takes it from a folder or file name such as ``docs/zh/`` or
            ``page.de.md``; None leaves it out.

    Raises:
        DocumentError: For what is neither.
    """

    choice: str | None = None

    def __post_init__(self) -> None:
        if self.choice is not None and self.choice != FROM_PATH and not _ANY_CODE.fullmatch(self.choice):
            raise DocumentError(
                f"{self.choice!r} is no language; give a code such as en or pt-BR, or 'path' to take it from "
                "names such as docs/en/ and page.de.md"
            )

    def of(self, name: str) -> str | None:
        """Give the language of a file of that name."""
        return language_in_path(name) if self.choice == FROM_PATH else self.choice


def language_in_path(name: str) -> str | None:
    """Give the language that a path names: in the file's name before its ending, else in the first folder."""
    *folders, file = PurePosixPath(name).parts or ("",)
    inner = PurePosixPath(PurePosixPath(file).stem).suffix.removeprefix(".")
    for part in (inner, *folders):
        found = _CODE.fullmatch(part)
        if found and found[1] in _CODES:
            return part.replace("_", "-")
    return None


def stated_language(front_matter: str) -> str | None:
    """Give the language that the metadata before a page states."""
    found = _STATED.search(front_matter)
    return found["code"].replace("_", "-") if found else None
