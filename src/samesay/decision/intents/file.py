"""Saved matchers: vectors as safetensors, everything else as JSON in its header, hashed together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from samesay.decision.certificate import Certificate, NoCertificate
from samesay.decision.intents.bank import restored_bank
from samesay.decision.intents.examples import Contradiction
from samesay.decision.intents.fitted import FittedIntents, IntentsEvidence
from samesay.decision.intents.matching import Threshold
from samesay.decision.intents.settings import Method
from samesay.decision.key import Key
from samesay.decision.strict import decode
from samesay.errors import IntentsFileError, OutputFileError
from samesay.newfiles import check_new_file, new_file

SUFFIX = ".intents"
FORMAT = 1

_KIND = "samesay intents"
_VECTORS = "vectors"


@dataclass(frozen=True)
class _Content:
    """All of a matcher but the vectors."""

    key: Key
    intents: tuple[str, ...]
    texts: tuple[str, ...]
    labels: tuple[int, ...]
    method: Method
    neighbours: int
    threshold: Threshold
    certificates: tuple[Certificate, ...]
    refused: tuple[NoCertificate, ...]
    contradictions: tuple[Contradiction, ...]
    evidence: IntentsEvidence
    made: str
    note: str


def is_intents_file(path: Path) -> bool:
    """Whether a name is that of a saved matcher."""
    return path.name.endswith(SUFFIX)


def check_intents_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a name before any work is done for it.

    Raises:
        OutputFileError: It does not end in ``.intents``, is a folder or in none, or exists.
    """
    if not is_intents_file(path) or path.name == SUFFIX:
        raise OutputFileError(f"{path}: the name of a saved matcher must end in {SUFFIX}")
    check_new_file(path, overwrite=overwrite)


def write_intents(fitted: FittedIntents, path: Path, *, overwrite: bool = False) -> None:
    """Write a matcher, whole or not at all.

    Raises:
        OutputFileError: See ``check_intents_target``; or the system refuses to write.
    """
    from safetensors.numpy import save

    check_intents_target(path, overwrite=overwrite)
    bank = fitted.bank
    content = _Content(
        key=fitted.key,
        intents=bank.intents,
        texts=bank.texts,
        labels=tuple(bank.labels.tolist()),
        method=fitted.method,
        neighbours=fitted.neighbours,
        threshold=fitted.threshold,
        certificates=fitted.certificates,
        refused=fitted.refused,
        contradictions=fitted.contradictions,
        evidence=fitted.evidence,
        made=fitted.made,
        note=fitted.note,
    )
    text = json.dumps(asdict(content), ensure_ascii=True, allow_nan=False)
    vectors = np.ascontiguousarray(bank.vectors, "<f4")
    header = {"kind": _KIND, "format": str(FORMAT), "content": text, "sha256": _hash(text, vectors)}
    with new_file(path) as file:
        file.write(save({_VECTORS: vectors}, metadata=header))


def read_intents(path: Path) -> FittedIntents:
    """Read a matcher.

    Raises:
        IntentsFileError: It cannot be read, is no matcher, was changed, or is of a newer samesay.
    """
    header, vectors = _read(path)
    if header.get("kind") != _KIND:
        raise IntentsFileError(f"{path} is not a saved matcher of samesay")
    version = header.get("format", "")
    if version.isdecimal() and int(version) > FORMAT:
        raise IntentsFileError(
            f"{path} has format {version}; this samesay reads {FORMAT}: install a newer one"
        )
    text = header.get("content", "")
    if vectors is None or version != str(FORMAT) or header.get("sha256") != _hash(text, vectors):
        _refuse(path, "its content does not have the hash that it states")
    try:
        content: _Content = decode(_Content, json.loads(text), "the matcher")
        return _restored(content, vectors)
    except (ValueError, RecursionError) as error:
        _refuse(path, str(error))


def _read(path: Path) -> tuple[dict[str, str], NDArray[np.float32] | None]:
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb"):
            pass
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("kind") != _KIND or list(file.keys()) != [_VECTORS]:
                return header, None
            return header, file.get_tensor(_VECTORS)
    except FileNotFoundError:
        raise IntentsFileError(f"{path} is not there; samesay match --save makes one") from None
    except OSError as error:
        raise IntentsFileError(f"{path} cannot be read: {error.strerror or error}") from None
    except (SafetensorError, UnicodeDecodeError) as error:
        _refuse(path, f"it is not whole ({error})")


def _restored(content: _Content, vectors: NDArray[np.float32]) -> FittedIntents:
    """Give the matcher of a file, refusing what has the right shape and cannot be."""
    labels = np.array(content.labels, np.int64)
    n, k = len(content.texts), len(content.intents)
    if vectors.shape != (n, content.key.identity.dimensions) or len(labels) != n or not n:
        raise ValueError(f"it has {n} texts, {len(labels)} labels and vectors of shape {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("it holds vectors that are not finite")
    if not np.array_equal(np.unique(labels), np.arange(k)) or (np.diff(labels) < 0).any():
        raise ValueError("its labels are not those of its intents, in their order")
    if len(set(content.intents)) != k or content.neighbours < 1:
        raise ValueError("an intent is in it twice, or it has no neighbours")
    return FittedIntents(
        key=content.key,
        bank=restored_bank(content.intents, content.texts, labels, vectors),
        method=content.method,
        neighbours=content.neighbours,
        threshold=content.threshold,
        certificates=content.certificates,
        refused=content.refused,
        contradictions=content.contradictions,
        evidence=content.evidence,
        made=content.made,
        note=content.note,
    )


def _hash(text: str, vectors: NDArray[np.float32]) -> str:
    state = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    state.update(b"\0" + str(vectors.shape).encode() + b"\0")
    state.update(np.ascontiguousarray(vectors).tobytes())
    return state.hexdigest()


def _refuse(path: Path, reason: str) -> NoReturn:
    raise IntentsFileError(
        f"{path} cannot be used: {reason}. It was cut short or edited; take it from where it was made, or "
        "make it again with samesay match --save"
    )
