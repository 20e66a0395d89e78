"""The language of files: stated, named by the path, or given."""

from __future__ import annotations

from pathlib import Path

import pytest

from samesay.collection.document_language import language_in_path
from samesay.collection.folders import find_files, read_documents
from samesay.errors import DocumentError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("docs/zh/a.md", "zh"),
        ("docs/zh-CN/concepts/pods.md", "zh-CN"),
        ("site/pt_BR/page.md", "pt-BR"),
        ("docs/page.de.md", "de"),
        ("docs/en/page.de.md", "de"),
        ("en.md", None),
        ("docs/go/io/main.md", None),
        ("docs/English/a.md", None),
        ("docs/a.v2.md", None),
        ("", None),
    ],
)
def test_a_path_names_a_language_in_a_folder_or_before_the_ending(name: str, expected: str | None) -> None:
    assert language_in_path(name) == expected


def languages(folder: Path, choice: str | None) -> dict[str, str | None]:
    found = find_files([folder])
    return {Path(one.id).name: one.language for one in read_documents(found, language=choice)}


def test_what_a_text_states_counts_before_what_is_said_of_all(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "zh"
    folder.mkdir(parents=True)
    (folder / "stated.md").write_text("---\ntitle: Seite\nlang: 'de'\n---\nText", "utf-8")
    (folder / "below.md").write_text("Text\n\nlang: de\n", "utf-8")
    (folder / "plain.txt").write_text("Text", "utf-8")
    (folder / "code.py").write_text("x = 1\n", "utf-8")
    (folder / "rows.csv").write_text("id,text,language\n1,one,fr\n2,two,\n", "utf-8")
    assert languages(folder, "path") == {
        "stated.md": "de",
        "below.md": "zh",
        "plain.txt": "zh",
        "code.py": None,
        "1": "fr",
        "2": "zh",
    }
    assert languages(folder, "en")["plain.txt"] == "en"
    assert languages(folder, None)["plain.txt"] is None


def test_what_is_no_language_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a", "utf-8")
    with pytest.raises(DocumentError, match="give a code such as en"):
        languages(tmp_path, "English language")
