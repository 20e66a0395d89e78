"""The vector of a text has the same bits alone, in any batch, in any order, on any number of threads, and
whether what it shares with others was computed for it or kept."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import samesay
from samesay import _native
from samesay.checkpoint.folder import read_checkpoint
from samesay.engine.base import PRECISIONS, Precision
from samesay.engine.cpu import CpuEngine
from samesay.errors import OverlengthError, TruncationWarning

# Last-token pooling with shared heads, with odd sizes and with a sliding window of 100; cls; mean.
MODELS = ("qwen3-gqa2", "qwen3-gqa1-odd", "mistral-gqa4", "xlm-roberta-cls", "bert-mean")
# Batches of each; the portable path is slow.
INSTRUCTION_SETS = {"portable": 20, "avx2": 40, "avxvnni": 40, "avx512": 50, "avx512bf16": 50, "amx": 50}
THREADS = (1, 2, 4)
# Lengths at which blocks, chunks, tiles and the sliding window begin and end.
EDGES = (1, 2, 3, 5, 6, 7, 15, 16, 17, 63, 64, 65, 95, 96, 97, 99, 100, 101, 127, 128, 129, 192, 193, 300)

pytestmark = pytest.mark.usefixtures("isolated_cache")


@dataclass(frozen=True)
class Reference:
    """Sequences with the vector that each has alone on one thread."""

    sequences: list[list[int]]
    vectors: NDArray[np.float32]


def random_sequences(model: samesay.EmbeddingModel, rng: np.random.Generator) -> list[list[int]]:
    vocabulary = model.checkpoint.architecture.vocabulary_size
    lengths = [*EDGES, *rng.integers(1, 301, 24)]
    return [[int(token) for token in rng.integers(0, vocabulary, length)] for length in lengths]


def reference(model: samesay.EmbeddingModel, rng: np.random.Generator) -> Reference:
    sequences = random_sequences(model, rng)
    alone = [model.encode_tokens([sequence]) for sequence in sequences]
    return Reference(sequences, np.concatenate(alone))


def assert_same_bits(
    got: NDArray[np.float32], want: NDArray[np.float32], lengths: list[int], setting: str
) -> None:
    wrong = [
        f"row {row}, {lengths[row]} tokens: differs by {np.abs(got[row] - want[row]).max():.1e}"
        for row in range(len(got))
        if got[row].tobytes() != want[row].tobytes()
    ]
    assert not wrong, f"{setting}, lengths {lengths}: {'; '.join(wrong)}"


def require_instruction_set(name: str) -> None:
    try:
        _native.choose_isa(name)
    except ValueError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("name", MODELS)
def test_neighbours_order_and_threads_leave_every_bit_alone(
    name: str,
    instruction_set: str,
    precision: Precision,
    fixtures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_instruction_set(instruction_set)
    monkeypatch.setenv("SAMESAY_ISA", instruction_set)
    models = {
        threads: samesay.load(fixtures / name, precision=precision, threads=threads) for threads in THREADS
    }
    rng = np.random.default_rng([len(name), len(instruction_set), len(precision)])
    known = reference(models[1], rng)
    for _ in range(INSTRUCTION_SETS[instruction_set]):
        threads = int(rng.choice(THREADS))
        rows = rng.integers(0, len(known.sequences), rng.integers(1, 9))
        batch = [known.sequences[row] for row in rows]
        got = models[threads].encode_tokens(batch)
        setting = f"{name}, {precision}, {instruction_set}, {threads} threads"
        assert_same_bits(got, known.vectors[rows], [len(ids) for ids in batch], setting)


@pytest.mark.parametrize("name", ["qwen3-gqa2", "bert-mean"])
def test_a_list_longer_than_one_pass_gives_the_bits_of_single_texts(name: str, fixtures: Path) -> None:
    model = samesay.load(fixtures / name, threads=2)
    rng = np.random.default_rng(5)
    known = reference(model, rng)
    rows = rng.integers(0, len(known.sequences), 120)
    batch = [known.sequences[row] for row in rows]
    lengths = [len(ids) for ids in batch]
    assert sum(lengths) > 2 * 4096, "meant to need several passes"
    assert_same_bits(model.encode_tokens(batch), known.vectors[rows], lengths, name)


@pytest.mark.parametrize("name", ["qwen3-gqa2", "mistral-gqa4"])
def test_long_texts_keep_their_bits_beside_short_ones(name: str, fixtures: Path) -> None:
    model = samesay.load(fixtures / name, threads=1)
    wide = samesay.load(fixtures / name, threads=4)
    rng = np.random.default_rng(6)
    sequences = [[int(token) for token in rng.integers(0, 400, length)] for length in (1, 2048, 3, 1025, 700)]
    alone = np.concatenate([model.encode_tokens([sequence]) for sequence in sequences])
    lengths = [len(sequence) for sequence in sequences]
    assert_same_bits(model.encode_tokens(sequences), alone, lengths, name)
    assert_same_bits(wide.encode_tokens(sequences[::-1]), alone[::-1], lengths[::-1], name)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("length", [1, 64, 97])
def test_texts_of_equal_length_keep_their_bits(length: int, precision: Precision, fixtures: Path) -> None:
    model = samesay.load(fixtures / "qwen3-gqa2", precision=precision, threads=2)
    rng = np.random.default_rng(length)
    sequences = [[int(token) for token in rng.integers(0, 400, length)] for _ in range(9)]
    alone = np.concatenate([model.encode_tokens([sequence]) for sequence in sequences])
    assert_same_bits(model.encode_tokens(sequences), alone, [length] * 9, precision)


def test_a_cut_vector_has_the_same_bits_in_any_batch(fixtures: Path) -> None:
    model = samesay.load(fixtures / "qwen3-gqa2", threads=2)
    rng = np.random.default_rng(8)
    sequences = random_sequences(model, rng)
    alone = np.concatenate([model.encode_tokens([ids], dimensions=37) for ids in sequences])
    together = model.encode_tokens(sequences, dimensions=37)
    assert_same_bits(together, alone, [len(ids) for ids in sequences], "37 dimensions")


def test_the_similarity_of_a_pair_has_the_same_bits_in_any_list(fixtures: Path) -> None:
    model = samesay.load(fixtures / "qwen3-gqa2")
    left = [f"the river number {number} is high" for number in range(40)]
    right = [f"桥 {number} closed until the water falls" for number in range(40)]
    together = model.similarity(left, right)
    alone = [model.similarity(a, b)[0] for a, b in zip(left, right, strict=True)]
    assert together.tobytes() == np.array(alone, np.float32).tobytes()


def lay_out(sequences: list[list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    offsets = np.cumsum([0, *(len(ids) for ids in sequences)], dtype=np.int64)
    return np.array([token for ids in sequences for token in ids], np.int32), offsets


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("name", ["qwen3-gqa2", "qwen3-gqa1-odd", "mistral-gqa4"])
def test_a_prefix_computed_once_and_kept_changes_no_bit(
    name: str,
    instruction_set: str,
    precision: Precision,
    fixtures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_instruction_set(instruction_set)
    monkeypatch.setenv("SAMESAY_ISA", instruction_set)
    checkpoint = read_checkpoint(fixtures / name)
    without = CpuEngine(checkpoint, precision=precision, threads=1, prefix_cache_bytes=0)
    # Room for a few prefixes: some are found again, some were dropped.
    engine = CpuEngine(checkpoint, precision=precision, threads=2, prefix_cache_bytes=300_000)
    width = checkpoint.architecture.hidden_size
    rng = np.random.default_rng([7, len(name), len(instruction_set), len(precision)])

    def random_ids(length: int) -> list[int]:
        return [int(token) for token in rng.integers(0, 400, length)]

    prefixes = [random_ids(length) for length in (1, 5, 24, 63, 64, 65, 96, 130)]
    suffixes = [random_ids(length) for length in (1, 2, 6, 16, 31, 40, 63, 64, 65, 97, 150)]
    for _ in range(INSTRUCTION_SETS[instruction_set] // 2):
        prefix = prefixes[rng.integers(len(prefixes))]
        # With the prefix, without it, with another, the prefix itself, and its beginning.
        beginnings: tuple[list[int], ...] = ([*prefix], [*prefix], [], prefixes[rng.integers(len(prefixes))])
        whole = (prefix, prefix[: max(1, len(prefix) - 1)])
        batch = [
            [*beginnings[rng.integers(len(beginnings))], *suffixes[rng.integers(len(suffixes))]]
            for _ in range(rng.integers(1, 6))
        ] + [ids for ids in whole if rng.random() < 0.3]
        want = np.concatenate([without.embed(*lay_out([ids]), width) for ids in batch])
        got = engine.embed(*lay_out(batch), width, np.array(prefix, np.int32))
        setting = f"{name}, {precision}, {instruction_set}, a prefix of {len(prefix)}"
        assert_same_bits(got, want, [len(ids) for ids in batch], setting)
    assert engine.prefix_hits > 0
    assert without.prefix_hits == 0


@pytest.mark.parametrize("name", ["bert-mean", "xlm-roberta-cls"])
def test_an_encoder_sees_the_whole_text_and_keeps_no_prefix(name: str, fixtures: Path) -> None:
    model = samesay.load(fixtures / name)
    ids = [5, 6, 7, 8, 9]
    plain = model.engine.embed(*lay_out([ids, ids[:4]]), model.dimensions)
    told = model.engine.embed(*lay_out([ids, ids[:4]]), model.dimensions, np.array([5, 6], np.int32))
    assert told.tobytes() == plain.tobytes()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_queries_behind_an_instruction_have_the_bits_of_the_joined_string(
    precision: Precision, fixtures: Path
) -> None:
    model = samesay.load(fixtures / "qwen3-gqa2", precision=precision)
    texts = ["", " ", "a", "\n", "where is the bridge?", "桥", "🙂", "word " * 150, "Query:", "\u0301"]
    for task in ("web-search", "bitext", "words of my own", "找出意思相同的句子", "web-search"):
        prefix = model.prompts.prefix("query", task)
        got = model.encode(texts, prompt="query", task=task)
        joined = model.encode([prefix + text for text in texts])
        assert_same_bits(got, joined, model.count_tokens(texts).tolist(), task)
        alone = np.stack([model.encode(text, prompt="query", task=task) for text in texts])
        assert_same_bits(alone, joined, model.count_tokens(texts).tolist(), task)


def test_an_instruction_longer_than_the_model_reads_is_cut_like_any_text(fixtures: Path) -> None:
    model = samesay.load(fixtures / "qwen3-gqa2")
    counts = set()
    for words in (289, 290, 291, 292, 400):
        task = "find this word " * words
        prefix = model.prompts.prefix("query", task)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncationWarning)
            got = model.encode(["a", "b c"], prompt="query", task=task, overlength="truncate")
            want = model.encode([prefix + "a", prefix + "b c"], overlength="truncate")
        assert got.tobytes() == want.tobytes(), words
        counts.add(int(model.count_tokens([prefix])[0]) > model.max_tokens)
    assert counts == {True, False}, "meant to reach from below the limit to beyond it"
    with pytest.raises(OverlengthError, match="2048"):
        model.encode("a", prompt="query", task=task)
