"""Labelled pairs of public test sets with the bundled model's scores, computed once and kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import samesay
from quality import DataMissingError

# Where the sets lie unless the command line says otherwise: beside the repository.
DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class PairSet:
    """A file of labelled pairs.

    Args:
        name: What results call it.
        file: Below the folder of the data.
        cut: The grade from which on two texts match.
        precision: A precision that the bundled model can promise on it, with labels enough.
    """

    name: str
    file: str
    cut: float
    precision: float


SETS = (
    PairSet("pawsx_en", "pawsx/test.en.tsv", 1, 0.5),
    PairSet("pawsx_zh", "pawsx/test.zh.tsv", 1, 0.5),
    PairSet("pawsx_xling", "pawsx/test.xling.tsv", 1, 0.5),
    PairSet("covid_faq_sim", "covid_faq_sim/pairs.tsv", 1, 0.9),
    PairSet("stsb_en", "stsb_en/dev.tsv", 4, 0.8),
    PairSet("stsb_zh", "stsb_zh_deepl/dev.tsv", 4, 0.8),
    PairSet("stsb_xling", "stsb_xling_zh_en/dev.tsv", 4, 0.8),
)


@dataclass(frozen=True)
class Scored:
    """A set with its scores: all it is, for a simulation that draws from it."""

    pairs: PairSet
    scores: NDArray[np.float32]
    matches: NDArray[np.bool_]
    sha256: str


def scored_sets(data: Path, cache: Path) -> tuple[list[Scored], str]:
    """Give every set with the bundled model's scores, and the identity of these.

    Raises:
        DataMissingError: When a set is not there.
    """
    model = samesay.load("bundled")
    found = [_scored(one, data, cache / "pair-scores", model) for one in SETS]
    return found, str(model.identity)


def _scored(pairs: PairSet, data: Path, cache: Path, model: samesay.EmbeddingModel) -> Scored:
    path = data / pairs.file
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataMissingError(f"{path} is not there") from None
    rows = [line.split("\t") for line in content.decode("utf-8").splitlines()]
    sha256 = hashlib.sha256(content).hexdigest()
    kept = cache / f"{sha256[:16]}-{model.identity.fingerprint[:16]}.npy"
    if kept.is_file():
        scores = np.load(kept)
    else:
        scores = model.similarity([row[0] for row in rows], [row[1] for row in rows])
        cache.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(".new.npy")
        np.save(beside, scores)
        beside.replace(kept)
    return Scored(pairs, scores, np.array([float(row[2]) >= pairs.cut for row in rows]), sha256)
