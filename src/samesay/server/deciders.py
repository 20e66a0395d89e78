"""Which calibration speaks about the scores of which served model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from fastapi import Request

from samesay.checkpoint.prompts import PairMode, instruction_of
from samesay.decision.bands import Bands
from samesay.decision.calibration import Calibration
from samesay.decision.deciding import Decider
from samesay.decision.key import Key, key_of
from samesay.decision.shipped import shipped_calibration
from samesay.errors import CalibrationKeyError, SamesayError, ServerError
from samesay.server.problems import unavailable
from samesay.server.served_models import ServedModel

_RETRY_LOADING = 2


class Deciders:
    """The calibrations of a server, given by the operator or shipped.

    Args:
        given: The operator's.

    Raises:
        ServerError: Two of them are for the same scores.
    """

    def __init__(self, given: Sequence[Calibration]) -> None:
        self._given: dict[str, Calibration] = {}
        self._known: dict[str, Calibration] | None = None
        for calibration in given:
            if calibration.key.digest in self._given:
                raise ServerError(f"two calibrations are for {calibration.key}; give one of them")
            self._given[calibration.key.digest] = calibration

    def bind(self, models: Iterable[ServedModel]) -> None:
        """Find the models that the calibrations are for, when all are loaded.

        Raises:
            CalibrationKeyError: A calibration is for none of them; it is named, and so are they.
        """
        served = list(models)
        for calibration in self._given.values():
            _require_one(calibration, served)
        shipped = (shipped_calibration(key_of(one.model)) for one in served)
        self._known = {one.key.digest: one for one in shipped if one is not None} | self._given

    def decider(
        self,
        served: ServedModel,
        mode: PairMode,
        task: str | None,
        dimensions: int | None,
        bands: Bands | None,
    ) -> Decider:
        """Give what decides about the scores of a request.

        Raises:
            Problem: The server is not ready.
            PromptError: For a mode or task that the model does not take.
        """
        if self._known is None:
            raise unavailable(
                "the calibrations are still being read; ask again soon", "loading", _RETRY_LOADING
            )
        full = served.model.identity
        left, right = served.model.prompts.pair_prefixes(mode, task)
        words = None if task is None else instruction_of(task)
        key = Key(replace(full, dimensions=dimensions or full.dimensions), mode, words, left, right)
        found = self._known.get(key.digest)
        if found is not None:
            return Decider(key, found.with_bands(bands.high, bands.middle) if bands else found, None, None)
        return Decider(
            key, None, bands, None if bands else f"this server has no calibration for scores of {key}"
        )


def deciders_of(request: Request) -> Deciders:
    """Give the calibrations of the server that a request came to."""
    return cast(Deciders, request.app.state.deciders)


def _require_one(calibration: Calibration, served: Sequence[ServedModel]) -> None:
    keys = []
    for one in served:
        key = _same_use(calibration.key, one)
        if key is not None and key.digest == calibration.key.digest:
            return
        keys.append(str(one.model.identity if key is None else key))
    raise CalibrationKeyError(
        f"the calibration is for {calibration.key}; served are {'; '.join(keys)}. Serve the model that it "
        "was made with, in that precision, or calibrate this one with: samesay calibrate"
    )


def _same_use(wanted: Key, served: ServedModel) -> Key | None:
    """Give the key of a model's scores in the mode, task and width of another key, if it has these."""
    try:
        return key_of(served.model, mode=wanted.mode, task=wanted.task, dimensions=wanted.identity.dimensions)
    except SamesayError:
        return None
