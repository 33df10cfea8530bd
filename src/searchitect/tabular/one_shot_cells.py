"""NAS-Bench-1Shot1 as benchmarks: its three spaces over the measurements of NAS-Bench-101.

Zela, Siems & Hutter, "NAS-Bench-1Shot1: benchmarking and dissecting one-shot neural architecture search", 2020. Every
cell of these spaces is a cell of NAS-Bench-101, so its row is found by the hash that NAS-Bench-101 gives to graphs.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

from searchitect import catalog
from searchitect.catalog.vertex_cells import Graph, graph_of, live, module_hash
from searchitect.errors import ConfigError, did_you_mean
from searchitect.spaces import Architecture, SearchSpace
from searchitect.tabular import graph_cells
from searchitect.tabular.table_benchmark import TableBenchmark

__all__ = ["ONE_SHOT", "PARTS", "one_shot_cells"]

ONE_SHOT = "nasbench1shot1"

PARTS = {"1": 6, "2": 6, "3": 7}
"""Name of each part, to the number of vertices of its cells."""


def one_shot_cells(part: str, pool: TableBenchmark) -> TableBenchmark:
    """Return the benchmark of one part: its space, and of its cells those that the table of NAS-Bench-101 holds.

    Args:
        part: "1", "2" or "3". All written cells are looked up: a second for the first two, a minute for the third.
        pool: the benchmark `nasbench101`.

    Raises:
        ConfigError: there is no such part.
    """
    if part not in PARTS:
        raise ConfigError(f"{ONE_SHOT} has no part {part!r}", hint=did_you_mean(part, PARTS))
    rows_of = {module_hash(*_written(member)): pool.rows[text] for text, member in pool.known.items()}
    hashed = functools.lru_cache(maxsize=None)(lambda graph: module_hash(*graph))
    space = SearchSpace.of(catalog.get(ONE_SHOT, part=int(part)))
    known: dict[str, Architecture] = {}
    rows: dict[str, tuple[int, ...]] = {}
    for architecture, graph in _cells(space, PARTS[part]):
        found = rows_of.get(hashed(graph))
        if found is not None:
            known[architecture.text], rows[architecture.text] = architecture, found
    about = f"NAS-Bench-1Shot1, part {part}: {len(known):,} written cells that the pool of NAS-Bench-101 holds"
    return dataclasses.replace(pool, name=f"{ONE_SHOT}/{part}", space=space.source, rows=rows, known=known, about=about)


def _cells(space: SearchSpace, vertices: int) -> Iterator[tuple[Architecture, Graph]]:
    for architecture in space.enumerate():
        yield architecture, live(*graph_of(architecture.decisions, vertices))


def _written(member: Architecture) -> Graph:
    """The graph of a row of the table, as the catalogue writes it."""
    inner = sum(path.startswith("op_") for path in member)
    matrix, names = graph_cells.graph_of(member.decisions, inner + 1).written()
    return tuple(map(tuple, matrix)), tuple(names[1:-1])
