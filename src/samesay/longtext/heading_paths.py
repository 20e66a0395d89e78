"""Heading paths as they stand before a text, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from samesay.longtext.sizes import TokenCounter

Path = tuple[str, ...]

_BETWEEN = " > "


def path_line(path: Sequence[str]) -> str:
    """Give the line of text that a path is in an embedded text."""
    return _BETWEEN.join(path)


def common_path(paths: Iterable[Path]) -> Path:
    """Give the headings that all paths begin with."""
    common: Path | None = None
    for path in paths:
        if common is None:
            common = path
        elif path is not common and path[: len(common)] != common:
            same = 0
            for one, other in zip(common, path, strict=False):
                if one != other:
                    break
                same += 1
            common = common[:same]
        if not common:
            break
    return common or ()


class HeadingPaths:
    """Paths that take at most a quarter of the tokens of a text.

    A longer one loses its outermost headings first; the last one left is cut.

    Args:
        counter: The tokenizer.
        limit: Most tokens of an embedded text.
    """

    def __init__(self, counter: TokenCounter, limit: int) -> None:
        self._counter = counter
        self._most = limit // 4
        self._known: dict[Path, tuple[Path, int]] = {(): ((), 0)}

    def prepare(self, paths: Iterable[Path]) -> None:
        """Count the tokens of all these paths at once."""
        new = [path for path in dict.fromkeys(paths) if path not in self._known]
        for path, tokens in zip(new, self._tokens(new), strict=True):
            self._known[path] = self._shorten(path, tokens)

    def shortened(self, path: Path) -> Path:
        """Give the path as it may stand before a text."""
        return self._look_up(path)[0]

    def tokens(self, path: Path) -> int:
        """Give the tokens of the shortened path."""
        return self._look_up(path)[1]

    def _look_up(self, path: Path) -> tuple[Path, int]:
        if path not in self._known:
            self.prepare([path])
        return self._known[path]

    def _tokens(self, paths: Sequence[Path]) -> list[int]:
        lines = [path_line(path) + "\n" for path in paths]
        # A short one costs little, whatever its tokens are: not worth asking.
        short = [4 * len(line) <= self._most for line in lines]
        counted = iter(
            self._counter.parts([line for line, is_short in zip(lines, short, strict=True) if not is_short])
        )
        return [
            len(line) // 2 + 1 if is_short else next(counted)
            for line, is_short in zip(lines, short, strict=True)
        ]

    def _shorten(self, path: Path, tokens: int) -> tuple[Path, int]:
        while path and tokens > self._most:
            if len(path) > 1:
                path = path[1:]
            else:
                kept = min(len(path[0]) * self._most // (tokens + 1), len(path[0]) - 2)
                path = (path[0][:kept].rstrip() + "…",) if kept > 0 else ()
            tokens = self._tokens([path])[0] if path else 0
        return path, tokens
