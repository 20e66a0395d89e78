"""Products in tile registers: the same bits for a text in every tile, and the numbers that vectors give."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from decoders import VOCABULARY, write_decoder
from numpy.typing import NDArray

import samesay
from samesay import _native
from samesay.engine.base import Precision

# Tiles hold 16 rows, two of them 32; the query heads of a key share its tiles; keys come 32, 64 and 512
# together.
SHORT_LENGTHS = (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 49, 63, 64, 65, 97, 127, 128, 129, 191, 200, 260)
LENGTHS = (*SHORT_LENGTHS, 512, 513, 1030)

pytestmark = pytest.mark.usefixtures("isolated_cache")


@pytest.fixture(params=[0, 300], ids=["all before", "window"])
def decoder(
    request: pytest.FixtureRequest, fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    try:
        _native.choose_isa("amx")
    except ValueError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("SAMESAY_ISA", "amx")
    folder = write_decoder(fixtures, tmp_path / "decoder", "")
    if request.param:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        config |= {"model_type": "mistral", "architectures": ["MistralModel"]}
        config["sliding_window"] = request.param
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


def sequences_of(lengths: tuple[int, ...]) -> list[list[int]]:
    rng = np.random.default_rng(9)
    return [[int(token) for token in rng.integers(0, VOCABULARY, length)] for length in lengths]


def lines(vectors: NDArray[np.float32]) -> list[bytes]:
    return [vector.tobytes() for vector in vectors]


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_a_row_has_the_same_bits_in_every_tile(precision: Precision, decoder: Path) -> None:
    sequences = sequences_of(LENGTHS)
    single = samesay.load(decoder, precision=precision, threads=1)
    alone = lines(np.concatenate([single.encode_tokens([ids]) for ids in sequences]))
    rng = np.random.default_rng(10)
    for threads in (1, 2, 3, 4):
        model = samesay.load(decoder, precision=precision, threads=threads)
        for count in (2, 5, 11, len(sequences)):
            chosen = rng.permutation(len(sequences))[:count]
            together = lines(model.encode_tokens([sequences[i] for i in chosen]))
            wrong = [LENGTHS[i] for i, got in zip(chosen, together, strict=True) if got != alone[i]]
            assert not wrong, f"{threads} threads, lengths {[LENGTHS[i] for i in chosen]}: differ at {wrong}"


@pytest.mark.parametrize(("precision", "least"), [("int8", 0.998), ("bf16", 0.99995)])
def test_tiles_give_what_vectors_give(
    precision: Precision, least: float, decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = sequences_of(LENGTHS)
    tiled = samesay.load(decoder, precision=precision).encode_tokens(sequences)
    monkeypatch.setenv("SAMESAY_ISA", "avx512bf16")
    vectors = samesay.load(decoder, precision=precision).encode_tokens(sequences)
    assert (tiled * vectors).sum(axis=1).min() >= least
