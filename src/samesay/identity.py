"""What made a vector: one fingerprint over everything that decides its bits."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from samesay.checkpoint.fingerprint import content_hash, digest, weights_hash
from samesay.checkpoint.folder import Checkpoint
from samesay.engine.base import Engine

_SHORT = 12
# Stands for whatever of a vector's origin only the endpoint knows.
REMOTE = "remote"


@dataclass(frozen=True)
class Identity:
    """The origin of a vector.

    Two vectors compare only where their identities are equal; the same identity and text give the same bits.

    Attributes:
        model: What people call it; not part of the fingerprint.
        weights: SHA-256 over the weight files and the architecture that ``config.json`` gives them.
        tokenizer: SHA-256 over the tokenizer file, the tokens around a text and the limit.
        prompts: SHA-256 over the prompt templates.
        pooling: cls, mean or last.
        precision: How the engine held weights and activations.
        dimensions: Width of the vector.
        engine: The engine and the revision of its arithmetic.
    """

    model: str
    weights: str
    tokenizer: str
    prompts: str
    pooling: str
    precision: str
    dimensions: int
    engine: str

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits; equal where everything but the name is equal."""
        parts = {key: value for key, value in asdict(self).items() if key != "model"}
        return digest(parts)

    def __str__(self) -> str:
        if self.precision == REMOTE:
            return f"{self.model}, remote, {self.dimensions} dimensions, {self.fingerprint[:_SHORT]}"
        return (
            f"{self.model}, {self.precision}, {self.pooling} pooling, {self.dimensions} dimensions, "
            f"{self.fingerprint[:_SHORT]}"
        )


def identify(checkpoint: Checkpoint, engine: Engine, dimensions: int) -> Identity:
    """Compute the identity of the vectors that this engine gives for this checkpoint."""
    tokenizer = checkpoint.tokenizer
    special = tokenizer.special_tokens
    return Identity(
        model=checkpoint.name,
        weights=digest([weights_hash(checkpoint), asdict(checkpoint.architecture)]),
        tokenizer=digest(
            [content_hash(tokenizer.file), special.leading, special.trailing, tokenizer.max_tokens]
        ),
        prompts=digest(asdict(checkpoint.prompts)),
        pooling=checkpoint.pooling.value,
        precision=engine.precision,
        dimensions=dimensions,
        engine=engine.revision,
    )
