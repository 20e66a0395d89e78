"""What every engine is given to do, made from seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models import Model

Tokens = list[list[int]]
Texts = list[str]

BATCH = 128
INSTRUCTION_TOKENS, QUERY_TOKENS = 24, 12
LONG = (2048, 8192, 32768)
FIDELITY, FIDELITY_TEXTS = "fidelity", 12

_WORDS = """
    the a one this their our every some many people children doctors teachers drivers writers neighbours
    city river station market garden window table letter question answer morning winter water weather
    music science language history report contract price insurance ticket engine computer network
    is was has had will may says asks writes opens closes moves carries builds finds keeps changes
    old new small large early late quiet warm empty common different important local
    in on under behind after before between without during because while although when where
    quickly slowly often never again today yesterday together outside and or but not
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Workload:
    """One line of the comparison.

    Attributes:
        name: How tables call it.
        describes: What it is, in words.
        texts: Whether engines are given texts, and tokenize them, or token ids.
        items: Sequences that are embedded at a time.
        repeats: Timed repetitions in one turn of an engine.
        unit: ``"ms"`` for the time of all of it, ``"/s"`` for sequences a second.
        tokens: Mean tokens of a sequence, where they are fixed.
        make: The token ids or texts of a round; every round has its own, of the same lengths.
        shared: Leading tokens that are the same in every sequence of every round.
        asked: Whether it is left out unless it is named: it takes minutes.
    """

    name: str
    describes: str
    texts: bool
    items: int
    repeats: int
    unit: str
    tokens: float | None
    make: Callable[[int], Tokens | Texts]
    shared: int = 0
    asked: bool = False


def workloads_of(model: Model) -> list[Workload]:
    """Give the workloads of a model."""
    return _decoder_workloads(model) if model.kind == "decoder" else _encoder_workloads(model)


def fidelity_workload(model: Model) -> Workload:
    """Give what is embedded to compare an engine's vectors with the reference's."""
    lengths = [int(length) for length in np.linspace(6, 60, FIDELITY_TEXTS)]
    if model.kind == "decoder":
        told = f"{FIDELITY_TEXTS} sequences of 6 to 60 random tokens"
        return Workload(
            FIDELITY, told, False, FIDELITY_TEXTS, 1, "", None, lambda _: random_sequences(model, lengths, 7)
        )
    told = f"{FIDELITY_TEXTS} texts of 3 to 57 words"
    words = [length - 3 for length in lengths]
    return Workload(FIDELITY, told, True, FIDELITY_TEXTS, 1, "", None, lambda _: sentences(words, 7))


def batch_lengths(fewest: int, most: int, mean: int) -> list[int]:
    """Give the token counts of ``BATCH`` sentences, skewed to the short as sentences are, in mixed order."""
    span = most - fewest
    # The mean of u ** p for even u is 1 / (p + 1).
    power = span / (mean - fewest) - 1
    lengths = np.rint(fewest + span * np.linspace(0, 1, BATCH) ** power).astype(int)
    shuffled: list[int] = np.random.default_rng(2).permutation(lengths).tolist()
    return shuffled


def random_sequences(model: Model, lengths: Sequence[int], seed: int) -> Tokens:
    """Give sequences of random ordinary tokens between the model's own first and last ones."""
    random = np.random.default_rng([seed, 3])
    special = len(model.first) + len(model.last)
    return [
        [*model.first, *random.integers(*model.ordinary, length - special).tolist(), *model.last]
        for length in lengths
    ]


def sentences(word_counts: Sequence[int], seed: int) -> Texts:
    """Give strings of common English words; they mean nothing and take the time that sentences take."""
    random = np.random.default_rng([seed, 5])
    return [" ".join(random.choice(_WORDS, count)).capitalize() + "." for count in word_counts]


def _decoder_workloads(model: Model) -> list[Workload]:
    lengths = batch_lengths(5, 60, 22)
    mean = float(np.mean(lengths))

    def single(name: str, tokens: int, repeats: int, asked: bool = False) -> Workload:
        def make(turn: int) -> Tokens:
            return random_sequences(model, [tokens], seed=turn * 1000 + tokens)

        told = f"one {'text' if asked else 'sentence'} of {tokens} tokens"
        return Workload(name, told, False, 1, repeats, "ms", tokens, make, asked=asked)

    def query(turn: int) -> Tokens:
        # The instruction is always the same, as it is in use; the query never.
        instruction = np.random.default_rng(11).integers(*model.ordinary, INSTRUCTION_TOKENS).tolist()
        return [instruction + random_sequences(model, [QUERY_TOKENS], seed=turn * 1000 + 36)[0]]

    def batch(turn: int) -> Tokens:
        return random_sequences(model, lengths, seed=turn * 1000 + 22)

    told = f"{INSTRUCTION_TOKENS} tokens of instruction, {QUERY_TOKENS} of query"
    many = f"{BATCH} sentences of {min(lengths)} to {max(lengths)} tokens, mean {mean:.2f}"
    return [
        single("W1", 20, 9),
        single("W2", 64, 5),
        single("W3", 512, 1),
        Workload("W6", told, False, 1, 9, "ms", INSTRUCTION_TOKENS + QUERY_TOKENS, query, INSTRUCTION_TOKENS),
        Workload("W5", many, False, BATCH, 1, "/s", mean, batch),
        *(single(f"L{tokens}", tokens, 1, asked=True) for tokens in LONG),
    ]


def _encoder_workloads(model: Model) -> list[Workload]:
    lengths = batch_lengths(5, 60, 22)
    mean = float(np.mean(lengths))

    def token_batch(turn: int) -> Tokens:
        return random_sequences(model, lengths, seed=turn * 1000 + 22)

    def one(turn: int) -> Tokens:
        return random_sequences(model, [16], seed=turn * 1000 + 16)

    def one_text(turn: int) -> Texts:
        return sentences([13], seed=turn * 1000)

    def text_batch(turn: int) -> Texts:
        return sentences([max(1, length - 3) for length in lengths], seed=turn * 1000 + 1)

    many = f"{BATCH} sentences of {min(lengths)} to {max(lengths)} tokens, mean {mean:.2f}"
    spoken = f"{BATCH} texts of {min(lengths) - 3} to {max(lengths) - 3} words, tokenizing included"
    return [
        Workload("E1", "one sentence of 16 tokens", False, 1, 9, "ms", 16, one),
        Workload("E128", many, False, BATCH, 3, "/s", mean, token_batch),
        Workload("T1", "one text of 13 words, tokenizing included", True, 1, 9, "ms", None, one_text),
        Workload("T128", spoken, True, BATCH, 3, "/s", None, text_batch),
    ]
