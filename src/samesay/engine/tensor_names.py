"""The names under which the native core asks for tensors, whoever saved the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from samesay.checkpoint.architecture import Architecture, Family
from samesay.checkpoint.weights import Tensor
from samesay.errors import CheckpointError

# A tensor every model of the kind has, and the prefixes that saving through different classes leaves.
_ANCHORS = {True: "embed_tokens.weight", False: "embeddings.word_embeddings.weight"}
_PREFIXES = {
    Family.QWEN3: ("", "model."),
    Family.MISTRAL: ("", "model."),
    Family.BERT: ("", "bert."),
    Family.XLM_ROBERTA: ("", "roberta."),
}


def without_prefix(weights: Mapping[str, Tensor], family: Family) -> dict[str, Tensor]:
    """Give the tensors by the names that the bare model has.

    Raises:
        CheckpointError: When the token embedding is under none of the known names.
    """
    anchor = _ANCHORS[family.is_decoder]
    for prefix in _PREFIXES[family]:
        if prefix + anchor in weights:
            return {
                name[len(prefix) :]: tensor for name, tensor in weights.items() if name.startswith(prefix)
            }
    raise CheckpointError(
        f"the weights have no tensor {anchor!r} as a {family.value} model has it; they hold {_some(weights)}"
    )


def require_head_norms(tensors: Mapping[str, Tensor], architecture: Architecture) -> None:
    """Check what the native core cannot know: Qwen3 has a norm on every head, Mistral has none.

    Raises:
        CheckpointError: When a layer of a Qwen3 model lacks one.
    """
    if architecture.family is not Family.QWEN3:
        return
    for layer in range(architecture.layers):
        for part in ("q_norm", "k_norm"):
            name = f"layers.{layer}.self_attn.{part}.weight"
            if name not in tensors:
                raise CheckpointError(f"the weights have no tensor {name!r}, as a qwen3 model has it")


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "") or "nothing"
