"""What a threshold belongs to: the vectors, and how the two sides of a pair are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from samesay.checkpoint.fingerprint import digest
from samesay.checkpoint.prompts import PairMode, instruction_of
from samesay.errors import CalibrationKeyError
from samesay.identity import Identity

if TYPE_CHECKING:
    from samesay.text_model import TextModel


@dataclass(frozen=True)
class Key:
    """What a calibration is for. Scores of another key mean something else.

    Attributes:
        identity: What makes the vectors: weights, tokenizer, prompts, pooling, precision, dimensions.
        mode: What the two texts of a pair are to each other.
        task: The instruction in words, or None.
        left: What stands before the left text.
        right: What stands before the right text.
    """

    identity: Identity
    mode: PairMode
    task: str | None
    left: str
    right: str

    @property
    def digest(self) -> str:
        """64 hexadecimal digits; equal where scores mean the same.

        The name of the model has no part in it, and a task counts by what it puts before the texts.
        """
        return digest([self.identity.fingerprint, self.mode, self.left, self.right])

    def __str__(self) -> str:
        task = "" if self.task is None else f", task {self.task!r}"
        return f"{self.identity}, mode {self.mode}{task}"


def key_of(
    model: TextModel,
    *,
    mode: PairMode = "symmetric",
    task: str | None = None,
    dimensions: int | None = None,
) -> Key:
    """Give the key of the scores that ``model.similarity`` gives with these arguments.

    Raises:
        PromptError: For a mode or task that the model does not take.
        DimensionsError: For a width that it does not give.
    """
    left, right = model.prompts.pair_prefixes(mode, task)
    words = None if task is None else instruction_of(task)
    return Key(model.identity_at(dimensions), mode, words, left, right)


def require_same_key(calibrated: Key, used: Key) -> None:
    """Refuse a calibration for scores of another key.

    Raises:
        CalibrationKeyError: The keys differ; both are named, and in what they differ.
    """
    if calibrated.digest == used.digest:
        return
    raise CalibrationKeyError(
        f"the calibration is for {calibrated}; the scores are of {used}. They differ in "
        f"{', '.join(_differences(calibrated, used))}; a threshold of one says nothing about the other. "
        "Use the model and options it was made with, or calibrate these with: samesay calibrate"
    )


def _differences(one: Key, other: Key) -> list[str]:
    a, b = asdict(one.identity), asdict(other.identity)
    found = [
        field.name for field in fields(Identity) if field.name != "model" and a[field.name] != b[field.name]
    ]
    found += ["mode"] if one.mode != other.mode else []
    if (one.left, one.right) != (other.left, other.right) and one.mode == other.mode:
        found.append("task" if one.task != other.task else "what stands before the texts")
    return found
