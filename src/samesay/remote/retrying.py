"""When a request is sent again: exponential backoff with full jitter, and what ``Retry-After`` asks for.

Full jitter draws the wait evenly from zero to the bound, so that clients that failed together do not come
back together (Brooker, "Exponential Backoff And Jitter", 2015).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from samesay.remote.settings import RemoteSettings

# Too early, too many, and failures of servers and of what stands before them.
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a ``Retry-After`` header: seconds or an HTTP date (RFC 9110, 10.2.3).

    Returns:
        Seconds from now, at least 0; None without the header or for what is neither.
    """
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=timezone.utc)
        seconds = (date - (now or datetime.now(timezone.utc))).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def seconds_before(
    attempt: int, asked: float | None, settings: RemoteSettings, draw: Callable[[], float]
) -> float:
    """Give the seconds to wait before an attempt.

    Args:
        attempt: The number of the coming attempt; the second is 2.
        asked: What ``Retry-After`` asked for, or None.
        settings: Patience.
        draw: Gives numbers from 0 to 1.
    """
    bound = min(settings.backoff * 2.0 ** min(attempt - 2, 30), settings.longest_wait)
    # Never earlier than asked; those who were asked for the same do not come at once.
    return draw() * bound if asked is None else asked + draw() * min(bound, 1.0)
