"""The models that samesay knows by a short name."""

from __future__ import annotations

from dataclasses import dataclass

# Below this likeness, of 1 for the same letters, a name is no help to someone who mistyped another.
_ALIKE = 0.6


@dataclass(frozen=True)
class KnownModel:
    """A model with a short name.

    Attributes:
        name: What people type.
        repository: Its id, the same on Hugging Face and on ModelScope.
        description: Languages, dimensions and the tokens it reads, in a few words.
        safetensors_revision: Where users found safetensors on Hugging Face, when the main revision
            has none. It is an unmerged proposal, so it is told and never taken unasked.
    """

    name: str
    repository: str
    description: str
    safetensors_revision: str | None = None


KNOWN_MODELS = (
    KnownModel(
        "qwen3-embedding-0.6b",
        "Qwen/Qwen3-Embedding-0.6B",
        "100+ languages, 1024 dimensions, 32,768 tokens",
    ),
    KnownModel(
        "qwen3-embedding-4b",
        "Qwen/Qwen3-Embedding-4B",
        "100+ languages, 2560 dimensions, 32,768 tokens",
    ),
    KnownModel(
        "qwen3-embedding-8b",
        "Qwen/Qwen3-Embedding-8B",
        "100+ languages, 4096 dimensions, 32,768 tokens",
    ),
    KnownModel(
        "bge-m3",
        "BAAI/bge-m3",
        "100+ languages, 1024 dimensions, 8192 tokens",
        safetensors_revision="refs/pr/130",
    ),
    KnownModel(
        "e5-mistral-7b",
        "intfloat/e5-mistral-7b-instruct",
        "English, 4096 dimensions, 4096 tokens",
    ),
    KnownModel(
        "multilingual-e5-small",
        "intfloat/multilingual-e5-small",
        "100 languages, 384 dimensions, 512 tokens",
    ),
    KnownModel(
        "multilingual-e5-base",
        "intfloat/multilingual-e5-base",
        "100 languages, 768 dimensions, 512 tokens",
    ),
    KnownModel(
        "multilingual-e5-large",
        "intfloat/multilingual-e5-large",
        "100 languages, 1024 dimensions, 512 tokens",
    ),
    KnownModel(
        "all-minilm-l6-v2",
        "sentence-transformers/all-MiniLM-L6-v2",
        "English, 384 dimensions, 256 tokens",
    ),
    KnownModel("bge-small-en-v1.5", "BAAI/bge-small-en-v1.5", "English, 384 dimensions, 512 tokens"),
    KnownModel("bge-small-zh-v1.5", "BAAI/bge-small-zh-v1.5", "Chinese, 512 dimensions, 512 tokens"),
    KnownModel("e5-small-v2", "intfloat/e5-small-v2", "English, 384 dimensions, 512 tokens"),
)


def find(name_or_repository: str) -> KnownModel | None:
    """The known model of that short name or repository, with or without its owner, in any case of letters."""
    wanted = name_or_repository.strip().lower()
    for model in KNOWN_MODELS:
        if wanted in _forms(model):
            return model
    return None


def similar(name: str) -> list[str]:
    """Up to three known short names that look like ``name``, the likest first."""
    from difflib import SequenceMatcher

    wanted = name.strip().lower()
    asked = {wanted, wanted.rpartition("/")[2]}
    scored = [
        (max(SequenceMatcher(None, one, form).ratio() for one in asked for form in _forms(model)), model.name)
        for model in KNOWN_MODELS
    ]
    close = sorted((entry for entry in scored if entry[0] >= _ALIKE), key=lambda entry: -entry[0])
    return [known for _, known in close[:3]]


def _forms(model: KnownModel) -> tuple[str, str, str]:
    repository = model.repository.lower()
    return model.name, repository, repository.rpartition("/")[2]
