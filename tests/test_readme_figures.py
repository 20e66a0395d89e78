"""What both READMEs say of the bundled model's scores holds for the texts of the demo."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import samesay
from samesay.engine.base import Precision

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
DEMO = ROOT / "examples" / "demo.py"
# Instruction sets differ by less, and a figure may be rounded either way.
TOLERANCE = 0.0101


@pytest.fixture(scope="module")
def texts() -> list[str]:
    demo = runpy.run_path(str(DEMO))
    pairs = demo["read_pairs"](demo["PAIRS"])
    return list(dict.fromkeys(text for pair in pairs for text in (pair.text_a, pair.text_b)))


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_crossed_texts_score_as_it_says(readme: Path) -> None:
    demo = runpy.run_path(str(DEMO))
    crossed = demo["crossed_scores"](samesay.load("bundled"), demo["read_pairs"](demo["PAIRS"]))
    paragraph = next(part for part in readme.read_text("utf-8").split("\n\n") if "90 %" in part)
    said = [float(one) for one in re.findall(r"0\.\d\d", paragraph)]
    found = [bound for scores in crossed.values() for bound in np.percentile(scores, (5, 95))]
    assert said == pytest.approx(found, abs=TOLERANCE)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_opposites_score_as_it_says(readme: Path) -> None:
    paragraph = next(part for part in readme.read_text("utf-8").split("\n\n") if "Anna is taller" in part)
    first, *others = re.findall(r"`([^`]+)`", paragraph)
    said = [float(one) for one in re.findall(r"0\.\d+", paragraph)]
    found = samesay.load("bundled").similarity([first] * len(others), others)
    assert said == pytest.approx(found.tolist(), abs=TOLERANCE)


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_a_precision_loses_no_more_than_both_say(precision: Precision, texts: list[str]) -> None:
    exact, model = samesay.load("bundled", precision="fp32"), samesay.load("bundled", precision=precision)
    cosine = float((exact.encode(texts) * model.encode(texts)).sum(axis=1).min())
    moved = float(np.abs(exact.similarity_matrix(texts) - model.similarity_matrix(texts)).max())
    for readme in READMES:
        row = next(
            line for line in readme.read_text("utf-8").splitlines() if line.startswith(f"| `{precision}`")
        )
        least, most = (float(one) for one in re.findall(r"0\.\d+", row))
        assert cosine >= least, readme.name
        assert moved <= most, readme.name
        assert str(len(texts)) in readme.read_text("utf-8")
