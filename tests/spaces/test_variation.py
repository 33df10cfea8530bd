"""Moves: what they touch, what they leave alone, and what they do where conditions are in the way."""

from __future__ import annotations

import random
import statistics
from collections import Counter

import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import make_space
from tests.spaces.families import Average, Block, Classifier, Max, NasBench201, Tied


def test_a_cell_of_nas_bench_201_has_24_neighbours() -> None:
    space = sa.SearchSpace.of(NasBench201)
    near = list(space.neighbours(space.default()))
    assert len(set(near)) == 6 * 4
    assert all(sum(n[p] != v for p, v in space.default().items()) == 1 for n in near)


def test_a_repeat_grows_by_a_copy_of_its_last_element_and_shrinks_at_the_end() -> None:
    space = sa.SearchSpace.of(Classifier)
    blocks = (Block(16, 3, "relu"), Block(64, 5, "gelu"))
    start = sa.Architecture.of(Classifier(blocks, Max(), (0,), None, 0.01))
    lengths = [space.instance(n).blocks for n in space.neighbours(start) if n["blocks.length"] != 2]
    assert lengths == [blocks[:1], (*blocks, blocks[1])]


def test_an_empty_repeat_grows_by_the_default() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"blocks": sa.repeat(Block, 0, 2)}))
    (near,) = space.neighbours(space.default())
    assert space.instance(near).blocks == (Block(16, 3, "relu"),)


def test_neighbours_of_numbers_and_subsets() -> None:
    fields = {
        "depth": sa.integer(2, 10, step=4),
        "width": sa.integer(1, 1000, log=True),
        "units": sa.integer(8, 512, step=8),
        "rate": sa.real(1e-4, 1.0, log=True),
        "wires": sa.subset("abc", 1, 2),
    }
    space = sa.SearchSpace.of(make_space("Net", fields))
    start = space.read({"decisions": {"depth": 6, "width": 100, "units": 24, "rate": 0.01, "wires": ["b"]}})
    changed: dict[str, list[object]] = {}
    for near in space.neighbours(start):
        ((path, value),) = [(p, v) for p, v in near.items() if v != start[p]]
        changed.setdefault(path, []).append(value)
    assert changed["depth"] == [2, 10]
    assert changed["width"] == [99, 101, 47, 214]
    assert changed["units"] == [16, 32, 8, 72], "the next ones and those a tenth of the range away, within its ends"
    assert changed["rate"] == [pytest.approx(10**-2.4), pytest.approx(10**-1.6)]
    assert set(changed["wires"]) == {("a", "b"), ("b", "c"), ("a",), ("c",)}


def test_mutation_chooses_evenly_among_active_decisions_that_can_change() -> None:
    fields = {"one": sa.choice(1), "a": sa.choice(1, 2), "pool": sa.choice(Max, Average), "rate": sa.real(0, 1)}
    space = sa.SearchSpace.of(make_space("Net", fields))
    start = space.default()
    rng = random.Random(0)
    changed = Counter(
        next(path for path in start if child[path] != start[path])
        for child in (space.mutate(start, rng) for _ in range(3_000))
    )
    assert set(changed) == {"a", "pool", "rate"}
    assert max(changed.values()) - min(changed.values()) < 150


def test_a_mutated_real_moves_by_a_tenth_of_its_log_range() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"rate": sa.real(1e-4, 1.0, log=True)}))
    start, rng = space.default(), random.Random(1)
    moves = [float(space.encode(space.mutate(start, rng), "unit_cube")[0]) - 0.5 for _ in range(3_000)]
    assert statistics.stdev(moves) == pytest.approx(0.1, rel=0.06)
    assert statistics.mean(moves) == pytest.approx(0.0, abs=0.01)


def test_a_mutated_choice_keeps_everything_else_and_draws_what_is_new() -> None:
    space = sa.SearchSpace.of(Classifier)
    start = sa.Architecture.of(Classifier((Block(64, 5, "gelu"),), Max(), (3,), None, 0.05))
    rng = random.Random(2)
    pooled = [c for c in (space.mutate(start, rng) for _ in range(400)) if c["pool"] == "Average"]
    assert {c["pool.Average.size"] for c in pooled} == {2, 3}
    assert all(c[path] == value for c in pooled for path, value in start.items() if path != "pool")


def test_a_space_of_one_cannot_be_mutated() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"width": sa.choice(3), "blocks": sa.repeat(Max, 2, 2)}))
    with pytest.raises(SpaceError, match="one architecture only"):
        space.mutate(space.default(), random.Random(0))
    assert list(space.neighbours(space.default())) == []


def test_conditions_that_leave_one_architecture_say_so() -> None:
    @sa.space
    class Net:
        width: int = sa.integer(1, 4)

        @sa.constraint
        def three(self) -> bool:
            return self.width == 3

    space = sa.SearchSpace.of(Net)
    with pytest.raises(SpaceError, match="leave no second architecture"):
        space.mutate(space.default(), random.Random(0))


def test_where_no_single_change_is_valid_mutation_draws_another_architecture() -> None:
    @sa.space
    class Net:
        width: int = sa.integer(1, 4)
        depth: int = sa.integer(1, 4)

        @sa.constraint
        def equal(self) -> bool:
            return self.width == self.depth

    space = sa.SearchSpace.of(Net)
    rng = random.Random(0)
    start = space.default()
    assert list(space.neighbours(start)) == []
    assert {space.mutate(start, rng)["width"] for _ in range(100)} == {2, 3, 4}


def test_crossover_mixes_both_parents() -> None:
    space = sa.SearchSpace.of(NasBench201)
    first = space.read({"decisions": {"edges.length": 6, **{f"edges.{i}": "none" for i in range(6)}}})
    second = space.read({"decisions": {"edges.length": 6, **{f"edges.{i}": "avg_pool_3x3" for i in range(6)}}})
    rng = random.Random(0)
    shares = [sum(v == "none" for v in space.crossover(first, second, rng).decisions.values()) for _ in range(500)]
    assert statistics.mean(shares) == pytest.approx(3.0, abs=0.2)
    assert {0, 6} <= set(shares)


def test_a_child_that_conditions_forbid_is_not_made() -> None:
    space = sa.SearchSpace.of(Tied)
    first = sa.Architecture.of(Tied(1, "a", 6, 0.5))
    second = sa.Architecture.of(Tied(6, "b", 1, 0.5))
    rng = random.Random(0)
    children = {tuple(space.crossover(first, second, rng).decisions.values()) for _ in range(100)}
    assert {(w, d) for w, _, d, _ in children} == {(1, 6), (6, 1), (1, 1)}


def test_the_same_generator_gives_the_same_moves() -> None:
    space = sa.SearchSpace.of(Classifier)

    def walk(seed: int) -> list[str]:
        rng = random.Random(seed)
        here, seen = space.sample(rng), []
        for _ in range(20):
            here = space.crossover(space.mutate(here, rng), space.sample(rng), rng)
            seen.append(here.text)
        return seen

    assert walk(7) == walk(7)
    assert walk(7) != walk(8)
