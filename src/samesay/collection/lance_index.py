"""The index of a LanceDB table: when there is one, of which kind, and how thoroughly it is searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from samesay.collection.base import Ranking

if TYPE_CHECKING:
    import pyarrow as pa

# One bit a number (RaBitQ) tells enough of wide vectors; narrow ones keep eight.
_LEAST_WIDTH_FOR_BITS = 256
# LanceDB does not tell how many cells an index has; its name does.
_NAME = "vector_cells_"


@dataclass(frozen=True)
class IndexSettings:
    """When an index is built and how thoroughly it is searched.

    Args:
        exact_numbers: While rows times dimensions are fewer, every search is exact: 64 Ki rows of 1024.
        cell_rows: Rows in a cell of the index, on average.
        probes: Cells looked through, as a share of all cells, and at least ``least_probes``.
        least_probes: See ``probes``.
        refine: Rows scored again with their kept vectors, as a multiple of those asked for.
        outgrown: An index is made anew when its cells have so many times ``cell_rows``.
    """

    exact_numbers: int = 2**26
    cell_rows: int = 2000
    probes: float = 0.03
    least_probes: int = 8
    refine: int = 8
    outgrown: int = 4


def kind_of(width: int) -> str:
    """Give the kind of index for vectors of a width, as LanceDB calls it."""
    return "IVF_RQ" if width >= _LEAST_WIDTH_FOR_BITS and width % 8 == 0 else "IVF_SQ"


def cells_of(table: Any, settings: IndexSettings) -> int | None:
    """Give the number of cells of the index over a table's vectors; None where there is none."""
    names = _names(table)
    if not names:
        return None
    known = [int(name.removeprefix(_NAME)) for name in names if name.startswith(_NAME)]
    return max(known, default=max(1, table.count_rows() // settings.cell_rows))


def build_index(table: Any, width: int, settings: IndexSettings) -> None:
    """Build the index of a table that is large enough for one and has none, or has outgrown it.

    One that is there has been brought up to date by ``optimize``, which adds rows and no cells. Making it
    anew at four times the rows costs, over all times together, a third more than the last time alone.
    """
    count, cells = table.count_rows(), cells_of(table, settings)
    if cells is None and count * width < settings.exact_numbers:
        return
    if cells is not None and count <= settings.outgrown * cells * settings.cell_rows:
        return
    from lancedb.index import BTree, IvfRq, IvfSq

    wanted = max(1, count // settings.cell_rows)
    make = IvfRq if kind_of(width) == "IVF_RQ" else IvfSq
    before = _names(table)
    name = f"{_NAME}{wanted}"
    table.create_index("vector", config=make(distance_type="cosine", num_partitions=wanted), name=name)
    for one in before:
        if one != name:
            table.drop_index(one)
    if cells is None:
        table.create_index("row", config=BTree())


def probes_of(cells: int, settings: IndexSettings) -> int:
    """Give the number of cells to look through, of so many."""
    return min(cells, max(settings.least_probes, int(settings.probes * cells)))


def _names(table: Any) -> list[str]:
    return [str(index.name) for index in table.list_indices() if "vector" in index.columns]


def nearest(
    table: Any, query: NDArray[np.float32], count: int, probes: int, settings: IndexSettings
) -> Ranking:
    """Give the nearest rows that the index comes upon, scored with their kept vectors."""
    found: pa.Table = (
        table.search(query, vector_column_name="vector")
        .distance_type("cosine")
        .nprobes(probes)
        .refine_factor(settings.refine)
        .select(["row", "_distance"])
        .limit(count)
        .to_arrow()
    )
    rows = found.column("row").to_numpy()
    scores = (1 - found.column("_distance").to_numpy()).astype(np.float32)
    order = np.lexsort((rows, -scores))
    return Ranking(rows[order], scores[order])
