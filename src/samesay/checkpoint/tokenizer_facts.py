"""What a tokenizer says of itself; a model asks before any text is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Any tokenizer that is sound gives it a token.
_SAMPLE = "a"


@dataclass(frozen=True)
class AddedToken:
    """A token that is found in a text before all others.

    Attributes:
        id: Its id.
        content: How a text spells it.
        special: Whether it is none of a text's own.
    """

    id: int
    content: str
    special: bool


@dataclass(frozen=True)
class TokenizerFacts:
    """What a tokenizer says of itself.

    Attributes:
        size: Tokens of the vocabulary, without those that are added.
        added: The added tokens.
        sample: The ids of the text ``a``, with the special tokens around it.
        special: For each of these whether it is a special token.
        bare: The ids of the same text by itself.
    """

    size: int
    added: tuple[AddedToken, ...]
    sample: tuple[int, ...]
    special: tuple[bool, ...]
    bare: tuple[int, ...]

    @property
    def leading(self) -> int:
        """How many special tokens stand before a text; -1 where all of the sample are."""
        return -1 if all(self.special) else self.special.index(False)

    @property
    def trailing(self) -> tuple[int, ...]:
        """The ids of the special tokens behind a text."""
        return self.sample[len(self.sample) - self.special[::-1].index(False) :]

    @property
    def surrounds(self) -> bool:
        """Whether the sample's ids are those by itself, with the special tokens around them."""
        return self.leading >= 0 and self.sample == (
            *self.sample[: self.leading],
            *self.bare,
            *self.trailing,
        )


def facts_of(tokenizer: Tokenizer) -> TokenizerFacts:
    """Ask a tokenizer."""
    added = tokenizer.get_added_tokens_decoder()
    encoding = tokenizer.encode(_SAMPLE)
    return TokenizerFacts(
        # The library counts all tokens by joining two tables of 150,000 words: a tenth of the start.
        size=tokenizer.get_vocab_size(with_added_tokens=False),
        added=tuple(AddedToken(index, token.content, token.special) for index, token in added.items()),
        sample=tuple(encoding.ids),
        special=tuple(bool(mark) for mark in encoding.special_tokens_mask),
        bare=tuple(tokenizer.encode(_SAMPLE, add_special_tokens=False).ids),
    )
