"""Every error in OpenAI's schema, with the status that its client turns into an exception."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from starlette.responses import JSONResponse

from samesay.errors import (
    CollectionBusyError,
    DimensionsError,
    DocumentError,
    FilterError,
    IdentityMismatchError,
    OverlengthError,
    PromptError,
    SamesayError,
    SearchError,
    TextError,
    TokenError,
)

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_FIRST_SERVER_ERROR = 500
_TOO_MANY = 429
# OpenAI's code for a text that is too long.
CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"


class Problem(Exception):  # noqa: N818
    """An answer that is an error.

    Args:
        status: The HTTP status.
        message: What is wrong and what to do.
        param: The part of the request that is wrong, if it is one.
        code: OpenAI's word for it, if it has one.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = headers

    @property
    def type(self) -> str:
        """OpenAI's class of the error."""
        if self.status == _TOO_MANY:
            return "rate_limit_error"
        return "server_error" if self.status >= _FIRST_SERVER_ERROR else "invalid_request_error"

    def content(self) -> dict[str, dict[str, str | None]]:
        """The body of the answer."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.content(), self.status, dict(self.headers))


def invalid(message: str, param: str | None = None, code: str | None = None) -> Problem:
    """Give the answer to a request that is wrong and stays so."""
    return Problem(400, message, param=param, code=code)


def overloaded(message: str, seconds: float) -> Problem:
    """Give the answer to a request that there is no room for now, to be asked again after those seconds."""
    return Problem(429, message, code="rate_limit_exceeded", headers={"Retry-After": str(round(seconds))})


def unavailable(message: str, code: str, seconds: int) -> Problem:
    """Give the answer while the server starts or stops."""
    return Problem(503, message, code=code, headers={"Retry-After": str(seconds)})


def bug() -> Problem:
    """Give the answer where something fails that should not; the connection ends with it.

    The traceback goes to standard error. Told so, the client does not send its next request there.
    """
    return Problem(500, "something failed in the server; its log says what", headers={"Connection": "close"})


def answered(error: BaseException) -> None:
    """Forget where an error was raised, when what it says is all that counts.

    Its traceback holds the frames that it came through, and those hold the future that holds the error: in
    such a circle the body of a refused request would stay until the garbage collector comes by.
    """
    error.__traceback__ = error.__context__ = None


# The first class that an error belongs to counts.
_PLACES: tuple[tuple[type[SamesayError], str, str | None], ...] = (
    (OverlengthError, "input", CONTEXT_LENGTH_EXCEEDED),
    (TextError, "input", None),
    (TokenError, "input", None),
    (DimensionsError, "dimensions", None),
    (PromptError, "prompt", None),
    (FilterError, "filter", None),
    (SearchError, "query", None),
    (DocumentError, "documents", None),
)
# What passes, with the code and the seconds after which to ask again.
_PASSING: tuple[tuple[type[SamesayError], str, int], ...] = (
    (CollectionBusyError, "collection_busy", 5),
    (IdentityMismatchError, "collection_changed", 60),
)


def problem_of(error: SamesayError) -> Problem:
    """Give the answer to a request that the model refuses, or that fails here."""
    for kind, param, code in _PLACES:
        if isinstance(error, kind):
            return invalid(str(error), param, code)
    for kind, code, seconds in _PASSING:
        if isinstance(error, kind):
            return unavailable(str(error), code, seconds)
    return Problem(500, str(error))
