"""What Prometheus is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from samesay.server.fair_queue import Item

if TYPE_CHECKING:
    from samesay.server.served_models import ServedModel

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_TOKENS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


class ServerMetrics:
    """The metrics of one server, in a registry of their own.

    Args:
        models: Gives the models that are served, for what is read only when Prometheus asks.
    """

    def __init__(self, models: Callable[[], Iterable[ServedModel]]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "samesay_requests", "Requests answered.", ["path", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "samesay_request_seconds",
            "From the headers of a request to the end of its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        # Requests that are not answered yet.
        self.in_flight = 0
        Gauge(
            "samesay_requests_in_flight", "Requests that are not answered yet.", registry=self.registry
        ).set_function(lambda: self.in_flight)
        self._inputs = Counter(
            "samesay_inputs", "Texts and sequences of token ids embedded.", ["model"], registry=self.registry
        )
        self._input_tokens = Counter(
            "samesay_input_tokens", "Tokens of all inputs, as in usage.", ["model"], registry=self.registry
        )
        self._cut_inputs = Counter(
            "samesay_cut_inputs", "Inputs cut because they were too long.", ["model"], registry=self.registry
        )
        self._queue_seconds = Histogram(
            "samesay_queue_seconds",
            "From the arrival of a request in the queue to the pass of its first text.",
            ["model"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batch_texts = Histogram(
            "samesay_batch_texts", "Texts of a pass.", ["model"], buckets=_COUNTS, registry=self.registry
        )
        self._batch_tokens = Histogram(
            "samesay_batch_tokens",
            "Tokens computed in a pass.",
            ["model"],
            buckets=_TOKENS,
            registry=self.registry,
        )
        self._batch_seconds = Histogram(
            "samesay_batch_seconds", "Time of a pass.", ["model"], buckets=_SECONDS, registry=self.registry
        )
        self.registry.register(_NowCollector(models))
        # Looking a child up by its labels takes longer than telling it.
        self._answered: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._embedded: dict[str, tuple[Counter, ...]] = {}

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Note an answer: its path, as far as metrics tell it apart, its status and how long it took."""
        found = self._answered.get((path, status))
        if found is None:
            found = self._requests.labels(path, str(status)), self._request_seconds.labels(path)
            self._answered[path, status] = found
        counter, histogram = found
        counter.inc()
        histogram.observe(seconds)

    def embedded(self, model: str, inputs: int, tokens: int, cut_inputs: int) -> None:
        """Note a request whose vectors are there."""
        found = self._embedded.get(model)
        if found is None:
            counters = self._inputs, self._input_tokens, self._cut_inputs
            found = self._embedded[model] = tuple(counter.labels(model) for counter in counters)
        for counter, count in zip(found, (inputs, tokens, cut_inputs), strict=True):
            counter.inc(count)

    def of_model(self, name: str) -> ModelMetrics:
        """Give the metrics of the passes of one model."""
        return ModelMetrics(
            self._queue_seconds.labels(name),
            self._batch_texts.labels(name),
            self._batch_tokens.labels(name),
            self._batch_seconds.labels(name),
        )


class ModelMetrics:
    """The metrics of one model's passes.

    Args:
        queue_seconds: Waiting times.
        batch_texts: Texts of passes.
        batch_tokens: Tokens of passes.
        batch_seconds: Times of passes.
    """

    def __init__(
        self,
        queue_seconds: Histogram,
        batch_texts: Histogram,
        batch_tokens: Histogram,
        batch_seconds: Histogram,
    ) -> None:
        self._queue_seconds = queue_seconds
        self._batch_texts = batch_texts
        self._batch_tokens = batch_tokens
        self._batch_seconds = batch_seconds

    def started(self, batch: Sequence[Item], waits: Sequence[float]) -> None:
        """Note a pass that begins, and how long the requests that are new to it waited, in seconds."""
        self._batch_texts.observe(len(batch))
        self._batch_tokens.observe(sum(item.tokens for item in batch))
        for wait in waits:
            self._queue_seconds.observe(wait)

    def ended(self, seconds: float) -> None:
        """Note how long a pass took."""
        self._batch_seconds.observe(seconds)


class _NowCollector(Collector):
    """What is true at the moment of asking."""

    def __init__(self, models: Callable[[], Iterable[ServedModel]]) -> None:
        self._models = models

    def collect(self) -> Iterable[Metric]:
        requests = GaugeMetricFamily(
            "samesay_queue_requests", "Requests with texts that wait.", labels=["model"]
        )
        tokens = GaugeMetricFamily("samesay_queue_tokens", "Tokens that wait.", labels=["model"])
        speed = GaugeMetricFamily(
            "samesay_tokens_per_second", "Speed of the latest passes.", labels=["model"]
        )
        hits = CounterMetricFamily(
            "samesay_prefix_cache_hits", "Texts whose prompt was computed before.", labels=["model"]
        )
        for served in self._models():
            labels = [served.name]
            requests.add_metric(labels, served.batcher.waiting_requests)
            tokens.add_metric(labels, served.batcher.waiting_tokens)
            speed.add_metric(labels, served.batcher.tokens_per_second)
            hits.add_metric(labels, served.prefix_hits)
        return [requests, tokens, speed, hits]
