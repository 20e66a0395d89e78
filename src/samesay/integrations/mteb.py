"""Any samesay model as a model of mteb (version 2), for its tasks and its result files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from samesay.engine.row_products import pair_products, table_products
from samesay.errors import MissingExtraError
from samesay.model import load
from samesay.text_model import TextModel

if TYPE_CHECKING:
    from samesay.checkpoint.prompts import Prompts

Vectors = NDArray[np.float32]


class MtebModel:
    """A samesay model that mteb can run: its ``EncoderProtocol``.

    ::

        mteb.evaluate(MtebModel("bundled"), tasks)

    A task's own instruction goes to models that take instructions. Texts that are too long are cut, as mteb's
    models do.

    Args:
        model_name: What ``samesay.load`` takes, or a model.
        revision: Not used: the revision that mteb is told is the model's fingerprint.
        device: As for ``samesay.load``.
        dimensions: Width of the vectors, where the model was trained to be cut.
    """

    def __init__(
        self,
        model_name: str | Path | TextModel | None = None,
        revision: str | None = None,  # noqa: ARG002 - mteb's protocol has it
        *,
        device: str | None = None,
        dimensions: int | None = None,
        **_: Any,
    ) -> None:
        if model_name is None or isinstance(model_name, (str, Path)):
            self.model: TextModel = load(model_name, device=device)
        else:
            self.model = model_name
        self.dimensions = dimensions
        self._meta: Any = None

    @property
    def mteb_model_meta(self) -> Any:
        """What mteb writes beside results.

        Raises:
            MissingExtraError: When mteb is not installed.
        """
        if self._meta is None:
            self._meta = _model_meta(self.model, self.dimensions)
        return self._meta

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,  # noqa: ARG002
        hf_subset: str,  # noqa: ARG002
        prompt_type: Any = None,
        **_: Any,
    ) -> Vectors:
        """Give the vectors of mteb's batches, each of which has its texts under ``text``.

        Returns:
            Rows of length 1, shape (n, dimensions).
        """
        texts = [text for batch in inputs for text in batch["text"]]
        prefix = prefix_of(self.model.prompts, _instruction(task_metadata, prompt_type), prompt_type)
        vectors, _cut = self.model.embed_texts(
            texts, prefix, dimensions=self.dimensions, overlength="truncate"
        )
        return vectors

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Vectors:
        """Give the cosine of each row with each other row, shape (n, m)."""
        return table_products(_rows(embeddings1), _rows(embeddings2))

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Vectors:
        """Give the cosine of each row with the row beside it, shape (n,)."""
        return pair_products(*np.broadcast_arrays(_rows(embeddings1), _rows(embeddings2)))


def prefix_of(prompts: Prompts, instruction: str | None, prompt_type: Any) -> str:
    """Give what stands before the texts of a task.

    Args:
        prompts: The model's.
        instruction: The task's own, or None.
        prompt_type: mteb's ``query`` or ``document``; None where both sides are alike.
    """
    side = getattr(prompt_type, "value", prompt_type)
    if side == "document":
        return prompts.prefix("document")
    told = instruction if prompts.instruction is not None else None
    if side == "query":
        return prompts.prefix("query", told)
    return prompts.pair_prefixes("symmetric", told)[0]


def _instruction(task_metadata: Any, prompt_type: Any) -> str | None:
    prompt = getattr(task_metadata, "prompt", None)
    if isinstance(prompt, Mapping):
        prompt = prompt.get(str(getattr(prompt_type, "value", prompt_type)))
    # A single word names a task of ours, or none: an instruction has several.
    return prompt if isinstance(prompt, str) and len(prompt.split()) > 1 else None


def _rows(embeddings: Any) -> Vectors:
    rows: Vectors = np.atleast_2d(np.asarray(embeddings, np.float32))
    return rows


def _model_meta(model: TextModel, dimensions: int | None) -> Any:
    try:
        from mteb.models.model_meta import ModelMeta, ScoringFunction
    except ImportError:
        raise MissingExtraError("a model of mteb", "mteb") from None
    identity = model.identity_at(dimensions)
    return ModelMeta(
        loader=MtebModel,
        name=f"samesay/{model.name.rpartition('/')[2]}",
        revision=identity.fingerprint[:12],
        release_date=None,
        languages=None,
        n_parameters=None,
        memory_usage_mb=None,
        max_tokens=model.max_tokens,
        embed_dim=identity.dimensions,
        license=None,
        open_weights=None,
        public_training_code=None,
        public_training_data=None,
        framework=["API" if identity.precision == "remote" else "safetensors"],
        similarity_fn_name=ScoringFunction.COSINE,
        use_instructions=model.prompts.instruction is not None,
        training_datasets=None,
        experiment_kwargs={"precision": identity.precision, "engine": identity.engine},
    )
