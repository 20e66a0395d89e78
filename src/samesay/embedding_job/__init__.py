"""Embed a file of texts into a file of vectors, in bounded memory, and go on after an interrupt."""

from samesay.embedding_job.job import (
    EmbeddingJob,
    EmbeddingReport,
    kept_rows,
    kept_standard_input,
    prepared_job,
    run_job,
)
from samesay.embedding_job.request import EmbeddingRequest, TextEncoder

__all__ = [
    "EmbeddingJob",
    "EmbeddingReport",
    "EmbeddingRequest",
    "TextEncoder",
    "kept_rows",
    "kept_standard_input",
    "prepared_job",
    "run_job",
]
