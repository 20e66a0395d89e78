from __future__ import annotations

import sys
from pathlib import Path

import pytest
from laws import lawful, texts_of

from samesay.errors import MissingExtraError
from samesay.longtext import code
from samesay.longtext.code import code_blocks, languages, require_grammar
from samesay.longtext.segment import format_of

LONG = "".join(f"    total = total + {i} * factor;\n" for i in range(12))
# BODY stands for lines that are too many for one segment together with another definition.
SOURCES = {
    "javascript": """\
import x from 'y';

/** Adds. */
export function add(a, b) {
BODY
}

class Cat {
  // walks
  walk() {
BODY
  }

  sleep() {
BODY
  }
}
""",
    "typescript": """\
interface A { x: number }

// Adds.
export function add(a: number): number {
BODY
}

export class Cat {
  walk(): void {
BODY
  }
  sleep(): void {
BODY
  }
}
""",
    "go": """\
package main

// add adds.
func add(a int) int {
BODY
}

func (c *Cat) walk() {
BODY
}
""",
    "rust": """\
use std::fmt;

/// Adds.
#[inline]
fn add(a: i32) {
BODY
}

impl Walk for Cat {
  fn walk(&self) {
BODY
  }
  fn sleep(&self) {
BODY
  }
}
""",
    "java": """\
package a;

/** A cat. */
@Entity
public class Cat {
  int legs = 4;
  // walks
  void walk() {
BODY
  }
  void sleep() {
BODY
  }
}
""",
    "c": """\
#include <a.h>

/* Adds. */
int add(int a) {
BODY
}

int walk(void) {
BODY
}
""",
    "cpp": """\
#include <a>
namespace n {

class Cat {
 public:
  void walk() {
BODY
  }
  void sleep() {
BODY
  }
};
}
""",
    "bash": """\
#!/bin/sh
set -e

# Adds.
add() {
BODY
}

walk() {
BODY
}
""",
    "c_sharp": """\
using A;

namespace N {
/// A cat.
public class Cat {
  void Walk() {
BODY
  }
  void Sleep() {
BODY
  }
}
}
""",
    "ruby": """\
require 'a'

# A cat.
class Cat
  def walk
BODY
  end

  def sleep
BODY
  end
end
""",
    "php": """\
<?php

/** A cat. */
class Cat {
  function walk() {
BODY
  }
  function sleep() {
BODY
  }
}
""",
    "tsx": """\
export const A = () => <b>hi</b>;

export function Add(a: number) {
BODY
}
""",
}


def sample(language: str) -> str:
    return SOURCES[language].replace("BODY\n", LONG)


def test_every_language_has_a_sample() -> None:
    assert set(SOURCES) == set(languages())


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_definitions_are_found_and_named(language: str) -> None:
    pytest.importorskip("tree_sitter")
    pytest.importorskip(code._GRAMMARS[language][0])
    source = sample(language)
    segments = lawful(source, 120, "code", language, target=60)
    paths = {" > ".join(one.headings).lower() for one in segments}
    name = "walk" if "walk" in source.lower() else "add"
    assert any(name in path for path in paths), paths
    if "cat {" in source.lower() or "class cat" in source.lower():
        assert any("cat" in path for path in paths), paths
    # Comments stand with what they are about.
    for text in texts_of(source, segments):
        last = text.rstrip().splitlines()[-1].strip()
        assert not last.startswith(("//", "/*", "#[", "@")), text


def test_a_definition_is_whole_where_it_fits() -> None:
    pytest.importorskip("tree_sitter_rust")
    source = sample("rust")
    texts = texts_of(source, lawful(source, 400, "code", "rust", target=130))
    assert any("/// Adds.\n#[inline]\nfn add" in text and text.rstrip().endswith("}") for text in texts)


def test_without_the_extra_code_is_cut_at_blank_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    monkeypatch.setattr(code, "find_spec", lambda name: None)
    source = sample("go")
    blocks = list(code_blocks(source, "go"))
    assert [source[one.begin : one.end].split("\n")[0] for one in blocks] == [
        "package main",
        "// add adds.",
        "func (c *Cat) walk() {",
    ]
    with pytest.raises(MissingExtraError, match=r"samesay\[code\]"):
        require_grammar("go")


def test_a_language_without_a_grammar_is_cut_at_blank_lines() -> None:
    source = "create table a (\n  b int\n\n);\n\ncreate table c ();\n"
    assert len(list(code_blocks(source, "sql"))) == 2
    with pytest.raises(MissingExtraError):
        require_grammar("sql")


@pytest.mark.parametrize("language", ["javascript", "c", "go"])
@pytest.mark.parametrize(
    "source",
    ["{" * 20_000, "((" * 10_000 + "a", "\0" * 1000, "f(" * 9000, "名" * 5000, "/*" * 5000, "a {\n" * 5000],
)
def test_what_is_not_code_is_cut_all_the_same(language: str, source: str) -> None:
    lawful(source, 64, "code", language)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("README.md", ("markdown", None)),
        ("a/b.MARKDOWN", ("markdown", None)),
        ("x.py", ("python", None)),
        ("x.pyi", ("python", None)),
        ("x.tsx", ("code", "tsx")),
        ("x.h", ("code", "c")),
        ("Makefile", ("code", "make")),
        ("notes.txt", ("text", None)),
        ("LICENSE", ("text", None)),
        (".bashrc", ("code", "bash")),
        ("archive.tar.gz", ("text", None)),
    ],
)
def test_the_format_is_told_by_the_name(name: str, expected: tuple[str, str | None]) -> None:
    assert format_of(Path(name)) == expected
