"""Results in the form of mteb (``TaskResult`` of mteb 2), so that its tools can read them beside others.

Names of scores are mteb's where it has the measure: ``cosine_spearman``, ``cosine_ap``, ``ndcg_at_10``. Ours
stand beside them under ``samesay``, which mteb leaves alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from samesay.comparison.report import ComparedData, ComparedModel, Report, Result

# What mteb calls its main score, by kind of data.
_MAIN: Mapping[str, str] = MappingProxyType(
    {
        "labelled pairs": "average_precision",
        "graded pairs": "spearman",
        "intents": "accuracy",
        "retrieval": "ndcg@10",
    }
)
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "spearman": "cosine_spearman",
        "pearson": "cosine_pearson",
        "average_precision": "cosine_ap",
        "best_f1": "cosine_f1",
        "best_f1_threshold": "cosine_f1_threshold",
        "accuracy": "accuracy",
        "ndcg@10": "ndcg_at_10",
        "mrr@10": "mrr_at_10",
        "recall@1": "recall_at_1",
        "recall@5": "recall_at_5",
        "recall@10": "recall_at_10",
    }
)


# Undetermined, in ISO 639-3 and ISO 15924.
_LANGUAGES = ("und-Zyyy",)


def mteb_results(report: Report) -> dict[str, Any]:
    """Give ``model_results`` as mteb's ``BenchmarkResults`` has them."""
    data = {one.name: one for one in report.data}
    return {
        "model_results": [
            {
                "model_name": model.name,
                "model_revision": model.fingerprint,
                "task_results": [
                    task_result(report, model, data[result.data], result)
                    for result in report.results
                    if result.model == model.label
                ],
            }
            for model in report.models
        ]
    }


def task_result(report: Report, model: ComparedModel, data: ComparedData, result: Result) -> dict[str, Any]:
    """Give one result as mteb's ``TaskResult`` has it.

    The split is called ``test``, and the language undetermined: mteb skips results that have none.
    ``mteb_version`` is null: mteb did not compute these figures.
    """
    values = {measure.name: measure.value for measure in result.measures}
    scores: dict[str, Any] = {_NAMES[name]: value for name, value in values.items() if name in _NAMES}
    return {
        "dataset_revision": data.sha256,
        "task_name": data.name,
        "mteb_version": None,
        "scores": {
            "test": [
                {
                    **scores,
                    "main_score": values.get(_MAIN[data.kind], result.measures[0].value),
                    "hf_subset": "default",
                    "languages": list(_LANGUAGES),
                    "samesay": _ours(report, model, result),
                }
            ]
        },
        "evaluation_time": result.seconds,
        "kg_co2_emissions": None,
    }


def _ours(report: Report, model: ComparedModel, result: Result) -> dict[str, Any]:
    speed = report.speed(model.label)
    return {
        "label": model.label,
        "identity": model.identity,
        "intervals": {one.name: [one.low, one.high] for one in result.measures},
        "values": {one.name: one.value for one in result.measures},
        "peak_memory_bytes": speed.peak_bytes if speed else None,
        "gpu_memory_bytes": speed.gpu_bytes if speed else None,
        "tokens_per_second": speed.tokens_per_second if speed else None,
        "texts_per_second": speed.texts_per_second if speed else None,
        "latency_p50_ms": speed.p50_ms if speed else None,
        "includes_network": speed.includes_network if speed else None,
        "hardware": report.machine.processor,
    }
