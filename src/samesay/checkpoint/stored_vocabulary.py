"""A vocabulary as a table that is mapped: what of it a text can use is found without reading the rest.

The library reads a vocabulary of 250,000 tokens in most of a second, which is more than all else that a start
does. Few tokens can be of use to a few sentences: those that are spelled somewhere in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.cache import cache_folder
from samesay.checkpoint.fingerprint import content_hash, digest, file_stamp, is_settled
from samesay.checkpoint.section_file import Sections, read_sections, write_sections
from samesay.checkpoint.tokenizer_facts import AddedToken, TokenizerFacts
from samesay.checkpoint.tokenizer_parts import TEMPLATES

# Raise it whenever the layout of the table changes.
LAYOUT = 1
# The library reads a smaller file in a few milliseconds.
SMALLEST_FILE = 1 << 20

Missing = Literal["not stored", "not possible"]

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no character is lost to the modulus 2^64
# ByteLevel changes which characters a token stands for, and no id.
_AROUND = (*TEMPLATES, "ByteLevel")
_EMPTY = (None, "")
_BYTE = "<0x[0-9A-F]{2}>"


@dataclass(frozen=True)
class Fragments:
    """Pieces of JSON, end to end.

    Attributes:
        begins: Where each begins, and where the last one ends; shape (n + 1,).
        content: UTF-8.
    """

    begins: NDArray[np.int64]
    content: NDArray[np.uint8]

    def at(self, rows: Iterable[int]) -> list[str]:
        """Give some of them."""
        begins, content = self.begins, self.content
        return [content[begins[row] : begins[row + 1]].tobytes().decode() for row in rows]


@dataclass(frozen=True)
class StoredVocabulary:
    """The table. Its rows are the tokens of the vocabulary, in the order of their hashes.

    Attributes:
        frame: The tokenizer's JSON without its model, left open at the end.
        model: The model's JSON without vocabulary and merges, left open at the end.
        kind: Unigram, BPE or WordLevel.
        content: SHA-256 of the file that it was made of.
        facts: What the tokenizer says of itself.
        always: Rows that a tokenizer needs whatever the text.
        unknown: The row of the token for what is unknown; -1 for none.
        longest: Characters of the longest token.
        hashes: Of each token, rising; shape (n,).
        ids: Of each token; shape (n,).
        tokens: What the vocabulary holds of each token.
        merges_begin: For each token where its merges begin, and where the last one's end; shape (n + 1,).
        merges: Rank, row of the left and row of the right part; shape (m, 3).
        merge_texts: What the list of merges holds of each.
    """

    frame: str
    model: str
    kind: str
    content: str
    facts: TokenizerFacts
    always: tuple[int, ...]
    unknown: int
    longest: int
    hashes: NDArray[np.uint64]
    ids: NDArray[np.int64]
    tokens: Fragments
    merges_begin: NDArray[np.int64]
    merges: NDArray[np.int64]
    merge_texts: Fragments

    def spelled_in(self, pieces: Sequence[str]) -> NDArray[np.int64]:
        """Give the rows of all tokens that are spelled somewhere in these pieces, rising; shape (k,).

        A token whose hash is that of something in them may be among the rows too.
        """
        codes = np.frombuffer("\0".join(pieces).encode("utf-32-le"), np.uint32).astype(np.uint64)
        found = [np.array(self.always, np.int64)]
        sums = np.zeros(len(codes), np.uint64)
        for length in range(1, min(self.longest, max(map(len, pieces), default=0)) + 1):
            # The sum of each stretch of that length, from that of the stretch one shorter.
            sums = sums[: len(codes) - length + 1] * _BASE + codes[length - 1 :] + np.uint64(1)
            places = np.minimum(np.searchsorted(self.hashes, sums), len(self.hashes) - 1)
            found.append(places[self.hashes[places] == sums])
        return np.unique(np.concatenate(found))


def read_vocabulary(file: Path) -> StoredVocabulary | Missing:
    """Give the table of a ``tokenizer.json``, or say why there is none."""
    sections = read_sections(_path(file), _key(file), 1)
    if sections is None:
        return "not stored"
    said = json.loads(sections["said"].tobytes())
    return _restored(said, sections) if said else "not possible"


def store_vocabulary(file: Path, facts: TokenizerFacts) -> None:
    """Make the table of a ``tokenizer.json`` that the library has read, for later starts.

    Where the cache cannot be written, or the file changes meanwhile, nothing is stored.
    """
    try:
        stamp, key = file_stamp(file), _key(file)
        if not is_settled(stamp):
            return
        # Numbers stay as the file spells them, so that the library reads the same ones again.
        content = json.loads(file.read_text("utf-8"), parse_float=_Spelled)
        sections = _made(content, content_hash(file), facts)
        if file_stamp(file) == stamp:
            write_sections(_path(file), key, sections, 1)
    except (OSError, ValueError, LookupError):
        return  # whatever stands against it, later starts take longer and nothing else


class _Spelled(str):
    """A number, as a file spells it."""

    __slots__ = ()


def _path(file: Path) -> Path:
    return cache_folder() / "vocabularies" / f"{digest(str(file.resolve()))[:24]}.safetensors"


def _key(file: Path) -> str:
    return digest([LAYOUT, file_stamp(file)])


def _made(
    content: dict[str, Any], content_digest: str, facts: TokenizerFacts
) -> list[tuple[str, NDArray[np.uint8]]]:
    model = content.pop("model")
    nothing = [("said", _bytes(json.dumps(None)))]
    if not facts.surrounds or not _is_template(content.get("post_processor")) or not _by_rule(model):
        return nothing
    vocabulary = model.pop("vocab")
    is_list = isinstance(vocabulary, list)
    names = [entry[0] for entry in vocabulary] if is_list else list(vocabulary)
    ids = np.array(range(len(names)) if is_list else list(vocabulary.values()), np.int64)
    hashes = _hashes_of(names)
    order = np.argsort(hashes, kind="stable")
    if len(names) == 0 or (hashes[order][1:] == hashes[order][:-1]).any():
        return nothing
    row_of = dict(zip((names[place] for place in order), range(len(names)), strict=True))
    if is_list:
        entries = [f"[{json.dumps(name)},{_number(score)}]" for name, score in vocabulary]
        # What is unknown is scored by the least likely token.
        least = min(range(len(names)), key=lambda place: float(vocabulary[place][1]))
        unknown = row_of[names[model.pop("unk_id")]]
        always = [unknown, row_of[names[least]]]
    else:
        entries = [f"{json.dumps(name)}:{token_id}" for name, token_id in vocabulary.items()]
        unknown = row_of.get(model.get("unk_token"), -1)
        always = [] if unknown < 0 else [unknown]
    begins, table, texts = _merges_of(model.pop("merges", []), row_of)
    if model.get("byte_fallback"):
        # What is spelled by no token is read byte by byte.
        of_bytes = [row for name, row in row_of.items() if re.fullmatch(_BYTE, name)]
        if np.isin(table[:, 1:], of_bytes).any():
            return nothing
        always += of_bytes
    said = {
        "frame": json.dumps(_plain(content))[:-1],
        "model": json.dumps(_plain(model))[:-1],
        "kind": model["type"],
        "content": content_digest,
        "facts": asdict(facts),
        "always": always,
        "unknown": unknown,
        "longest": max(map(len, names)),
    }
    return [
        ("said", _bytes(json.dumps(said))),
        ("hashes", hashes[order].view(np.uint8)),
        ("ids", ids[order].view(np.uint8)),
        *_fragments("tokens", [entries[place] for place in order]),
        ("merges_begin", begins.view(np.uint8)),
        ("merges", table.reshape(-1).view(np.uint8)),
        *_fragments("merge_texts", texts),
    ]


def _is_template(post_processor: Any) -> bool:
    if post_processor is None:
        return True
    if post_processor["type"] == "Sequence":
        return all(_is_template(step) for step in post_processor["processors"])
    return post_processor["type"] in _AROUND


def _by_rule(model: dict[str, Any]) -> bool:
    """Say whether a text's tokens are a matter of those that are spelled in it, and of nothing else."""
    if model["type"] == "Unigram":
        return model.get("unk_id") is not None and not (model.get("alpha") or model.get("nbest_size"))
    if model["type"] == "BPE":
        around = (model.get("continuing_subword_prefix"), model.get("end_of_word_suffix"))
        return not model.get("dropout") and all(one in _EMPTY for one in around)
    return bool(model["type"] == "WordLevel")


def _merges_of(
    merges: list[Any], row_of: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    pairs = [tuple(merge.split(" ", 1)) if isinstance(merge, str) else tuple(merge) for merge in merges]
    rows = [(row_of[left + right], row_of[left], row_of[right]) for left, right in pairs]
    table = np.array(rows, np.int64).reshape(len(rows), 3)
    order = np.argsort(table[:, 0], kind="stable")
    begins = np.searchsorted(table[order, 0], np.arange(len(row_of) + 1)).astype(np.int64)
    ranked = np.column_stack([order, table[order, 1:]])
    return begins, ranked, [json.dumps(merges[place]) for place in order]


def _hashes_of(names: Sequence[str]) -> NDArray[np.uint64]:
    codes = np.frombuffer("".join(names).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, names), np.int64, len(names))
    begins = np.cumsum(lengths) - lengths
    hashes = np.zeros(len(names), np.uint64)
    for place in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > place)
        hashes[longer] = hashes[longer] * _BASE + codes[begins[longer] + place] + np.uint64(1)
    return hashes


def _number(value: object) -> str:
    return value if isinstance(value, _Spelled) else json.dumps(value)


def _plain(value: Any) -> Any:
    if isinstance(value, _Spelled):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _fragments(name: str, texts: Sequence[str]) -> list[tuple[str, NDArray[np.uint8]]]:
    encoded = [text.encode() for text in texts]
    begins = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=begins[1:])
    return [(f"{name}_begin", begins.view(np.uint8)), (name, np.frombuffer(b"".join(encoded), np.uint8))]


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


def _restored(said: dict[str, Any], sections: Sections) -> StoredVocabulary:
    facts = said["facts"]
    return StoredVocabulary(
        frame=said["frame"],
        model=said["model"],
        kind=said["kind"],
        content=said["content"],
        facts=TokenizerFacts(
            facts["size"],
            tuple(AddedToken(**added) for added in facts["added"]),
            tuple(facts["sample"]),
            tuple(facts["special"]),
            tuple(facts["bare"]),
        ),
        always=tuple(said["always"]),
        unknown=said["unknown"],
        longest=said["longest"],
        hashes=sections["hashes"].view(np.uint64),
        ids=sections["ids"].view(np.int64),
        tokens=Fragments(sections["tokens_begin"].view(np.int64), sections["tokens"]),
        merges_begin=sections["merges_begin"].view(np.int64),
        merges=sections["merges"].view(np.int64).reshape(-1, 3),
        merge_texts=Fragments(sections["merge_texts_begin"].view(np.int64), sections["merge_texts"]),
    )
