"""``samesay index --vectors``: vectors that were made before into a collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from samesay.cli.progress import text_progress

if TYPE_CHECKING:
    from samesay.collection.collection import Collection
    from samesay.collection.storage import Storage
    from samesay.collection.vector_rows import VectorSource
    from samesay.collection.writing import AddReport
    from samesay.text_model import TextModel


def filled(
    folder: Path,
    vectors: Sequence[str],
    storage: Storage | None,
    threads: int | None,
    load: Callable[[], TextModel],
    progress: bool | None,
) -> tuple[AddReport, int]:
    """Put the rows of files into a collection; a new one belongs to the model that made them.

    Args:
        folder: The collection.
        vectors: Paths or URIs of Parquet files of ``samesay embed``, and of folders of them.
        storage: What is kept of vectors, in a new one.
        threads: For the collection's model, where it is needed.
        load: Loads the model of a new one.
        progress: As for ``text_progress``.

    Returns:
        What was done, and how many documents there are then.
    """
    from samesay.collection.vector_rows import vector_source

    source = vector_source(vectors)
    with (
        _opened(folder, source, storage, threads, load) as knowledge,
        text_progress(source.rows, 0, progress, "rows") as show,
    ):
        try:
            report = knowledge.fill(vectors, progress=lambda done, _: show(done))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "what was committed is kept; the same command goes on from there"
            ) from None
        return report, len(knowledge)


def _opened(
    folder: Path,
    source: VectorSource,
    storage: Storage | None,
    threads: int | None,
    load: Callable[[], TextModel],
) -> Collection:
    from samesay.cli.opened import opened
    from samesay.collection.opening import manifest_at, open_collection
    from samesay.collection.vector_rows import check_source

    if manifest_at(folder) is not None:
        return opened(folder, threads)
    model = load()
    # Before anything is made: a collection of the wrong model would be of no use.
    check_source(source, model.identity_at(source.width), folder, lambda: model)
    return open_collection(folder, model, dimensions=source.width, storage=storage)
