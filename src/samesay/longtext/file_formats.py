"""What a file is written in, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SUFFIXES = {
    "markdown": ".md .markdown .mdown .mkd .mkdn .mdx .qmd .rmd",
    "python": ".py .pyi .pyw",
    "bash": ".sh .bash .zsh .ksh .bashrc .zshrc .profile",
    "c": ".c .h",
    "cpp": ".cc .cpp .cxx .c++ .hh .hpp .hxx .ipp .inl .cu .cuh",
    "c_sharp": ".cs",
    "go": ".go",
    "java": ".java",
    "javascript": ".js .jsx .mjs .cjs",
    "php": ".php",
    "ruby": ".rb rakefile gemfile",
    "rust": ".rs",
    "tsx": ".tsx",
    "typescript": ".ts .mts .cts",
    # Languages without a grammar among ours: cut at blank lines.
    "css": ".css .scss .less",
    "dart": ".dart",
    "elixir": ".ex .exs",
    "haskell": ".hs",
    "julia": ".jl",
    "kotlin": ".kt .kts",
    "lua": ".lua",
    "make": ".mk makefile",
    "perl": ".pl .pm",
    "powershell": ".ps1 .psm1",
    "proto": ".proto",
    "r": ".r",
    "scala": ".scala",
    "sql": ".sql",
    "swift": ".swift",
    "toml": ".toml",
    "yaml": ".yaml .yml",
    "zig": ".zig",
    "cmake": ".cmake",
    "docker": ".dockerfile dockerfile",
}

# Suffix or whole name, in small letters, to "markdown", "python" or a language of code.
FORMAT_BY_SUFFIX: Mapping[str, str] = MappingProxyType(
    {name: language for language, names in _SUFFIXES.items() for name in names.split()}
)
