"""Which subnets a step trains: counted exactly."""

from collections import Counter
from itertools import product

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces import SearchSpace
from searchitect.supernet.members import Members, members_of
from searchitect.supernet.open_build import open_build
from searchitect.supernet.paths import fair, sandwich, uniform
from searchitect.supernet.shrinking import phases_of, shrinking
from tests.supernet.killed_training import Small
from tests.supernet.planted import OPERATIONS, Planted
from tests.supernet.spaces import Open


@sa.space
class Uneven:
    three: str = sa.choice("a", "b", "c")
    two: int = sa.choice(8, 16)
    five: int = sa.integer(1, 5)


@sa.space
class Inner:
    kernel: int = sa.choice(3, 5, 7)
    width: int = sa.choice(8, 16)


@sa.space
class Other:
    rate: int = sa.choice(1, 2, 3)


@sa.space
class Nested:
    operation: Inner | Other = sa.choice(Inner, Other)
    elements: tuple[Inner, ...] = sa.repeat(Inner, 1, 3)
    extra: Other | None = sa.optional(Other)


@sa.space
class Bound:
    width: int = sa.choice(8, 16, 32, 64)
    depth: int = sa.choice(1, 2, 3, 4)

    @sa.constraint("width", "depth")
    def small(self) -> bool:
        return self.width * self.depth <= 64


def members(space, **fixed):
    return Members(SearchSpace.of(space), fixed)


# Every kind of path.


@pytest.mark.parametrize("space", [Uneven, Nested, Bound, Open, Small])
@pytest.mark.parametrize("make", [uniform, fair, sandwich])
def test_paths_belong_to_the_space_and_follow_from_seed_and_step(space, make):
    among = members(space)
    paths, again, other = make(among, 3), make(among, 3), make(among, 4)
    steps = range(20)
    assert all(among.holds(path) for step in steps for path in paths(step))
    assert [paths(step) for step in steps] == [again(step) for step in reversed(steps)][::-1]
    assert [paths(step) for step in steps] != [other(step) for step in steps]


@pytest.mark.parametrize("make", [uniform, fair, sandwich])
def test_what_is_fixed_stays_fixed(make):
    among = members(Uneven, two=16)
    assert {path["two"] for step in range(20) for path in make(among, 0)(step)} == {16}


# Uniform.


def test_uniform_paths_are_even_over_the_options_whatever_people_prefer():
    @sa.space
    class Preferred:
        kind: str = sa.choice("a", "b", weights=(0.99, 0.01))

    counts = Counter(path["kind"] for step in range(2_000) for path in uniform(members(Preferred), 0)(step))
    assert abs(counts["a"] - 1_000) < 120


def test_uniform_over_architectures_draws_long_repeats_more_often():
    among = members(Nested)
    lengths = {
        over: Counter(uniform(among, 0, over=over)(step)[0]["elements.length"] for step in range(300))
        for over in ("decisions", "architectures")
    }
    assert abs(lengths["decisions"][3] - 100) < 40
    assert lengths["architectures"][3] > 220  # 216 of the 258 ways


# Strict fairness.


def test_every_option_is_trained_exactly_once_in_every_step():
    paths = fair(members(Planted), 0)
    for step in range(50):
        found = paths(step)
        assert len(found) == len(OPERATIONS)
        for edge in range(4):
            assert sorted(path[f"edge_{edge}"] for path in found) == sorted(OPERATIONS)


def test_edges_are_combined_at_random():
    paths = fair(members(Planted), 0)
    pairs = Counter((path["edge_0"], path["edge_1"]) for step in range(200) for path in paths(step))
    assert set(pairs) == set(product(OPERATIONS, OPERATIONS))
    assert max(pairs.values()) < 90  # 50 expected


def test_shorter_lists_take_turns_so_that_counts_differ_by_one_at_most():
    paths, counts = fair(members(Uneven), 0), {name: Counter() for name in ("three", "two", "five")}
    assert len(paths(0)) == 5
    for step in range(40):
        for path in paths(step):
            for name, counter in counts.items():
                counter[path[name]] += 1
        assert max(counts["five"].values()) == min(counts["five"].values()) == step + 1
        for name, options in (("three", 3), ("two", 2)):
            found = [counts[name][value] for value in counts[name]] + [0] * (options - len(counts[name]))
            assert max(found) - min(found) <= 1


@pytest.mark.parametrize("count", [None, 1, 4])
def test_conditional_decisions_take_turns_among_the_paths_that_reach_them(count):
    paths, counts = fair(members(Nested), 0, count=count), {}
    for step in range(60):
        for path in paths(step):
            for name, value in path.items():
                counts.setdefault(name, Counter())[value] += 1
    sizes = {decision.path: len(decision.options or (1, 2, 3)) for decision in members(Nested).space.decisions()}
    assert counts.keys() == sizes.keys()
    for name, counter in counts.items():
        assert len(counter) == sizes[name]
        assert max(counter.values()) - min(counter.values()) <= 1, name


def test_fair_paths_keep_constraints_and_train_everything():
    among = members(Bound)
    found = [path for step in range(100) for path in fair(among, 0)(step)]
    assert all(among.holds(path) for path in found)
    assert len(set(found)) == among.space.size()


def test_a_step_without_paths_is_refused():
    with pytest.raises(ConfigError, match="at least one path, got 0"):
        fair(members(Uneven), 0, count=0)


# The sandwich.


def test_every_step_trains_the_largest_and_the_smallest():
    among = members(Small)
    paths = sandwich(among, 0, randoms=2)
    for step in range(20):
        first, second, *others = paths(step)
        assert (first["stem"], first["kernel"], first["layers.length"]) == (8, 3, 3)
        assert (second["stem"], second["kernel"], second["layers.length"]) == (4, 1, 1)
        assert len(others) <= 2
        assert all(first[f"layers.{i}.width"] == 8 for i in range(3))


def test_what_has_no_order_is_the_same_in_all_paths_of_a_step():
    paths, seen = sandwich(members(Small), 0), set()
    for step in range(30):
        found = paths(step)
        assert len({path["layers.0.activation"] for path in found}) == 1
        seen.add(found[0]["layers.0.activation"])
    assert seen == {"relu", "gelu", "prelu"}


def test_equal_paths_are_trained_once():
    assert {len(sandwich(members(Planted), 0)(step)) for step in range(20)} == {1}


def test_the_extremes_go_as_far_as_the_constraints_allow():
    among = members(Bound)
    assert among.smallest.decisions == {"width": 8, "depth": 1}
    largest = among.largest
    assert largest["width"] * largest["depth"] == 64


def test_the_largest_option_is_the_one_with_the_most_weights():
    supernet = open_build(Open, sa.TaskSpec((3, 8, 8), 5), check=False)
    largest = members_of(supernet).largest
    assert largest["blocks.0.operation"] == "Plain"  # 5x5 in full against 7x7 by channel and 1x1
    assert largest["blocks.0.activation"] == "prelu"
    assert largest["stem"] == 16
    assert members_of(supernet).smallest["blocks.0.operation"] == "Skip"


# Progressive shrinking.


def test_phases_open_kernels_then_depths_then_widths():
    kernels, depths, widths = phases_of(members(Small))
    assert kernels == {"kernel"}
    assert depths == {"layers.length"}
    assert widths == {"stem", *(f"layers.{i}.width" for i in range(3))}


def test_what_is_not_open_yet_keeps_its_largest_value():
    among = members(Small)
    phases = phases_of(among)
    seen = []
    for phase in range(len(phases) + 1):
        paths = shrinking(among, 0, phases, phase, count=4)
        found = [path for step in range(50) for path in paths(step)]
        seen.append({name: {path[name] for path in found} for name in ("kernel", "layers.length", "stem")})
    assert seen == [
        {"kernel": {3}, "layers.length": {3}, "stem": {8}},
        {"kernel": {1, 3}, "layers.length": {3}, "stem": {8}},
        {"kernel": {1, 3}, "layers.length": {1, 2, 3}, "stem": {8}},
        {"kernel": {1, 3}, "layers.length": {1, 2, 3}, "stem": {4, 8}},
    ]
    assert len(shrinking(among, 0, phases, 0, count=4)(0)) == 1
    assert len(shrinking(among, 0, phases, 1, count=4)(0)) == 5


def test_phases_can_be_named():
    among = members(Small)
    assert phases_of(among, [("stem", "width"), ("kernel", "length")]) == (
        frozenset({"stem", *(f"layers.{i}.width" for i in range(3))}),
        frozenset({"kernel", "layers.length"}),
    )


def test_a_decision_that_no_phase_opens_is_named():
    with pytest.raises(ConfigError, match=r"no phase opens layers.0.width, layers.1.width"):
        phases_of(members(Small), [("kernel",), ("stem", "length")])
    with pytest.raises(ConfigError, match=r"phase 2 opens no decision: kernels\n.*decisions: stem, kernel"):
        phases_of(members(Small), [("*",), ("kernels",)])


def test_samples_are_drawn_where_constraints_are_rarely_met():
    @sa.space
    class Rare:
        numbers: tuple[int, ...] = sa.repeat(sa.integer(0, 99), 3, 3)

        @sa.constraint("numbers")
        def rising(self) -> bool:
            return list(self.numbers) == list(range(self.numbers[0], self.numbers[0] + 3))

    @sa.space
    class Pair:
        first: int = sa.integer(0, 199)
        second: int = sa.integer(0, 199)

        @sa.constraint("first", "second")
        def equal(self) -> bool:
            return self.first == self.second

    among = members(Pair)
    assert all(among.holds(among.sample(stream(0, n))) for n in range(10))
