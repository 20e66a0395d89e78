"""What all requests share: strict types, no unknown keys, and errors in plain words."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from samesay.server.problems import Problem, invalid
from samesay.server.strict_json import shortened

Overlength = Literal["error", "truncate"]

_TOGETHER = "together"
_KINDS = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "list_type": "an array",
    "dict_type": "an object",
}


class BodyModel(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RequestModel(BodyModel):
    """The body of a request to a model."""

    model: str = Field(
        description="Name or alias of a served model; GET /v1/models lists them.", min_length=1
    )


class CollectionRequest(BodyModel):
    """The body of a request to a collection."""

    collection: str | None = Field(
        None, description="Name of a served collection; where there is one, it need not be named."
    )


class AnswerModel(BaseModel):
    """An answer's body; for the OpenAPI document, as answers are written without a further check."""

    model_config = ConfigDict(extra="forbid")


Request = TypeVar("Request", bound=BodyModel)


def wrong_together(message: str, param: str) -> PydanticCustomError:
    """Give the error of a request whose parts do not go together.

    Args:
        message: What is wrong.
        param: The part that is to be changed.
    """
    return PydanticCustomError(_TOGETHER, "{message}", {"message": message, "param": param})


def validated(model: type[Request], content: dict[str, Any]) -> Request:
    """Give the request that the content is.

    Raises:
        Problem: Naming the first thing that is wrong with it.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _problem(error) from None


def _problem(error: ValidationError) -> Problem:
    first = error.errors(include_url=False, include_input=False)[0]
    kind, place = first["type"], first["loc"]
    if kind == _TOGETHER:
        return invalid(first["ctx"]["message"], first["ctx"]["param"])
    name = str(place[0]) if place else None
    if kind == "missing":
        return invalid(f"the request must have {name!r}", name)
    if kind == "extra_forbidden":
        return invalid(f"unrecognized request argument: {shortened(name or '')}", name and name[:64])
    if kind in _KINDS:
        return invalid(f"{name} must be {_KINDS[kind]}", name)
    if kind == "value_error":
        return invalid(str(first["ctx"]["error"]), name)
    return invalid(f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}", name)
