from __future__ import annotations

import inspect
import json
import re

import pytest
from laws import lawful, texts_of

from samesay.longtext.python_code import python_blocks

SOURCE = '''"""Module docstring."""

import os
import re

LIMIT = 3

# What a cat does.
# And how.
@decorated
@twice(
    1
)
class Cat(Animal):
    """A cat."""

    legs = 4

    # Sounds.
    @property
    def sound(self) -> str:
        """Give the sound."""
        return "meow"

    def walk(self, far: int) -> None:
        for step in range(far):
            self.step(step)
        # done walking

    async def sleep(self) -> None:
        await self.rest()


def after() -> None:
    pass
x = 1; y = 2
'''


def cut(limit: int, target: int) -> list[str]:
    return texts_of(SOURCE, lawful(SOURCE, limit, "python", target=target))


def test_definitions_stand_alone_with_what_belongs_to_them() -> None:
    segments = lawful(SOURCE, 100, "python", target=30)
    texts = texts_of(SOURCE, segments)
    assert texts[0].startswith('"""Module')
    (cat,) = [text for text in texts if "class Cat" in text]
    assert cat.startswith("# What a cat does.")
    (sound,) = [text for text in texts if "def sound" in text]
    assert sound.startswith("    # Sounds.\n    @property")
    (walk,) = [one for one in segments if "def walk" in SOURCE[one.begin : one.end]]
    assert walk.headings == ("class Cat",)
    assert "# done walking" in SOURCE[walk.begin : walk.end]
    assert all(one.kind == "code" for one in segments)


def test_a_class_that_fits_is_one_segment() -> None:
    assert any("class Cat" in text and "def sleep" in text for text in cut(200, 140))


def test_a_function_that_is_too_large_keeps_its_head_in_the_path() -> None:
    body = "".join(f"    value_{i} = compute(value_{i - 1})\n" for i in range(1, 60))
    source = f"def large(value_0):\n{body}    return value_59\n"
    segments = lawful(source, 80, "python")
    assert segments[0].headings == ()
    assert {one.headings for one in segments[1:]} == {("def large",)}
    for text in texts_of(source, segments):
        assert text.endswith("\n")


@pytest.mark.parametrize(
    "source",
    [
        "def f(:\n    pass\n\n\nclass B:\n    x = 1\n",
        "print 'old'\n\nx = 1\n",
        "a = '\0'\n",
        "(" * 300 + "\n\nx = 1\n",
        "-" * 5000 + "1\n\nx = 2\n",
    ],
)
def test_what_python_cannot_parse_is_cut_at_blank_lines(source: str) -> None:
    assert len(list(python_blocks(source))) == 1 + ("\n\nclass" in source) + ("\n\nx" in source)
    lawful(source, 40, "python")


def test_invalid_escapes_warn_nobody() -> None:
    lawful("pattern = '\\d'\nassert (1, 'always')\n", 40, "python")


def test_deep_nesting_is_bounded() -> None:
    source = "".join(f"{' ' * i}class C{i}:\n" for i in range(90)) + " " * 90 + "pass\n"
    lawful(source, 40, "python")
    lawful("if x:\n" + "".join(f"{' ' * i}if x:\n" for i in range(1, 90)) + " " * 90 + "pass\n", 40, "python")


@pytest.mark.parametrize("module", [inspect, json, json.decoder])
@pytest.mark.parametrize("limit", [64, 512])
def test_modules_of_the_standard_library(module: object, limit: int) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    segments = lawful(source, limit, "python")
    for text in texts_of(source, segments):
        last = text.rstrip().splitlines()[-1].strip()
        assert not re.match(r"class \w+.*:$|@\w", last), text


def test_line_ends_of_every_kind_are_counted_as_python_does() -> None:
    for end in ("\n", "\r\n", "\r"):
        source = SOURCE.replace("\n", end).replace("LIMIT = 3", "LIMIT = 3  # \x0c \u2028 \x85")
        texts = texts_of(source, lawful(source, 100, "python", target=30))
        assert any(text.startswith("# What a cat does.") for text in texts)
