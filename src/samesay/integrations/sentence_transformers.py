"""The shape of sentence-transformers' ``SentenceTransformer`` over any samesay model.

Existing code changes one line::

    from samesay.integrations.sentence_transformers import SentenceTransformer
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesay.checkpoint.prompts import Prompts
from samesay.engine.row_products import pair_products, table_products
from samesay.errors import MissingExtraError, PromptError, TruncationWarning
from samesay.model import load
from samesay.text_model import TextModel

Vectors = NDArray[np.float32]

_QUERY_NAMES = ("query",)
_DOCUMENT_NAMES = ("document", "passage", "corpus")


class SentenceTransformer:
    """A samesay model with the methods of sentence-transformers.

    Different are: vectors always have length 1, whatever ``normalize_embeddings`` says, cut ones too; equal
    texts have equal bits in any batch, so ``batch_size`` changes nothing; a text that is too long is cut, as
    there, and told with ``TruncationWarning``; similarities of arrays are arrays.

    Args:
        model_name_or_path: What ``samesay.load`` takes, or a model.
        device: As for ``samesay.load``.
        prompts: Names and texts, beside the model's own ``query`` and ``document``.
        default_prompt_name: Which prompt to use where none is named.
        truncate_dim: Width of the vectors; that the model was trained to be cut is for the caller to know.
        precision: As for ``samesay.load``.
    """

    def __init__(
        self,
        model_name_or_path: str | Path | TextModel | None = None,
        *,
        device: str | None = None,
        prompts: Mapping[str, str] | None = None,
        default_prompt_name: str | None = None,
        truncate_dim: int | None = None,
        precision: Any = None,
    ) -> None:
        if model_name_or_path is None or isinstance(model_name_or_path, (str, Path)):
            chosen = None if device == "cpu" else device
            self.model: TextModel = load(
                model_name_or_path, device=chosen, precision=precision, matryoshka=True
            )
        else:
            self.model = model_name_or_path
        self.prompts = {**_known(self.model.prompts), **(prompts or {})}
        self.default_prompt_name = default_prompt_name
        if default_prompt_name is not None:
            self._prompt(default_prompt_name, None)
        self.truncate_dim = truncate_dim
        self.similarity_fn_name = "cosine"

    def __repr__(self) -> str:
        return f"SentenceTransformer({self.model!r})"

    @property
    def max_seq_length(self) -> int:
        """Tokens that the model reads at most."""
        return self.model.max_tokens

    def get_max_seq_length(self) -> int:
        """Give the tokens that the model reads at most."""
        return self.model.max_tokens

    def get_sentence_embedding_dimension(self) -> int:
        """Give the width of the vectors."""
        return self.truncate_dim or self.model.dimensions

    def get_embedding_dimension(self) -> int:
        """Give the width of the vectors."""
        return self.get_sentence_embedding_dimension()

    def encode(
        self,
        sentences: str | Sequence[str],
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,  # noqa: ARG002 - nothing depends on it
        show_progress_bar: bool | None = None,
        output_value: str | None = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: str | None = None,  # noqa: ARG002 - chosen when the model is loaded
        normalize_embeddings: bool = False,  # noqa: ARG002 - vectors have length 1 anyway
        truncate_dim: int | None = None,
    ) -> Any:
        """Give the vector of each text.

        Args:
            sentences: One text or n of them.
            prompt_name: The name of a prompt in ``prompts``.
            prompt: A prompt in words; it goes before ``prompt_name``.
            batch_size: Without effect.
            show_progress_bar: Whether to show how far it is.
            output_value: ``"sentence_embedding"``.
            precision: ``"float32"``.
            convert_to_numpy: An array; else a list of tensors.
            convert_to_tensor: A tensor.
            device: Without effect; the device is the one that the model was loaded on.
            normalize_embeddings: Without effect: the vectors have length 1.
            truncate_dim: Width of the vectors.

        Returns:
            Shape (dimensions,) for one text, (n, dimensions) for several.

        Raises:
            PromptError: For a prompt that has no such name, or an output that samesay does not give.
            SamesayError: As for ``TextModel.encode``.
        """
        if output_value != "sentence_embedding" or precision != "float32":
            raise PromptError(
                "samesay gives output_value 'sentence_embedding' in precision 'float32', not "
                f"{output_value!r} in {precision!r}"
            )
        prefix = self._prompt(prompt_name, prompt)
        texts = [sentences] if isinstance(sentences, str) else list(sentences)
        vectors = self._vectors(texts, prefix, truncate_dim or self.truncate_dim, bool(show_progress_bar))
        if convert_to_tensor:
            tensor = _tensor(vectors)
            return tensor[0] if isinstance(sentences, str) else tensor
        if isinstance(sentences, str):
            return vectors[0] if convert_to_numpy else _tensor(vectors)[0]
        return vectors if convert_to_numpy else list(_tensor(vectors))

    def encode_query(self, sentences: str | Sequence[str], **settings: Any) -> Any:
        """Give the vectors of texts that search: ``encode`` with the prompt for queries."""
        return self.encode(sentences, **self._with_prompt(settings, _QUERY_NAMES))

    def encode_document(self, sentences: str | Sequence[str], **settings: Any) -> Any:
        """Give the vectors of texts to be found: ``encode`` with the prompt for documents."""
        return self.encode(sentences, **self._with_prompt(settings, _DOCUMENT_NAMES))

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Give the cosine of each row with each other row, shape (n, m)."""
        left, right = _unit(embeddings1), _unit(embeddings2)
        return _alike(table_products(left, right), embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Give the cosine of each row with the row beside it, shape (n,)."""
        found = pair_products(*np.broadcast_arrays(_unit(embeddings1), _unit(embeddings2)))
        return _alike(found, embeddings1, embeddings2)

    def _vectors(self, texts: list[str], prefix: str, width: int | None, show: bool) -> Vectors:
        width = None if width == self.model.dimensions else width
        if not show:
            vectors, cut = self.model.embed_texts(texts, prefix, dimensions=width, overlength="truncate")
        else:
            from rich.progress import Progress

            with Progress() as bar:
                task = bar.add_task("encoding", total=len(texts))
                vectors, cut = self.model.embed_texts(
                    texts,
                    prefix,
                    dimensions=width,
                    overlength="truncate",
                    progress=lambda done, _: bar.update(task, completed=done),
                )
        if cut.any():
            message = f"{int((cut > 0).sum())} of {len(cut)} texts cut to {self.model.max_tokens} tokens"
            warnings.warn(message, TruncationWarning, stacklevel=3)
        return vectors

    def _prompt(self, name: str | None, prompt: str | None) -> str:
        if prompt is not None:
            return prompt
        name = self.default_prompt_name if name is None else name
        if name is None:
            return ""
        if name not in self.prompts:
            known = ", ".join(self.prompts)
            raise PromptError(f"there is no prompt named {name!r}; there are {known}; or give prompt='…'")
        return self.prompts[name]

    def _with_prompt(self, settings: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        if settings.get("prompt") is not None or settings.get("prompt_name") is not None:
            return settings
        found = next((name for name in names if name in self.prompts), None)
        return settings if found is None else {**settings, "prompt_name": found}


def _known(prompts: Prompts) -> dict[str, str]:
    return {"query": prompts.query, "document": prompts.document}


def _unit(embeddings: Any) -> Vectors:
    rows = np.atleast_2d(np.asarray(embeddings, np.float32))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit


def _alike(found: Vectors, *given: Any) -> Any:
    tensors = any(type(one).__module__.partition(".")[0] == "torch" for one in given)
    return _tensor(found) if tensors else found


def _tensor(vectors: Vectors) -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("a tensor", "torch") from None
    return torch.from_numpy(np.ascontiguousarray(vectors))
