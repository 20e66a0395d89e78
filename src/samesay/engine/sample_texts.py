"""Texts that pass through a network once, before it is held in 8 bits, to see which channels are large.

They are part of what decides the packed weights: whoever changes them raises ``packed.LAYOUT``.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.folder import Checkpoint

_TEXTS = (
    "The parcel arrived two days late and one of the cups was broken.",
    "How do I change the delivery address of an order that has not been shipped yet?",
    "A lock that several processes share must be released even when its holder crashes.",
    "def mean(values):\n    return sum(values) / len(values)",
    "In 1969 about 650 million people watched the landing; the transcript runs to 1,132 pages.",
    "明天上午十点的会议改到了下午三点，地点不变。",
    "如何在不停机的情况下把数据库迁移到新的服务器？",
    "合同自双方签字盖章之日起生效，有效期为三年。",
    "今天气温 23℃，东南风三级，适合去公园散步。",
    "Wie lange ist die Rückgabe nach dem Kauf möglich?",
)
_DRAWN = 24
_QUERIES = ("reset a forgotten password", "分布式锁 超时 怎么处理")


def sample_tokens(checkpoint: Checkpoint) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Give the ids of the texts laid end to end, shape (total,), and their offsets, shape (n + 1,).

    Two sequences of ids drawn at random come first: a tokenizer that knows few of the words would otherwise
    show the network little more than its unknown token. Texts that the model cannot read whole are left out.
    """
    texts = [*_TEXTS, *(checkpoint.prompts.query + query for query in _QUERIES)]
    limit, rows = checkpoint.tokenizer.max_tokens, checkpoint.architecture.vocabulary_size
    draw = np.random.default_rng(0)
    sequences = [draw.integers(0, rows, min(limit, _DRAWN)).tolist() for _ in range(2)]
    sequences += [
        ids for ids in checkpoint.tokenizer.encode(texts) if 0 < len(ids) <= limit and max(ids) < rows
    ]
    offsets = np.array([0, *accumulate(map(len, sequences))], np.int64)
    return np.array([i for ids in sequences for i in ids], np.int32), offsets
