"""NAS-Bench-101 and NAS-Bench-1Shot1: graphs, their identity, their networks."""

from __future__ import annotations

import itertools
import random

import pytest
import torch

from searchitect import catalog, hardware
from searchitect.catalog.families.nasbench1shot1 import PARENTS
from searchitect.catalog.vertex_cells import graph_of, live, vertex_widths
from searchitect.errors import EvaluationError, SpaceError
from searchitect.spaces import SearchSpace, TaskSpec
from searchitect.testing.spaces import canonical_is_stable
from tests.catalog.published import rows

SPACE = SearchSpace.of(catalog.get("nasbench101"))
CIFAR = TaskSpec((3, 32, 32), 10)
RECORDED = (  # quoted with its record in other repositories
    "0100110001000000010010000010000001000000010000000",
    "input|conv3x3-bn-relu|maxpool3x3|conv3x3-bn-relu|conv3x3-bn-relu|conv1x1-bn-relu|output",
    "00005c142e6f48ac74fdcf73e3439874",
    8_555_530,
)


def parameters(space: SearchSpace, architecture, spec: TaskSpec = CIFAR) -> int:
    with torch.device("meta"):
        return hardware.count_parameters(space.build(architecture, spec))


def test_a_recorded_cell_has_its_published_hash_and_parameters():
    adjacency, operations, name, published = RECORDED
    decisions = catalog.from_vertex_strings(adjacency, operations)
    assert catalog.module_hash(*graph_of(decisions, 7)) == name
    assert parameters(SPACE, SPACE.read({"decisions": decisions})) == published
    assert catalog.to_vertex_strings(decisions) == (adjacency, operations)


@pytest.mark.data
def test_a_sample_of_the_pool_has_its_hash_its_parameters_and_its_own_key():
    table = rows("nas_bench_101_subset", ["adjacency_row_major", "operations", "params", "module_hash_md5"])
    keys = set()
    for row in random.Random(0).sample(table, 20):
        decisions = catalog.from_vertex_strings(row["adjacency_row_major"], row["operations"])
        architecture = SPACE.read({"decisions": decisions})
        assert catalog.module_hash(*graph_of(decisions, 7)) == row["module_hash_md5"]
        assert parameters(SPACE, architecture) == row["params"]
        keys.add(SPACE.key(architecture))
    assert len(keys) == 20


@pytest.mark.parametrize(("vertices", "cells"), [(4, 91), (5, 2_532)])
def test_keys_give_the_published_number_of_small_cells(vertices, cells):
    space = SearchSpace.of(catalog.get("nasbench101", vertices=vertices))
    assert len({space.key(a) for a in space.enumerate()}) == cells


def test_samples_and_mutants_are_connected_cells_of_at_most_nine_edges():
    rng = random.Random(0)
    for _ in range(100):
        architecture = SPACE.sample(rng)
        for a in (architecture, SPACE.mutate(architecture, rng)):
            matrix, _ = live(*graph_of(a.decisions, 7))
            assert 1 <= sum(map(sum, matrix)) <= 9
            assert canonical_is_stable(SPACE, a, rng)


def test_equal_hashes_and_equal_keys_are_the_same_for_random_cells():
    rng = random.Random(1)
    pairs = {(SPACE.key(a), catalog.module_hash(*graph_of(a.decisions, 7))) for a in map(SPACE.sample, [rng] * 300)}
    assert len(pairs) == len({key for key, _ in pairs}) == len({name for _, name in pairs})


def test_a_dead_node_changes_neither_key_nor_parameters():
    cell = catalog.from_vertex_strings("0100001000010000", "input|conv3x3-bn-relu|maxpool3x3|output")
    plain, dangling = (SPACE.read({"decisions": cell | extra}) for extra in ({}, {"edge_1_4": 1, "edge_3_5": 1}))
    assert plain != dangling
    assert SPACE.key(plain) == SPACE.key(dangling)
    assert parameters(SPACE, plain) == parameters(SPACE, dangling)


@pytest.mark.parametrize(
    ("edges", "widths"),
    [
        ([(0, 1), (1, 2), (2, 3)], [8, 10, 10, 10]),  # a chain keeps all channels
        ([(0, 1), (0, 2), (1, 3), (2, 3)], [8, 5, 5, 10]),  # two share them
        ([(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)], [8, 4, 3, 3, 10]),  # the first takes what is left over
        ([(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)], [8, 5, 5, 5, 10]),  # as many as the widest reader
    ],
)
def test_channels_are_shared_as_published(edges, widths):
    count = len(widths)
    matrix = [[int((i, j) in edges) for j in range(count)] for i in range(count)]
    assert vertex_widths(matrix, 8, 10) == widths


def test_a_cell_without_inner_nodes_projects_its_input():
    space = SearchSpace.of(catalog.get("nasbench101", cells=1, channels=4))
    architecture = space.read({"decisions": catalog.from_vertex_strings("0100", "input|output")})
    # 3×3 stem, three 1×1 projections, each with two values of batch norm per channel, and the classifier
    expected = (9 * 3 + 2) * 4 + sum(c * w + 2 * w for c, w in ((4, 4), (4, 8), (8, 16))) + 17 * 10
    assert parameters(space, architecture) == expected


@pytest.mark.parametrize(
    ("adjacency", "operations", "words"),
    [
        ("0100", "input|maxpool3x3|output", "the 3 × 3 bits"),
        ("0" * 64, "|".join("x" * 8), "2 to 7 nodes"),
        ("012000000", "input|maxpool3x3|output", "bits of a matrix"),
        ("010001100", "input|maxpool3x3|output", "not upper-triangular"),
        ("010001000", "input|maxpool2x2|output", "did you mean 'maxpool3x3'"),
    ],
)
def test_other_text_is_no_cell(adjacency, operations, words):
    with pytest.raises(SpaceError, match=words):
        catalog.from_vertex_strings(adjacency, operations)


def test_parameters_that_make_no_space_are_refused():
    with pytest.raises(SpaceError, match="3 to 7 vertices"):
        catalog.get("nasbench101", vertices=8)
    with pytest.raises(SpaceError, match="parts 1, 2 and 3"):
        catalog.get("nasbench1shot1", part=4)


def test_more_nodes_than_channels_are_a_failed_candidate():
    space = SearchSpace.of(catalog.get("nasbench101", channels=1))
    cell = catalog.from_vertex_strings("0110000100010000", "input|maxpool3x3|maxpool3x3|output")
    with pytest.raises(EvaluationError, match="1 channels cannot be shared by 2 nodes"):
        space.build(space.read({"decisions": cell}), CIFAR)


PRINTED = {1: 6_240, 2: 16_632, 3: 363_648}  # the paper prints 29,160 for the second, all written architectures


@pytest.mark.parametrize(("part", "written"), [(1, 14_580), (2, 29_160), (3, 1_312_200)])
def test_the_one_shot_spaces_have_the_published_sizes(part, written):
    space = SearchSpace.of(catalog.get("nasbench1shot1", part=part))
    assert space.size() == written
    inner = len(PARENTS[part]) - 2
    wirings: dict[tuple[object, ...], int] = {}
    first = {f"operation_{i}": "maxpool3x3" for i in range(1, inner + 1)}
    for parents in wirings_of(part):
        matrix, _ = graph_of(parents | first, inner + 2)
        wirings[matrix] = 3 ** sum(any(row) for row in matrix[1:-1])
    assert sum(wirings.values()) == PRINTED[part]


def wirings_of(part):
    counts = PARENTS[part]
    names = [f"parents_{j}" for j in range(1, len(counts) - 1)] + ["parents_output"]
    choices = [itertools.combinations(range(j), counts[j]) for j in range(1, len(counts))]
    return (dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*choices))


def test_keys_of_the_first_one_shot_space_are_the_published_hashes():
    space = SearchSpace.of(catalog.get("nasbench1shot1"))
    pairs = {(space.key(a), catalog.module_hash(*graph_of(a.decisions, 6))) for a in space.enumerate()}
    assert len(pairs) == len({key for key, _ in pairs}) == len({name for _, name in pairs}) == 2_685


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_one_shot_cell_is_the_same_network_as_its_nasbench101_cell(part):
    space, rng = SearchSpace.of(catalog.get("nasbench1shot1", part=part)), random.Random(part)
    for _ in range(20):
        architecture = space.sample(rng)
        same = SPACE.read(
            {"decisions": catalog.from_vertex_strings(*catalog.to_vertex_strings(architecture.decisions))}
        )
        assert parameters(space, architecture) == parameters(SPACE, same)
        assert space.contains(space.canonical(architecture))
        assert canonical_is_stable(space, architecture, rng)
