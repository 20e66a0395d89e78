"""Which of the things that a server has a request means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from samesay.server.problems import Problem, unavailable
from samesay.server.strict_json import shortened

Thing = TypeVar("Thing")
_RETRY_LOADING = 2


def named(
    name: str | None,
    names: Sequence[str],
    ready: Mapping[str, Thing],
    *,
    param: str,
    missing: str,
    coming: str,
) -> Thing:
    """Give what has that name; without one, the only one.

    Args:
        name: What the request says.
        names: All that the server is to have, at least one.
        ready: What of it can be used by now.
        param: The part of the request that says it, and what such a thing is called.
        missing: How a message says that there is none of that name.
        coming: How a message says that one is not ready yet.

    Raises:
        Problem: When there is none, several, or it is not ready yet.
    """
    if name is None:
        if len(names) > 1:
            raise Problem(
                400, f"the request must have '{param}'; this server has {', '.join(names)}", param=param
            )
        name = names[0]
    if name not in names:
        raise Problem(
            404,
            f"The {param} {shortened(name)} {missing}; this server has {', '.join(names)}",
            param=param,
            code=f"{param}_not_found",
        )
    found = ready.get(name)
    if found is None:
        raise unavailable(f"the {param} {name} {coming}; ask again soon", "loading", _RETRY_LOADING)
    return found
