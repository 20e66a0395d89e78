from __future__ import annotations

import numpy as np

from samesay.tokens import TokenizedTexts


def test_a_batch_of_more_tokens_than_64_bits_count_is_all_texts() -> None:
    offsets = np.array([0, 2, 5], np.int64)
    tokens = TokenizedTexts(np.arange(5, dtype=np.int32), offsets, np.zeros(2, np.int64))
    assert list(tokens.batches(10**20)) == [(0, 2)]
    assert list(tokens.batches(4)) == [(0, 1), (1, 2)]
