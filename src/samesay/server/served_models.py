"""The models of a server, by every name that requests may use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from samesay.engine.cpu import CpuEngine
from samesay.errors import ServerError
from samesay.model import EmbeddingModel
from samesay.server.batcher import Batcher
from samesay.server.metrics import ServerMetrics
from samesay.server.plans import ModelPlan
from samesay.server.preparing import Preparing
from samesay.server.problems import Problem, unavailable
from samesay.server.self_test import self_test
from samesay.server.settings import ServerSettings
from samesay.server.strict_json import shortened

_RETRY_LOADING = 2


@dataclass(frozen=True)
class ServedModel:
    """A model that is loaded, with its queue.

    Attributes:
        name: What answers call it.
        model: The model.
        preparing: From requests to sequences.
        batcher: Its queue and thread.
    """

    name: str
    model: EmbeddingModel
    preparing: Preparing
    batcher: Batcher

    @property
    def prefix_hits(self) -> int:
        """Texts so far whose prompt the engine had computed before."""
        return self.model.engine.prefix_hits if isinstance(self.model.engine, CpuEngine) else 0

    def identity(self, dimensions: int | None) -> str:
        """Give what made the vectors of that width, as one string."""
        full = self.model.identity
        return str(replace(full, dimensions=dimensions or full.dimensions))


class ServedModels:
    """The models, loaded or not.

    Args:
        plans: What is to be served.

    Raises:
        ServerError: When two models have a name in common.
    """

    def __init__(self, plans: Sequence[ModelPlan]) -> None:
        self.plans = tuple(plans)
        self.created = int(time.time())
        self._by_name: dict[str, ModelPlan] = {}
        self._loaded: dict[str, ServedModel] = {}
        for plan in plans:
            for name in dict.fromkeys((plan.name, *plan.aliases)):
                if name in self._by_name:
                    raise ServerError(
                        f"two models are called {name!r}; name one of them once, or give it an --alias"
                    )
                self._by_name[name] = plan

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(list(self._loaded.values()))

    @property
    def ready(self) -> bool:
        """Whether all are loaded and tested."""
        return len(self._loaded) == len(self.plans)

    def load_all(
        self, settings: ServerSettings, metrics: ServerMetrics, notice: Callable[[ServedModel, float], None]
    ) -> None:
        """Load and test every model, one after the other.

        Args:
            settings: What requests may take.
            metrics: Is told of passes.
            notice: Is told of each model that is ready, and the seconds that it took.

        Raises:
            SamesayError: When one cannot be served.
        """
        for plan in self.plans:
            began = time.monotonic()
            model = plan.load()
            model.checkpoint.tokenizer.read_whole()
            self_test(model)
            batcher = Batcher(
                model.engine, settings.batch_tokens, settings.limits.queue_tokens, metrics.of_model(plan.name)
            )
            served = ServedModel(plan.name, model, Preparing(model, settings.limits), batcher)
            served.identity(None)
            self._loaded[plan.name] = served
            notice(served, time.monotonic() - began)

    def plan(self, name: str) -> ModelPlan:
        """Give the plan of that name or alias.

        Raises:
            Problem: When there is none.
        """
        plan = self._by_name.get(name)
        if plan is None:
            names = ", ".join(plan.name for plan in self.plans)
            raise Problem(
                404,
                f"The model {shortened(name)} does not exist; this server has {names}",
                param="model",
                code="model_not_found",
            )
        return plan

    def loaded(self, plan: ModelPlan) -> ServedModel | None:
        """Give the model of a plan, or None while it is not ready."""
        return self._loaded.get(plan.name)

    def find(self, name: str) -> ServedModel:
        """Give the model of that name or alias.

        Raises:
            Problem: When there is none, or it is not loaded yet.
        """
        plan = self.plan(name)
        served = self._loaded.get(plan.name)
        if served is None:
            raise unavailable(f"{plan.name} is still being loaded; ask again soon", "loading", _RETRY_LOADING)
        return served

    def stop(self) -> None:
        """Give up what still waits for any of them."""
        for served in self:
            served.batcher.stop()

    def join(self, seconds: float) -> None:
        """Wait for the ends of their threads, for each not longer than that."""
        for served in self:
            served.batcher.join(seconds)
