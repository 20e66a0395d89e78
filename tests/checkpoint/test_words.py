"""Ids put together from known words are the library's own, for any text; other tokenizers are left alone."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram

from samesay.checkpoint import words
from samesay.checkpoint.architecture import read_architecture
from samesay.checkpoint.tokenizer import TextTokenizer
from samesay.checkpoint.words import KnownWords, unpack, words_stand_alone

WORD_BY_WORD = ("bert-mean", "bert-cls", "xlm-roberta-mean", "xlm-roberta-cls")
NOT_WORD_BY_WORD = ("qwen3-gqa2", "mistral-gqa4", "mistral-gqa1")
# What might reach over a space: marks that join what is before them, spaces of other kinds, characters that
# normalise to spaces, to nothing or to several, joiners, special tokens whole and cut.
ODD = [
    *"\u0301\u0308\u0327\u00b4\u2017\ufb01\ufdfa\u1e9b\u0323ΣσςİıßÅ\uac00\u1100\u1161\u11a8",
    *"\t\n\r\v\f\x00\x1c\x1f\x7f\x85\xa0\u1680\u2003\u2028\u202f\u205f\u3000\u200b\u200d\ufeff\u2060\ufffd",
    *"～\ufdd0▁Ġ#'’-—.,!?()中文桥字ハﾊﾟのक्षिกำשלום🙂👩‍👩‍👧🇩🇪\U000e0001\U0010ffff\U0002a6a5",
    *("[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<mask>", "<unk>", "[", "<", "##", "  ", "   "),
    *("the", "river", "is", "high", "bridge", "THE", "River.", "don't", "1,132", "über", "e\u0301"),
]


def read(folder: Path) -> TextTokenizer:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return TextTokenizer(folder, read_architecture(config))


def library(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def random_text(rng: random.Random) -> str:
    parts = []
    for _ in range(rng.randrange(14)):
        kind = rng.random()
        if kind < 0.35:
            parts.append(" ")
        elif kind < 0.85:
            parts.append(rng.choice(ODD))
        else:
            code = rng.randrange(0x110000)
            parts.append("x" if 0xD800 <= code < 0xE000 else chr(code))
    return "".join(parts)


@pytest.mark.parametrize("name", WORD_BY_WORD)
def test_ids_are_those_of_the_library_for_any_text(name: str, fixtures: Path) -> None:
    tokenizer, plain = read(fixtures / name), library(fixtures / name)
    assert words_stand_alone(plain)
    rng = random.Random(name)
    for _ in range(60):
        texts = [random_text(rng) for _ in range(50)]
        want = [encoding.ids for encoding in plain.encode_batch(texts)]
        prefix = rng.choice(["", "query: ", "\u0301", " "])
        with_prefix = [encoding.ids for encoding in plain.encode_batch([prefix + text for text in texts])]
        assert tokenizer.encode(texts) == want
        assert tokenizer.encode(texts, prefix) == with_prefix


def test_every_character_beside_a_space_reads_as_by_itself(fixtures: Path) -> None:
    codes = [code for code in range(0x20000) if not 0xD800 <= code < 0xE000]
    for name in ("bert-mean", "xlm-roberta-mean"):
        tokenizer, plain = read(fixtures / name), library(fixtures / name)
        some = [list(map(chr, codes[begin : begin + 64])) for begin in range(0, len(codes), 64)]
        texts = [f"a {''.join(characters)} b {' '.join(characters)}" for characters in some]
        assert tokenizer.encode(texts) == [encoding.ids for encoding in plain.encode_batch(texts)]


@pytest.mark.parametrize("name", NOT_WORD_BY_WORD)
def test_a_tokenizer_that_reads_spaces_is_left_to_the_library(name: str, fixtures: Path) -> None:
    assert not words_stand_alone(library(fixtures / name))
    rng = random.Random(name)
    texts = [random_text(rng) for _ in range(200)]
    ends = [] if name != "mistral-gqa4" else [2]
    plain = library(fixtures / name)
    want = [encoding.ids + ends for encoding in plain.encode_batch(texts)]
    assert read(fixtures / name).encode(texts) == want


def changed(change: Callable[[Tokenizer], Any], fixtures: Path, name: str = "xlm-roberta-mean") -> Tokenizer:
    tokenizer = library(fixtures / name)
    assert words_stand_alone(tokenizer)
    change(tokenizer)
    return tokenizer


def set_normalizer(normalizer: Any) -> Callable[[Tokenizer], None]:
    return lambda tokenizer: setattr(tokenizer, "normalizer", normalizer)


def set_pre_tokenizer(pre_tokenizer: Any) -> Callable[[Tokenizer], None]:
    return lambda tokenizer: setattr(tokenizer, "pre_tokenizer", pre_tokenizer)


def set_model(model: Any) -> Callable[[Tokenizer], None]:
    return lambda tokenizer: setattr(tokenizer, "model", model)


def add(token: AddedToken) -> Callable[[Tokenizer], int]:
    return lambda tokenizer: tokenizer.add_tokens([token])


@pytest.mark.parametrize(
    "change",
    [
        set_normalizer(normalizers.Prepend("x")),
        set_normalizer(normalizers.Replace(" ", "")),
        set_normalizer(normalizers.Replace("a b", "c")),
        set_normalizer(normalizers.Replace(Regex(r"\s"), "")),
        set_normalizer(normalizers.Replace(Regex(r"[\x{41}\x{20}]"), "")),
        set_normalizer(normalizers.Replace(Regex(r"[\x{0020}]"), "")),
        set_normalizer(normalizers.Replace(Regex(r"[^\x{41}]"), "")),
        set_normalizer(normalizers.Replace(Regex(" {2,}"), "")),
        set_normalizer(normalizers.Sequence([normalizers.NFC(), normalizers.Strip()])),
        set_pre_tokenizer(None),
        set_pre_tokenizer(pre_tokenizers.Metaspace()),
        set_pre_tokenizer(pre_tokenizers.ByteLevel()),
        set_pre_tokenizer(pre_tokenizers.Punctuation()),
        set_pre_tokenizer(
            pre_tokenizers.Sequence(
                [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")]
            )
        ),
        set_pre_tokenizer(
            pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), pre_tokenizers.WhitespaceSplit()])
        ),
        set_pre_tokenizer(pre_tokenizers.Sequence([])),
        set_model(BPE({"a": 0}, [], dropout=0.5)),
        set_model(Unigram([("a", 0.0), ("b", -1.0)], 0, alpha=0.1, nbest_size=4)),
        add(AddedToken("new york")),
        add(AddedToken("a\u00a0b", normalized=True)),
        add(AddedToken("a\u00b4b", normalized=True)),  # NFKC makes a space and a mark of the accent
        add(AddedToken("york", single_word=True)),
    ],
)
def test_what_may_look_beyond_a_word_is_not_taken(change: Callable[[Tokenizer], Any], fixtures: Path) -> None:
    assert not words_stand_alone(changed(change, fixtures))


@pytest.mark.parametrize(
    "change",
    [
        set_normalizer(None),
        set_normalizer(normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])),
        set_normalizer(normalizers.Replace("~", " ~ ")),
        set_normalizer(normalizers.Replace(Regex(r"[\x{41}\x{200b}]"), "")),
        set_pre_tokenizer(pre_tokenizers.Whitespace()),
        set_pre_tokenizer(
            pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(True)])
        ),
        add(AddedToken("york", lstrip=True, rstrip=True)),
        add(AddedToken("yo\u0308rk", normalized=True)),
    ],
)
def test_what_is_taken_reads_word_by_word(change: Callable[[Tokenizer], Any], fixtures: Path) -> None:
    tokenizer = changed(change, fixtures)
    assert words_stand_alone(tokenizer)
    around = tokenizer.encode("").ids
    known = KnownWords(tokenizer, around[:1], around[1:])
    rng = random.Random(6)
    for _ in range(20):
        texts = [random_text(rng) + rng.choice(["york", " yörk", "A~A ", " york "]) for _ in range(50)]
        want = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
        assert [unpack(ids) for ids in known.ids(texts)] == want


def test_memory_is_bounded_and_long_words_are_not_kept(
    fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "MOST_WORDS", 40)
    plain = library(fixtures / "bert-mean")
    around = plain.encode("").ids
    known = KnownWords(plain, around[:1], around[1:])
    rng = random.Random(7)
    most = 0
    for _ in range(60):
        drawn = [f"w{rng.randrange(200)}" for _ in range(rng.choice([1, 10, 39, 60, 200]))]
        texts = [" ".join(drawn), "long" * rng.randrange(8, 30), ""]
        assert [unpack(ids) for ids in known.ids(texts)] == [e.ids for e in plain.encode_batch(texts)]
        most = max(most, len(known))
    assert 20 < most <= 40


def test_words_that_come_again_are_kept_and_those_seen_once_in_new_texts_are_not(fixtures: Path) -> None:
    plain = library(fixtures / "bert-mean")
    around = plain.encode("").ids
    known = KnownWords(plain, around[:1], around[1:])

    def ids_are_right(texts: list[str]) -> bool:
        return [unpack(ids) for ids in known.ids(texts)] == [e.ids for e in plain.encode_batch(texts)]

    assert ids_are_right(["the river is high"])
    assert len(known) == 0
    assert ids_are_right(["the river is low"])
    assert len(known) == 3
    assert ids_are_right(["the river is wide"])  # three of four are known: the fourth is learned at once
    assert len(known) == 4
    assert ids_are_right(["high bridge high bridge", "桥" * 40])
    assert len(known) == 5


def test_threads_share_known_words(fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MOST_WORDS", 30)
    tokenizer, plain = read(fixtures / "bert-mean"), library(fixtures / "bert-mean")
    texts = [" ".join(f"word{(i * 7 + j) % 90}" for j in range(6)) for i in range(120)]
    want = [encoding.ids for encoding in plain.encode_batch(texts)]
    wrong: list[int] = []

    def work(seed: int) -> None:
        order = random.Random(seed).sample(range(len(texts)), len(texts))
        for i in order:
            if tokenizer.encode([texts[i]]) != [want[i]]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
