"""How many tokens texts have, asked of the tokenizer in batches and no more than needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

CountTokens = Callable[[Sequence[str]], Sequence[int]]

_BATCH_TEXTS = 1024
_BATCH_CHARACTERS = 1 << 20
_SAMPLES = 24
_SAMPLE_CHARACTERS = 1000
# Where an estimate is this far from a bound, or farther, it is believed.
_DOUBT_BELOW, _DOUBT_ABOVE = 1 / 3, 5


class TokenCounter:
    """Counts or estimates tokens.

    An estimate is the number of UTF-8 bytes times the tokens per byte of samples of the same kind of text:
    bytes are about as many for a token of Chinese as for one of English.

    Args:
        count_tokens: The tokenizer: tokens of each text, special tokens and prompt included.
    """

    def __init__(self, count_tokens: CountTokens) -> None:
        self._count_tokens = count_tokens
        # Special tokens and prompt, which a text has once, however many parts it is made of.
        self.overhead = max(int(count_tokens(["a"])[0]) - 1, 0)
        self._per_byte: dict[str, float] = {}

    def whole(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of whole texts."""
        counts: list[int] = []
        for begin, end in _batches(texts):
            counts.extend(int(count) for count in self._count_tokens(texts[begin:end]))
        return counts

    def parts(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of parts of texts: without what a text has once."""
        return [max(count - self.overhead, 0) for count in self.whole(texts)]

    def near(self, texts: Sequence[str], kinds: Sequence[str], bounds: Sequence[int]) -> list[int]:
        """Give the tokens of parts: counted where they may be near their bound, estimated elsewhere."""
        known = self._learn(texts, kinds)
        tokens = [
            known.get(index, int(_size(text) * self._per_byte[kind]) + bool(text))
            for index, (text, kind) in enumerate(zip(texts, kinds, strict=True))
        ]
        doubtful = [
            index
            for index, (estimate, bound) in enumerate(zip(tokens, bounds, strict=True))
            if bound * _DOUBT_BELOW <= estimate <= bound * _DOUBT_ABOVE and index not in known
        ]
        for index, count in zip(doubtful, self.parts([texts[index] for index in doubtful]), strict=True):
            tokens[index] = count
        return tokens

    def _learn(self, texts: Sequence[str], kinds: Sequence[str]) -> dict[int, int]:
        """Learn the tokens per byte of new kinds; give the counts of the samples that were whole texts."""
        known: dict[int, int] = {}
        for kind in sorted({kind for kind in kinds if kind not in self._per_byte}):
            same = [index for index, other in enumerate(kinds) if other == kind and texts[index]]
            chosen = same[:: max(len(same) // _SAMPLES, 1)]
            samples = [texts[index][:_SAMPLE_CHARACTERS] for index in chosen]
            counts = self.parts(samples)
            for index, sample, count in zip(chosen, samples, counts, strict=True):
                if len(sample) == len(texts[index]):
                    known[index] = count
            size = sum(map(_size, samples))
            self._per_byte[kind] = sum(counts) / size if size else 1.0
        return known


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _batches(texts: Sequence[str]) -> Iterable[tuple[int, int]]:
    begin = characters = 0
    for end, text in enumerate(texts):
        if end > begin and (characters + len(text) > _BATCH_CHARACTERS or end - begin == _BATCH_TEXTS):
            yield begin, end
            begin, characters = end, 0
        characters += len(text)
    if begin < len(texts):
        yield begin, len(texts)
