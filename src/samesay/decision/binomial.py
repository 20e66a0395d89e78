"""Exact bounds on a rate from a count of errors, after Clopper and Pearson (1934).

The binomial sums are taken from the regularised incomplete beta function: P(Binomial(n, p) <= k) is
I(1 - p; n - k, k + 1).
"""

from __future__ import annotations

from types import ModuleType

from samesay.errors import CalibrationError, MissingExtraError


def check_share(value: float, name: str) -> float:
    """Give ``value`` where it lies between 0 and 1, both excluded.

    Raises:
        CalibrationError: It does not.
    """
    if not 0 < value < 1:
        raise CalibrationError(f"{name} must be between 0 and 1, such as 0.05; it is {value}")
    return float(value)


def at_most(errors: int, trials: int, rate: float) -> float:
    """Give the probability of at most ``errors`` errors in ``trials`` trials at that rate."""
    if errors < 0:
        return 0.0
    if errors >= trials:
        return 1.0
    return float(_special().betainc(trials - errors, errors + 1, 1 - rate))


def allowed_errors(trials: int, rate: float, delta: float) -> int:
    """Give the most errors that still show a rate below ``rate`` with confidence 1 - ``delta``.

    It is the largest k with P(Binomial(trials, rate) <= k) <= delta; -1 where not even k = 0 shows it.
    """
    low, high = -1, trials
    while high - low > 1:
        middle = (low + high) // 2
        if at_most(middle, trials, rate) <= delta:
            low = middle
        else:
            high = middle
    return low


def least_trials(errors: int, rate: float, delta: float) -> int:
    """Give the fewest trials in which ``errors`` errors show a rate below ``rate``."""
    high = errors + 1
    while at_most(errors, high, rate) > delta:
        high *= 2
    low = errors
    while high - low > 1:
        middle = (low + high) // 2
        if at_most(errors, middle, rate) <= delta:
            high = middle
        else:
            low = middle
    return high


def upper_bound(errors: int, trials: int, delta: float) -> float:
    """Give the rate that the true one exceeds with probability ``delta`` at most."""
    if errors >= trials:
        return 1.0
    return float(_special().betaincinv(errors + 1, trials - errors, 1 - delta))


def lower_bound(successes: int, trials: int, delta: float) -> float:
    """Give the rate of success that the true one falls below with probability ``delta`` at most."""
    return 1 - upper_bound(trials - successes, trials, delta)


def require_scipy() -> None:
    """Refuse to begin a calibration without scipy.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    _special()


def _special() -> ModuleType:
    try:
        from scipy import special
    except ImportError:
        raise MissingExtraError("calibrating", "decisions") from None
    module: ModuleType = special
    return module
