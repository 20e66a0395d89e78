"""The intents of a server, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from fastapi import Request

from samesay.decision.intents.file import is_intents_file, read_intents
from samesay.decision.intents.fitted import FittedIntents
from samesay.decision.intents.matcher import IntentMatcher, require_model
from samesay.decision.intents.reading import read_examples
from samesay.decision.intents.telling import describe_threshold
from samesay.errors import IntentsModelError, ServerError
from samesay.server.naming import named
from samesay.server.plans import IntentsPlan
from samesay.server.served_models import ServedModel, ServedModels


@dataclass(frozen=True)
class ServedIntents:
    """A matcher that is ready, with its model.

    Attributes:
        name: What requests and answers call it.
        served: The model whose vectors it compares.
        fitted: The matcher.
    """

    name: str
    served: ServedModel
    fitted: FittedIntents


class IntentsOfServer:
    """The matchers, ready or not.

    Args:
        plans: What is to be served.

    Raises:
        ServerError: When two have a name in common.
    """

    def __init__(self, plans: Sequence[IntentsPlan]) -> None:
        self.plans = tuple(plans)
        for place, plan in enumerate(plans):
            if any(plan.name == other.name for other in plans[:place]):
                raise ServerError(f"two intents are called {plan.name!r}; give one of them another name")
        self._ready: dict[str, ServedIntents] = {}

    @property
    def ready(self) -> bool:
        """Whether all are read or made."""
        return len(self._ready) == len(self.plans)

    def open_all(self, models: ServedModels, notice: Callable[[str], None] = lambda _: None) -> None:
        """Read or make every matcher, when all models are loaded.

        Saved ones go to the model that made them; examples go to the first model.

        Args:
            models: What is served.
            notice: Is told of each that is ready.

        Raises:
            IntentsModelError: None of the models made a saved matcher; all are named.
            SamesayError: A file cannot be read, or a text in it cannot be embedded.
        """
        for plan in self.plans:
            if is_intents_file(plan.path):
                fitted = read_intents(plan.path)
                served = _model_of(plan, fitted, models)
            else:
                served = next(iter(models))
                fitted = IntentMatcher.fit(served.model, read_examples(plan.path)).fitted
            self._ready[plan.name] = ServedIntents(plan.name, served, fitted)
            notice(f"intents {plan.name}: {len(fitted.intents)} of them; {describe_threshold(fitted)}")

    def find(self, name: str | None) -> ServedIntents:
        """Give the matcher of that name; without one, the only matcher.

        Raises:
            Problem: When there is none, several, or it is not ready yet.
        """
        return named(
            name,
            [plan.name for plan in self.plans],
            self._ready,
            param="intents",
            missing="do not exist",
            coming="are still being loaded",
        )


def intents_of(request: Request) -> IntentsOfServer:
    """Give the matchers of the server that a request came to."""
    return cast(IntentsOfServer, request.app.state.intents)


def _model_of(plan: IntentsPlan, fitted: FittedIntents, models: ServedModels) -> ServedModel:
    problems = []
    for served in models:
        try:
            require_model(fitted.key, served.model)
        except IntentsModelError as error:
            problems.append(error)
        else:
            return served
    raise IntentsModelError(f"intents {plan.name}: {'; '.join(map(str, problems))}")
