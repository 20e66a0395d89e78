"""``POST /v1/embeddings``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from samesay.server.schemas.base import AnswerModel, Overlength, RequestModel
from samesay.server.schemas.inputs import Input


class EmbeddingsRequest(RequestModel):
    """Texts or token ids to embed: OpenAI's request, and what samesay adds to it."""

    input: Input = Field(
        description="A text, texts, token ids, or lists of token ids. Ids are taken as they stand: special "
        "tokens are the caller's, no prompt is added, nothing is cut."
    )
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="Numbers, or base64 of little-endian float32."
    )
    dimensions: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Width of the vectors, where the model can be cut."
    )
    user: str | None = Field(None, description="Taken for compatibility; nothing is done with it.")
    prompt: Literal["query", "document"] | None = Field(
        None,
        description="What the model wants before queries or documents is put before the texts; by default "
        "nothing. A text that begins with 'Instruct: …\\nQuery:' is taken as it stands.",
    )
    task: str | None = Field(
        None, description="A named task or an instruction in words; with prompt 'query'."
    )
    overlength: Overlength = Field("error", description="A text that is too long is refused, or cut.")


class Embedding(AnswerModel):
    """One vector of length 1."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str = Field(description="Numbers, or base64 of little-endian float32.")


class EmbeddingsUsage(AnswerModel):
    """Tokens of the inputs, prompts and special tokens included."""

    prompt_tokens: int
    completion_tokens: Literal[0] = Field(description="Always 0; some clients of other servers read it.")
    total_tokens: int


class EmbeddingsAnswer(AnswerModel):
    """The vectors, in the order of the inputs."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingsUsage
