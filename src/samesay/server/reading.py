"""From a request's body to what it asks for."""

from __future__ import annotations

from email.message import Message
from typing import TypeVar

from fastapi import Request

from samesay.server.problems import Problem
from samesay.server.schemas.base import BodyModel, validated
from samesay.server.strict_json import parse_object, shortened

Asked = TypeVar("Asked", bound=BodyModel)


def require_json(request: Request) -> None:
    """Refuse a body of another kind.

    Browsers send JSON to other origins only after asking the server, so this keeps pages of other origins
    out; those that come by a name of their own for this machine are for ``hosts``.

    Raises:
        Problem: For such a body.
    """
    stated = request.headers.get("content-type", "")
    header = Message()
    header["content-type"] = stated
    if header.get_content_type() != "application/json":
        found = shortened(stated) if stated else "nothing"
        raise Problem(415, f"send the header Content-Type: application/json; it says {found}")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise Problem(415, f"send the body as it is, not with Content-Encoding {shortened(encoding)}")


def asked(body: bytes, model: type[Asked]) -> Asked:
    """Read a body; it may take long, so this is for a thread.

    Raises:
        Problem: For what is not such a request.
    """
    return validated(model, parse_object(body))
