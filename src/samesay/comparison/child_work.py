"""What a child process can be asked: load, score, rank, take the time, tell its memory."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from samesay.comparison.wire import Message
from samesay.engine.row_products import pair_products
from samesay.errors import SamesayError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samesay.checkpoint.prompts import PairMode
    from samesay.engine.base import Precision
    from samesay.model import EmbeddingModel
    from samesay.remote.usage import Usage
    from samesay.text_model import TextModel

    Overlength = Literal["error", "truncate"]
    Side = Literal["left", "right"]

NEIGHBOURS = 5
RANKED = 100
_ROWS = 1024
_MODES: tuple[PairMode, ...] = ("symmetric", "query-document", "plain")


class Worker:
    """One model, loaded when it is asked for."""

    def __init__(self) -> None:
        self._model: TextModel | None = None
        self._overlength: Overlength = "truncate"
        self._cut = 0
        self._vectors: dict[str, list[NDArray[np.float32]]] = {}

    def answer(self, message: Message) -> Message:
        """Do what a message asks.

        Raises:
            SamesayError: What the model raises.
        """
        values = dict(message.values)
        method = getattr(self, f"do_{values.pop('do')}")
        result: Message = method(**values)
        return result

    def do_load(
        self, name: str, precision: str | None, threads: int | None, device: str | None, overlength: str
    ) -> Message:
        """Load the model and tell what it is; what is for engines of this machine is for no endpoint."""
        from samesay.model import load
        from samesay.remote.address import is_remote

        self._overlength = cast("Overlength", overlength)
        begin = perf_counter()
        if is_remote(name):
            model = load(name)
        else:
            chosen = cast("Precision | None", precision)
            model = load(name, precision=chosen, threads=threads, device=device)
        # The first vector is part of the start, and of an endpoint the proof that it is there.
        model.embed_texts(["The quick brown fox jumps over the lazy dog."])
        seconds = perf_counter() - begin
        if _is_local(model):
            # What is timed is a model in use, which has long read its vocabulary.
            model.checkpoint.tokenizer.read_whole()
        self._model = model
        return Message(about(model) | {"load_seconds": seconds})

    def do_pair_scores(self, left: list[str], right: list[str], mode: str, task: str | None) -> Message:
        """Score pairs as ``TextModel.similarity`` does."""
        a = self._embed(left, mode, task, "left")
        b = self._embed(right, mode, task, "right")
        return Message({}, {"scores": pair_products(a, b).clip(-1, 1)})

    def do_add(self, kind: str, texts: list[str], mode: str, task: str | None, side: str) -> Message:
        """Embed texts and keep their vectors under a name, after those that are there."""
        vectors = self._embed(texts, mode, task, cast("Side", side))
        self._vectors.setdefault(kind, []).append(vectors)
        return Message({})

    def do_forget(self) -> Message:
        """Forget all texts that were added: a set that failed on the way leaves some behind."""
        self._vectors.clear()
        return Message({})

    def do_neighbours(self, kind: str, count: int) -> Message:
        """Give the nearest other texts of each of the ``count`` texts that were added, and forget them."""
        vectors = self._added(kind, count)
        places, scores = nearest(vectors, vectors, min(NEIGHBOURS, len(vectors) - 1), leave_out=True)
        return Message({}, {"places": places, "scores": scores})

    def do_ranking(self, queries: tuple[str, int], documents: tuple[str, int]) -> Message:
        """Give the best documents of each query, of so many as were added of both, and forget them."""
        asked, corpus = (self._added(kind, count) for kind, count in (queries, documents))
        places, scores = nearest(asked, corpus, min(RANKED, len(corpus)), leave_out=False)
        return Message({}, {"places": places, "scores": scores})

    def do_cut(self) -> Message:
        """Tell how many texts were cut so far."""
        return Message({"cut": self._cut})

    def do_tokens(self, texts: list[str]) -> Message:
        """Count the tokens of texts, cut ones as they are read; None where that is an estimate."""
        if not _is_local(self._loaded):
            return Message({"tokens": None})
        counts = np.minimum(self._loaded.count_tokens(texts), self._loaded.max_tokens)
        return Message({"tokens": counts.tolist()})

    def do_singles(self, texts: list[str], warm: int) -> Message:
        """Embed texts one by one and give the seconds, without those of the first ``warm``."""
        seconds = [self._seconds([text]) for text in texts]
        return Message({"seconds": seconds[warm:]})

    def do_batch(self, texts: list[str]) -> Message:
        """Embed texts together and give the seconds, and the tokens where an endpoint counts them."""
        before = _usage(self._loaded)
        seconds = self._seconds(texts)
        after = _usage(self._loaded)
        tokens = None
        if before is not None and after is not None and after.unknown == before.unknown:
            tokens = after.tokens - before.tokens
        return Message({"seconds": seconds, "tokens": tokens})

    def do_memory(self) -> Message:
        """Tell the most memory that this process has held so far."""
        return Message({"resident": peak_resident_bytes(), "gpu": _gpu_bytes(self._loaded)})

    @property
    def _loaded(self) -> TextModel:
        if self._model is None:
            raise SamesayError("no model is loaded")
        return self._model

    def _added(self, kind: str, count: int) -> NDArray[np.float32]:
        vectors = np.concatenate(self._vectors.pop(kind))
        if len(vectors) != count:
            raise AssertionError(f"{len(vectors)} vectors of {count} {kind}")
        return vectors

    def _embed(self, texts: Sequence[str], mode: str, task: str | None, side: Side) -> NDArray[np.float32]:
        prompts = self._loaded.prompts
        given = task if mode != "plain" and prompts.instruction is not None else None
        left, right = prompts.pair_prefixes(cast("PairMode", mode), given)
        prefix = left if side == "left" else right
        vectors, cut = self._loaded.embed_texts(texts, prefix, overlength=self._overlength)
        self._cut += int(np.count_nonzero(cut))
        return vectors

    def _seconds(self, texts: list[str]) -> float:
        begin = perf_counter()
        self._loaded.embed_texts(texts, overlength=self._overlength)
        return perf_counter() - begin


def about(model: TextModel) -> dict[str, Any]:
    """Tell what a model is, as far as it knows."""
    identity = model.identity
    local = _is_local(model)
    engine = getattr(model, "engine", None)
    return {
        "name": model.name,
        "identity": str(identity),
        "fingerprint": identity.fingerprint,
        "precision": identity.precision,
        "engine": identity.engine,
        "instruction_set": getattr(engine, "instruction_set", None),
        "threads": getattr(engine, "threads", None),
        "dimensions": model.dimensions,
        "context": model.max_tokens,
        "where": "local" if local else "remote",
        "disk_bytes": _folder_bytes(model.folder) if _is_local(model) else None,
        "prefixes": {mode: model.prompts.pair_prefixes(mode) for mode in _MODES},
        "takes_task": model.prompts.instruction is not None,
    }


def _is_local(model: TextModel) -> TypeGuard[EmbeddingModel]:
    from samesay.model import EmbeddingModel

    return isinstance(model, EmbeddingModel)


def _usage(model: TextModel) -> Usage | None:
    from samesay.remote.model import RemoteModel

    return model.usage if isinstance(model, RemoteModel) else None


def nearest(
    asked: NDArray[np.float32], among: NDArray[np.float32], count: int, *, leave_out: bool
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Give the places and cosines of the nearest rows for each row, nearest first; of equal ones the first.

    Args:
        asked: Rows of length 1, shape (n, d).
        among: Rows of length 1, shape (m, d).
        count: How many to give.
        leave_out: Whether row i of both is the same text, which is not to find itself.
    """
    places = np.empty((len(asked), count), np.int64)
    scores = np.empty((len(asked), count), np.float32)
    for begin in range(0, len(asked), _ROWS):
        cosines = asked[begin : begin + _ROWS] @ among.T
        rows = np.arange(len(cosines))
        if leave_out:
            cosines[rows, begin + rows] = -np.inf
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        places[begin : begin + len(cosines)] = best
        scores[begin : begin + len(cosines)] = cosines[rows[:, None], best]
    return places, scores


def peak_resident_bytes() -> int | None:
    """Give the most memory this process has held, as the system counts it, mapped files included."""
    try:
        # Not ru_maxrss: it begins with the size of the parent.
        for line in Path("/proc/self/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _gpu_bytes(model: TextModel) -> int | None:
    """Give the most memory on the device of the model, which need not be the one that torch uses first."""
    device = getattr(getattr(model, "engine", None), "device", None)
    torch = sys.modules.get("torch")
    if torch is None or device is None or device.type != "cuda":
        return None
    return int(torch.cuda.max_memory_allocated(device))


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
