"""Code to blocks with tree-sitter, where its package and the language's grammar are installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from samesay.errors import MissingExtraError
from samesay.longtext.blocks import Block, label
from samesay.longtext.definitions import (
    DEEPEST,
    Statement,
    blank_line_blocks,
    statement_blocks,
)

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

# Language to the package of its grammar, which carries its parser, and the function that gives it.
_GRAMMARS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "bash": ("tree_sitter_bash", "language"),
        "c": ("tree_sitter_c", "language"),
        "c_sharp": ("tree_sitter_c_sharp", "language"),
        "cpp": ("tree_sitter_cpp", "language"),
        "go": ("tree_sitter_go", "language"),
        "java": ("tree_sitter_java", "language"),
        "javascript": ("tree_sitter_javascript", "language"),
        "php": ("tree_sitter_php", "language_php"),
        "ruby": ("tree_sitter_ruby", "language"),
        "rust": ("tree_sitter_rust", "language"),
        "tsx": ("tree_sitter_typescript", "language_tsx"),
        "typescript": ("tree_sitter_typescript", "language_typescript"),
    }
)
# A parser of C code is fast, but its recovery from what is not code is not.
LARGEST_PARSED = 1 << 20
_LONGEST_LABEL = 160


def languages() -> tuple[str, ...]:
    """Give the languages that have a grammar, installed or not."""
    return tuple(_GRAMMARS)


def require_grammar(language: str) -> None:
    """See that code in a language will be cut along its definitions.

    Raises:
        MissingExtraError: When tree-sitter or the grammar is not installed.
    """
    if not _is_installed(language):
        raise MissingExtraError(f"cutting {language} code along its definitions", "code")


def code_blocks(source: str, language: str | None) -> Iterable[Block]:
    """Give the blocks of a source in a programming language.

    Without tree-sitter or a grammar of the language, and for more than ``LARGEST_PARSED`` characters, those
    that blank lines part; ``require_grammar`` tells beforehand.
    """
    if language is None or len(source) > LARGEST_PARSED or not _is_installed(language):
        return blank_line_blocks(source)
    tree = _parse(source, language)
    lines = _line_starts(source)
    return statement_blocks(lines, tuple(_statements(tree.root_node, 0)))


def _is_installed(language: str) -> bool:
    if language not in _GRAMMARS:
        return False
    return all(find_spec(package) is not None for package in ("tree_sitter", _GRAMMARS[language][0]))


def _parse(source: str, language: str) -> Tree:
    from tree_sitter import Language, Parser

    package, function = _GRAMMARS[language]
    grammar = Language(getattr(import_module(package), function)())
    return Parser(grammar).parse(source.encode("utf-8", "surrogatepass"))


def _line_starts(source: str) -> list[int]:
    """Give the offsets of lines as tree-sitter counts them: only newlines end one."""
    starts = [0]
    while place := source.find("\n", starts[-1]) + 1:
        starts.append(place)
    if starts[-1] != len(source):
        starts.append(len(source))
    return starts


def _statements(parent: Node, depth: int) -> Iterator[Statement]:
    """Give the statements right inside a node, comments and attributes joined to what follows them."""
    waiting: int | None = None  # the line of a comment that what follows takes in
    last_row = -1
    for node in parent.named_children:
        row = node.start_point.row
        if row <= last_row:
            # It begins on a line that another one ends, and so cannot be parted from it.
            last_row = max(last_row, _end_row(node))
            continue
        last_row = _end_row(node)
        if "comment" in node.type or node.type in ("attribute_item", "attribute_list", "decorator"):
            waiting = row if waiting is None else waiting
            continue
        yield _statement(node, row if waiting is None else waiting, depth)
        waiting = None
    if waiting is not None:
        yield Statement(waiting)


def _end_row(node: Node) -> int:
    # Some nodes take in the newline after them.
    return node.end_point.row - (node.end_point.column == 0 and node.end_point.row > node.start_point.row)


def _statement(node: Node, first: int, depth: int) -> Statement:
    definition, body = _definition(node)
    if definition is None or body is None or depth >= DEEPEST:
        return Statement(first)
    inside = tuple(_statements(body, depth + 1))
    if not inside or inside[0].first <= definition.start_point.row:
        return Statement(first, _label(definition, body))
    return Statement(first, _label(definition, body), inside)


def _definition(node: Node) -> tuple[Node | None, Node | None]:
    """Give the definition that a node is, or exports or decorates, and its body."""
    for _ in range(4):
        body = node.child_by_field_name("body")
        if body is not None and _has_name(node):
            inside = body.named_children
            # Go's blocks hold one list of statements.
            return node, inside[0] if len(inside) == 1 and inside[0].type == "statement_list" else body
        inner = node.child_by_field_name("declaration") or node.child_by_field_name("definition")
        if inner is None and node.type in (
            "export_statement",
            "template_declaration",
            "namespace_declaration",
        ):
            inner = next(
                (child for child in reversed(node.named_children) if child.child_by_field_name("body")), None
            )
        if inner is None:
            return None, None
        node = inner
    return None, None


def _has_name(node: Node) -> bool:
    # Rust's impl has a type and C's functions a declarator instead of a name.
    return any(node.child_by_field_name(field) is not None for field in ("name", "type", "declarator"))


def _label(definition: Node, body: Node) -> str:
    text = definition.text or b""
    head = text[: min(body.start_byte - definition.start_byte, 4 * _LONGEST_LABEL)]
    words = label(head.decode("utf-8", "ignore")).rstrip("{:= ").strip()
    return words if len(words) <= _LONGEST_LABEL else words[: _LONGEST_LABEL - 1] + "…"
