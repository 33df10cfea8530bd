"""Compare the family `nasbench101` with the public pool of NAS-Bench-101, and count the whole space.

python benchmarks/nasbench101_exact.py FOLDER [--every 1]      parameters, hash and key of the cells in the table there
python benchmarks/nasbench101_exact.py --count [--vertices 7]  cells that differ, of at most so many vertices

The pool names its cells by the published hash. The count enumerates all graphs without dead nodes and keeps one of
each class of isomorphic ones, as the family's `canonical` does: 91, 2,532 and 423,624 cells of at most 4, 5 and 7
vertices are published. Ends with status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import torch

from searchitect import catalog, hardware
from searchitect.catalog.vertex_cells import VERTEX_OPERATIONS, Graph, graph_of, live, representative
from searchitect.spaces import SearchSpace, TaskSpec

CIFAR = TaskSpec((3, 32, 32), 10)
PUBLISHED = {4: 91, 5: 2_532, 7: 423_624}
MOST_EDGES = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--every", type=int, default=1, help="take every n-th cell only")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--vertices", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    wrong = 0 if options.folder is None else compare(options.folder, options.every)
    if options.count:
        start = time.process_time()
        found = sum(distinct(vertices) for vertices in range(2, options.vertices + 1))
        seconds = time.process_time() - start
        print(f"{found:,} cells of at most {options.vertices} vertices differ ({seconds:.0f} s of processor time)")
        wrong += found != PUBLISHED.get(options.vertices, found)
    raise SystemExit(1 if wrong else 0)


def compare(folder: Path, every: int) -> int:
    """Print and return how many cells differ in parameters or hash; keys must be as many as cells."""
    import pyarrow.parquet as parquet

    columns = ["adjacency_row_major", "operations", "params", "module_hash_md5"]
    rows = parquet.read_table(folder / "table.parquet", columns=columns).to_pylist()[::every]
    space = SearchSpace.of(catalog.get("nasbench101"))
    wrong, keys, start = 0, set(), time.process_time()
    for row in rows:
        decisions = catalog.from_vertex_strings(row["adjacency_row_major"], row["operations"])
        architecture = space.read({"decisions": decisions})
        keys.add(space.key(architecture))
        with torch.device("meta"):
            parameters = hardware.count_parameters(space.build(architecture, CIFAR))
        found = (parameters, catalog.module_hash(*graph_of(decisions, 7)))
        if found != (row["params"], row["module_hash_md5"]):
            wrong += 1
            print(f"{row}: built {found}", flush=True)
    seconds = time.process_time() - start
    print(f"{len(rows):,} cells, {wrong:,} differ, {len(keys):,} keys ({seconds:.0f} s of processor time)", flush=True)
    return wrong + (len(keys) != len(rows))


def distinct(vertices: int) -> int:
    """Return how many classes of isomorphic cells have exactly so many vertices, none of them dead."""
    pairs = list(itertools.combinations(range(vertices), 2))
    least = representative.__wrapped__  # without its cache, which would only fill memory here
    shapes: set[Graph] = set()
    for count in range(1, MOST_EDGES + 1):
        for edges in itertools.combinations(pairs, count):
            matrix = [[int((i, j) in edges) for j in range(vertices)] for i in range(vertices)]
            if _alive(matrix):
                shapes.add(least(live(matrix, VERTEX_OPERATIONS[:1] * (vertices - 2)), vertices - 2)[0])
    labels = list(itertools.product(VERTEX_OPERATIONS, repeat=vertices - 2))
    return sum(len({least((matrix, names), vertices - 2)[0] for names in labels}) for matrix, _ in shapes)


def _alive(matrix: list[list[int]]) -> bool:
    """Whether every node is read and reads, which in a forward graph puts each on a way from input to output."""
    last = len(matrix) - 1
    return all(any(matrix[i]) for i in range(last)) and all(any(row[j] for row in matrix) for j in range(1, last + 1))


if __name__ == "__main__":
    main()
