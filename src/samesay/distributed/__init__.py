"""Embed whole corpora into folders of vectors: in this process, or on a Ray cluster.

A corpus is divided into parts. Each is embedded into one Parquet file, which appears whole or not at all, and
is found again by what its metadata says; so a run may end at any moment, and the next goes on.
"""

from samesay.distributed.embedding import CorpusReport, embed

__all__ = ["CorpusReport", "embed"]
