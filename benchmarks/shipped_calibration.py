"""Makes the calibration that comes with samesay for the bundled model, one file for each instruction set.

    for isa in avx2 avxvnni avx512 avx512bf16 amx; do
        SAMESAY_ISA=$isa python benchmarks/shipped_calibration.py
    done

With ``--check`` nothing is written: the calibration is made again, and is to be the one that ships.

A key holds the revision of the engine and the instruction set, so this runs again whenever one changes; files
of other revisions for the same instruction set are removed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import samesay
from quality import DataMissingError
from samesay.decision.calibrating import CalibrationSettings
from samesay.decision.calibration import Calibration
from samesay.decision.calibration_file import SUFFIX, read_calibration
from samesay.decision.certificate import Certificate
from samesay.decision.key import key_of
from samesay.decision.shipped import FOLDER, shipped_calibration
from scored_pairs import DATA

SET = "covid_faq_sim/pairs.tsv"
NOTE = (
    "From the question pairs of deepset COVID-QA (Apache-2.0): English questions as people ask them about "
    "one subject, half of them matches. It says nothing sure about other languages, across languages, about "
    "longer texts, or about pairs that share nearly all words and differ in one that matters; on such "
    "(PAWS-X) this model hardly tells matches from others. Calibrate with labels of your own where it counts."
)


def main() -> int:
    """Make the file for this machine's instruction set, or for the one in SAMESAY_ISA."""
    parser = argparse.ArgumentParser(description="Make the calibration that comes with samesay.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--check", action="store_true", help="Compare with what ships, and write nothing.")
    options = parser.parse_args()
    try:
        rows = [line.split("\t") for line in (options.data / SET).read_text("utf-8").splitlines()]
        if not rows:
            raise DataMissingError(f"{options.data / SET} is empty")
    except (FileNotFoundError, DataMissingError) as error:
        print(error, file=sys.stderr)
        return 1
    model = samesay.load("bundled")
    key = key_of(model)
    pairs = [(text_a, text_b, label) for text_a, text_b, label in rows]
    made = Calibration.fit(model, pairs, settings=CalibrationSettings(precision=0.9, note=NOTE))
    if options.check:
        shipped = shipped_calibration(key)
        same = shipped is not None and replace(made, made=shipped.made, certificates=()) == replace(
            shipped, certificates=()
        )
        same = same and _promises(made) == _promises(shipped)
        print(f"{key.identity.engine}: {'the same' if same else 'another than ships, or none ships'}")
        return 0 if same else 1
    FOLDER.mkdir(exist_ok=True)
    instruction_set = key.identity.engine.rpartition("-")[2]
    stem = f"{model.name}.{instruction_set}."
    for old in FOLDER.glob(f"{stem}*{SUFFIX}"):
        print(f"removing {old.name}, of {read_calibration(old).key.identity.engine}")
        old.unlink()
    path = FOLDER / f"{stem}{key.digest[:12]}{SUFFIX}"
    made.save(path, overwrite=True)
    print(f"{path.name}: {made.curve.method}, {made.bands}")
    for one in (*made.certificates, *(refused.message for refused in made.refused)):
        print(f"  {one}")
    return 0


def _promises(calibration: Calibration | None) -> list[Certificate]:
    """Give the certificates without their day."""
    return [] if calibration is None else [replace(one, made="") for one in calibration.certificates]


if __name__ == "__main__":
    sys.exit(main())
