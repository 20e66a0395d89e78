"""What questions have in common, whatever they ask, and what of it to take off before ranking.

Some passages are near to every question: lists of flags, long addresses, output of programs. In the vectors
of some models these hubs (Radovanović, Nanopoulos and Ivanović, JMLR 2010) stand above the right answer, most
where question and answer are of different languages. How near a passage is to any question is measured with
questions about nothing in particular, and half of it does not count for the order of hits.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Vectors

if TYPE_CHECKING:
    from samesay.text_model import TextModel

QUESTIONS = (
    "How do I reset my password?",
    "What is the capital of a country?",
    "Write a function that sorts a list of numbers",
    "symptoms of a cold in children",
    "Which documents are needed to renew a passport?",
    "opening hours",
    "How much does it cost to repair a bicycle?",
    "configuration options and default values",
    "The court decides within thirty days.",
    "Who wrote this novel, and when?",
    "best way to cook rice",
    "error message when connecting to the server",
    "怎样重置密码？",
    "一个国家的首都是哪里？",
    "编写一个对数字列表排序的函数",
    "儿童感冒的症状",
    "更换护照需要哪些材料？",
    "营业时间",
    "修一辆自行车要多少钱？",
    "配置选项和默认值",
    "法院在三十日内作出决定。",
    "这部小说是谁在什么时候写的？",
    "煮米饭的最好方法",
    "连接服务器时的错误信息",
)
_SHARE = 0.5
# Of what questions differ by, for each factor e that a document has more segments than one.
_SHARE_OF_SPREAD = 1 / 16
_TASKS_KEPT = 16


@dataclass(frozen=True)
class Aim:
    """What a query is ranked by, in place of its vector.

    Args:
        vectors: Of length 1, shape (queries, dimensions).
        lengths: What their products are multiplied by; shape (queries,).
        chances: What is taken off for each factor e of a document's number of segments: one that has more
            chances to come near by accident must come nearer.
    """

    vectors: Vectors
    lengths: NDArray[np.float32]
    chances: float


@dataclass(frozen=True)
class Generic:
    """The vectors of questions about nothing in particular, as a model gives them for one task.

    Args:
        vectors: Shape (questions, dimensions).
        spread: By how much their cosines with each other differ: the scale of the model's scores.
    """

    vectors: Vectors
    spread: float

    def aim(self, queries: Vectors) -> Aim:
        """Take off what each query has in common with the questions that are most like it.

        Those of its own language count most, by themselves: weights fall by e with each ``spread`` of cosine.
        """
        near = (queries @ self.vectors.T) / max(self.spread, 1e-6)
        weights = np.exp(near - near.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        left = queries - np.float32(_SHARE) * (weights @ self.vectors)
        # At least half of a query is left: what is taken off has at most half its length.
        lengths = np.linalg.norm(left, axis=1)
        return Aim(left / lengths[:, None], lengths, self.spread * _SHARE_OF_SPREAD)


def plain_aim(queries: Vectors) -> Aim:
    """Rank by the cosine with the query, and nothing else."""
    return Aim(queries, np.ones(len(queries), np.float32), 0.0)


class GenericQuestions:
    """The vectors of ``QUESTIONS`` by model, width and task: computed once.

    Those for a model's own task are kept in samesay's cache for other processes; tasks in free words are too
    many.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, Generic] = OrderedDict()
        self._lock = Lock()

    def of(self, model: TextModel, task: str | None, dimensions: int) -> Generic:
        """Give the vectors for a task.

        Args:
            model: What embeds queries.
            task: The task of the queries.
            dimensions: Their width.
        """
        name = _name(model, task, dimensions)
        with self._lock:
            if name not in self._known:
                made = (
                    _remembered(name, model, dimensions) if task is None else _embed(model, task, dimensions)
                )
                self._known[name] = _generic(made)
            self._known.move_to_end(name)
            while len(self._known) > _TASKS_KEPT:
                self._known.popitem(last=False)
            return self._known[name]


def _generic(vectors: Vectors) -> Generic:
    pairs = np.triu_indices(len(vectors), 1)
    return Generic(vectors, float((vectors @ vectors.T)[pairs].std()))


def _name(model: TextModel, task: str | None, dimensions: int) -> str:
    from samesay.checkpoint.fingerprint import digest

    return digest(
        {
            "identity": model.identity_at(dimensions).fingerprint,
            "prefix": model.prompts.prefix("query", task),
            "questions": list(QUESTIONS),
        }
    )


def _embed(model: TextModel, task: str | None, dimensions: int) -> Vectors:
    return model.encode(QUESTIONS, prompt="query", task=task, dimensions=dimensions, overlength="truncate")


def _remembered(name: str, model: TextModel, dimensions: int) -> Vectors:
    from samesay.checkpoint.cache import cache_folder

    path = cache_folder() / "questions" / f"{name}.npy"
    try:
        vectors = np.load(path, allow_pickle=False)
        if vectors.shape == (len(QUESTIONS), dimensions) and vectors.dtype == np.float32:
            return np.asarray(vectors)
    except (OSError, ValueError, EOFError):
        pass  # not there, or damaged: made anew
    vectors = _embed(model, None, dimensions)
    _keep(path, vectors)
    return vectors


def _keep(path: Path, vectors: Vectors) -> None:
    beside = path.with_name(f"{path.stem}-{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            np.save(file, vectors)
        beside.replace(path)
    except OSError:
        # A folder that cannot be written costs time, nothing else.
        with suppress(OSError):
            beside.unlink()
