"""What a model wants to read before a query or a document, character for character.

Sources: the model cards of Qwen3-Embedding, E5-Mistral, multilingual-e5 and bge, and the ``prompts`` that
sentence-transformers stores in ``config_sentence_transformers.json``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from samesay.checkpoint.jsonfile import read_json_if_present
from samesay.errors import PromptError

Prompt = Literal["query", "document"]
PairMode = Literal["symmetric", "query-document", "plain"]

TASKS: Mapping[str, str] = MappingProxyType(
    {
        "web-search": "Given a web search query, retrieve relevant passages that answer the query",
        "similarity": "Retrieve semantically similar text",
        "bitext": "Retrieve parallel sentences",
        "customer-service": "Given a customer's message, retrieve messages that express the same intent",
        "legal": "Given a legal question or a type of clause, retrieve the statutes or clauses that apply",
        "code": "Given a description in natural language, retrieve code that does what it describes",
    }
)

_INSTRUCTION = re.compile(r"Instruct: (.+)\nQuery:( ?)", re.DOTALL)


@dataclass(frozen=True)
class Prompts:
    """The prefixes of one model.

    Attributes:
        query: Before a query without a task of its own.
        document: Before a document.
        symmetric: Before both sides of a like-with-like comparison.
        instruction: How a task becomes a prefix, with ``{task}`` in it; None where the model takes no task.
    """

    query: str = ""
    document: str = ""
    symmetric: str = ""
    instruction: str | None = None

    def prefix(self, prompt: Prompt | None, task: str | None = None) -> str:
        """Give what stands before a text.

        Args:
            prompt: ``"query"``, ``"document"``, or None for the text as it stands.
            task: A name in ``TASKS`` or an instruction in free words; queries only.

        Raises:
            PromptError: For another prompt, an unknown task name, or a task that the model does not take.
        """
        if prompt not in (None, "query", "document"):
            raise PromptError(f"prompt must be 'query', 'document' or None, not {prompt!r}")
        if task is not None:
            if prompt != "query":
                raise PromptError("a task goes with prompt='query': it describes what the query is to find")
            return self._instruct(task)
        if prompt is None:
            return ""
        return self.query if prompt == "query" else self.document

    def pair_prefixes(self, mode: PairMode, task: str | None = None) -> tuple[str, str]:
        """Give what stands before the left and the right text of a pair.

        Args:
            mode: ``"symmetric"`` (both as the model wants like compared with like), ``"query-document"``
                (left asks, right answers) or ``"plain"`` (no prefix).
            task: As for ``prefix``; in symmetric mode it stands on both sides.

        Raises:
            PromptError: As for ``prefix``, and for an unknown mode.
        """
        if mode == "symmetric":
            prefix = self.symmetric if task is None else self._instruct(task)
            return prefix, prefix
        if mode == "query-document":
            return self.prefix("query", task), self.prefix("document")
        if mode != "plain":
            raise PromptError(f"mode must be 'symmetric', 'query-document' or 'plain', not {mode!r}")
        if task is not None:
            raise PromptError("a task needs mode 'symmetric' or 'query-document'")
        return "", ""

    def _instruct(self, task: str) -> str:
        if self.instruction is None:
            raise PromptError(
                "this model takes no task; leave it out, or use a model with instructions (Qwen3-Embedding)"
            )
        return self.instruction.replace("{task}", instruction_of(task))


def instruction_of(task: str) -> str:
    """Give the instruction of a named task, or the free words themselves.

    Raises:
        PromptError: For empty words, and for a single ASCII word that names no task (most likely a slip).
    """
    if not isinstance(task, str):
        raise PromptError(f"a task is a name or an instruction in words, not {task!r}")
    if task in TASKS:
        return TASKS[task]
    words = task.strip()
    if not words or (words.isascii() and len(words.split()) == 1):
        raise PromptError(
            f"no task is named {task!r}; named tasks: {', '.join(TASKS)}; or write the instruction out"
        )
    return task


def _instructed(separator: str) -> Prompts:
    template = "Instruct: {task}\nQuery:" + separator
    return Prompts(
        query=template.replace("{task}", TASKS["web-search"]),
        symmetric=template.replace("{task}", TASKS["similarity"]),
        instruction=template,
    )


_E5 = Prompts(query="query: ", document="passage: ", symmetric="query: ")

# Models whose folders do not say, by what their names contain; the first match counts.
_BY_NAME: tuple[tuple[re.Pattern[str], Prompts], ...] = (
    (re.compile(r"e5-mistral", re.IGNORECASE), _instructed(" ")),
    (re.compile(r"qwen3-embedding", re.IGNORECASE), _instructed("")),
    (re.compile(r"\be5-(small|base|large)", re.IGNORECASE), _E5),
    (
        re.compile(r"bge-(small|base|large)-en", re.IGNORECASE),
        Prompts(query="Represent this sentence for searching relevant passages: "),
    ),
    (
        re.compile(r"bge-(small|base|large)-zh", re.IGNORECASE),
        Prompts(query="为这个句子生成表示以用于检索相关文章："),
    ),
)


def read_prompts(folder: Path, names: Sequence[str]) -> Prompts:
    """Read the prompts of a checkpoint; where the folder has none, those known for the model's name.

    Args:
        folder: The checkpoint's folder.
        names: What the model may be called: repository, name in the config, folder name.
    """
    config: Mapping[str, Any] = read_json_if_present(folder / "config_sentence_transformers.json")
    stored = config.get("prompts")
    prompts = {str(k): v for k, v in stored.items() if isinstance(v, str)} if isinstance(stored, dict) else {}
    for value in prompts.values():
        match = _INSTRUCTION.fullmatch(value)
        if match:
            instructed = _instructed(match[2])
            document = prompts.get("document", prompts.get("passage", ""))
            # E5-Mistral names its prompts by task, and words the one for similarity in its own way.
            query = prompts.get("query", prompts.get("web_search_query", instructed.query))
            symmetric = prompts.get("sts_query", instructed.symmetric)
            return Prompts(query, document, symmetric, instructed.instruction)
    if any(prompts.get(key) for key in ("query", "document", "passage")):
        query = prompts.get("query", "")
        symmetric = query if query == _E5.query else ""
        return Prompts(query, prompts.get("document", prompts.get("passage", "")), symmetric)
    found = (known_prompts(name) for name in names)
    return next((known for known in found if known is not None), Prompts())


def known_prompts(name: str) -> Prompts | None:
    """Give the prompts that are known for models with that in their name, or None."""
    return next((known for pattern, known in _BY_NAME if pattern.search(name)), None)
