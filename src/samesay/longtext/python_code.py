"""Python to blocks: functions, classes and statements, with their decorators and comments."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Sequence

from samesay.longtext.blocks import Block, line_starts
from samesay.longtext.definitions import (
    DEEPEST,
    LARGEST_PARSED,
    Statement,
    blank_line_blocks,
    statement_blocks,
)

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def python_blocks(source: str) -> Iterable[Block]:
    """Give the blocks of a Python source; of one that Python cannot parse, those that blank lines part."""
    tree = _parse(source) if len(source) <= LARGEST_PARSED else None
    if tree is None:
        return blank_line_blocks(source)
    lines = line_starts(source)
    return statement_blocks(lines, _Statements(source, lines).of(tree.body, 0, 0))


def _parse(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            # Of the source, such as invalid escapes: not ours to tell.
            warnings.simplefilter("ignore")
            return ast.parse(source.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Statements:
    def __init__(self, source: str, lines: Sequence[int]) -> None:
        self._source = source
        self._lines = lines

    def of(self, body: Sequence[ast.stmt], before: int, depth: int) -> tuple[Statement, ...]:
        """Give the statements of a body.

        Args:
            body: The body.
            before: The number of lines before the first that may belong to it.
            depth: How many definitions it lies in.
        """
        statements: list[Statement] = []
        for node in body:
            decorators = node.decorator_list if isinstance(node, _DEFINITIONS) else []
            first = min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1
            begin = self._with_comments(before, first, node.col_offset)
            last = node.end_lineno or node.lineno
            if isinstance(node, _DEFINITIONS) and depth < DEEPEST:
                statements.append(self._definition(node, begin, depth))
            else:
                statements.append(Statement(begin))
            before = last
        return tuple(statements)

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, begin: int, depth: int
    ) -> Statement:
        body = node.body
        head_end = body[0].lineno - 1
        if len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            # The docstring is part of the head.
            head_end = body[0].end_lineno or body[0].lineno
            body = body[1:]
        word = "class" if isinstance(node, ast.ClassDef) else "def"
        return Statement(begin, f"{word} {node.name}", self.of(body, max(head_end, node.lineno), depth + 1))

    def _with_comments(self, before: int, first: int, column: int) -> int:
        """Give the line at which a statement begins with the comments right before it."""
        for line in range(before, first):
            text = self._source[self._lines[line] : self._lines[line + 1]]
            bare = text.lstrip(" \t\f")
            if bare.startswith("#") and len(text) - len(bare) <= column:
                return line
        return first
