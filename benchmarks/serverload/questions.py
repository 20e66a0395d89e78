"""Requests made before the clock runs, and the bits that their answers must have."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesay import EmbeddingModel
from serverload.connection import post
from workloads import batch_lengths, sentences

SENTENCES = 512
LIST = 32
_TEXT_OF_A_DOCUMENT = 40  # words of the sentences that documents are made of


@dataclass(frozen=True, eq=False)
class Question:
    """One request.

    Attributes:
        request: Its bytes.
        texts: The numbers of its texts in the corpus.
        tokens: Tokens of its texts.
    """

    request: bytes
    texts: tuple[int, ...]
    tokens: int


@dataclass(frozen=True)
class Corpus:
    """Texts, and what the bare engine makes of them.

    Attributes:
        texts: The texts.
        tokens: Tokens of each, shape (n,).
        vectors: The right answers, shape (n, width).
    """

    texts: Sequence[str]
    tokens: NDArray[np.int64]
    vectors: NDArray[np.float32]


def corpus_of(model: EmbeddingModel, texts: Sequence[str]) -> Corpus:
    """Embed texts without the server."""
    return Corpus(texts, model.count_tokens(texts), model.encode(texts))


def read_sentences(file: Path | None, model: EmbeddingModel) -> list[str]:
    """Give different sentences: of a file up to the first tab of each line, or made from common words."""
    if file is None:
        texts = [
            text
            for seed in range(6)
            for text in sentences([max(1, n - 3) for n in batch_lengths(5, 60, 22)], seed)
        ]
    else:
        texts = [line.partition("\t")[0].strip() for line in file.read_text("utf-8").splitlines()]
    different = [text for text in dict.fromkeys(texts) if text]
    counts = model.count_tokens(different)
    fitting = [text for text, count in zip(different, counts, strict=True) if count <= model.max_tokens]
    if len(fitting) < 2 * LIST:
        raise SystemExit(f"{file} has {len(fitting)} different sentences; {2 * LIST} are needed")
    return fitting[:SENTENCES]


def make_documents(model: EmbeddingModel, tokens: int, count: int) -> list[str]:
    """Give texts of nearly that many tokens, not more."""
    documents = []
    for seed in range(count):
        words = " ".join(
            sentences([_TEXT_OF_A_DOCUMENT] * (tokens // _TEXT_OF_A_DOCUMENT + 1), 1000 + seed)
        ).split()
        low, high = 1, len(words)
        while low < high:
            middle = (low + high + 1) // 2
            if model.count_tokens(" ".join(words[:middle]))[0] <= tokens:
                low = middle
            else:
                high = middle - 1
        documents.append(" ".join(words[:low]))
    return documents


def singles(name: str, corpus: Corpus, encoding_format: str = "base64") -> list[Question]:
    """Give a request for each text."""
    return [
        _question(name, corpus, (index,), text, encoding_format) for index, text in enumerate(corpus.texts)
    ]


def lists(name: str, corpus: Corpus, size: int, count: int) -> list[Question]:
    """Give requests of so many different texts each."""
    random = np.random.default_rng(21)
    chosen = [tuple(random.permutation(len(corpus.texts))[:size].tolist()) for _ in range(count)]
    return [_question(name, corpus, texts, [corpus.texts[index] for index in texts]) for texts in chosen]


def mixed(single: Sequence[Question], several: Sequence[Question], share_of_lists: float) -> list[Question]:
    """Give a thousand requests in mixed order, that share of them lists."""
    random = np.random.default_rng(22)
    return [
        several[int(random.integers(len(several)))]
        if random.random() < share_of_lists
        else single[int(random.integers(len(single)))]
        for _ in range(1000)
    ]


@dataclass
class Checker:
    """Compares every answer with the bits of the bare engine.

    The first answer to a question is decoded; later ones must have the same bytes or are decoded as well.

    Attributes:
        corpus: What is right.
        right: Answers that were.
        wrong: What was wrong with others.
    """

    corpus: Corpus
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    _known: dict[Question, bytes] = field(default_factory=dict)

    def check(self, question: Question, body: bytes) -> bool:
        """Say whether an answer is right."""
        if self._known.get(question) == body:
            self.right += 1
            return True
        fault = self._fault(question, body)
        if fault is None:
            self._known[question] = body
            self.right += 1
            return True
        self.wrong.append(fault)
        return False

    def _fault(self, question: Question, body: bytes) -> str | None:
        try:
            content = json.loads(body)
            data = content["data"]
            vectors = [np.frombuffer(base64.b64decode(entry["embedding"]), "<f4") for entry in data]
            indices = [entry["index"] for entry in data]
            tokens = content["usage"]["prompt_tokens"]
        except (ValueError, KeyError, TypeError) as error:
            return f"not an answer: {error!r}"
        if indices != list(range(len(question.texts))):
            return f"{len(question.texts)} texts, but indices {indices[:5]}…"
        if tokens != question.tokens:
            return f"usage says {tokens} tokens, not {question.tokens}"
        for index, vector in zip(question.texts, vectors, strict=True):
            if not np.array_equal(vector, self.corpus.vectors[index]):
                return f"the vector of text {index} has other bits"
        return None


def _question(
    name: str,
    corpus: Corpus,
    texts: tuple[int, ...],
    given: str | list[str],
    encoding_format: str = "base64",
) -> Question:
    content = {"model": name, "input": given, "encoding_format": encoding_format}
    body = json.dumps(content, ensure_ascii=False).encode()
    return Question(post("/v1/embeddings", body), texts, int(corpus.tokens[list(texts)].sum()))
