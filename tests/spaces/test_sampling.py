"""Exact sizes, the two meanings of uniform, and conditions that always hold."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import make_space
from tests.spaces.families import Average, Block, Max, NasBench201, Tied


def chi_square(drawn: Counter[Any], expected: dict[Any, float], draws: int) -> float:
    return sum((drawn[value] - draws * p) ** 2 / (draws * p) for value, p in expected.items())


def limit(cells: int) -> float:
    """Above this the chi-square of a fair draw lies less than once in a thousand (Wilson and Hilferty 1931)."""
    degrees = cells - 1
    return degrees * (1 - 2 / (9 * degrees) + 3.09 * math.sqrt(2 / (9 * degrees))) ** 3


def test_nas_bench_201_has_15_625_cells() -> None:
    assert sa.SearchSpace.of(NasBench201).size() == 15_625


def test_a_size_beyond_10_to_the_18_is_exact_and_takes_milliseconds() -> None:
    @sa.space
    class Stage:
        blocks: tuple[Block, ...] = sa.repeat(Block, 1, 4)
        pool: Max | Average = sa.choice(Max, Average)
        inputs: tuple[int, ...] = sa.subset(range(4), 1, 2)
        rate: float | None = sa.optional(sa.real(0.0, 1.0))

    @sa.space
    class Large:
        layers: tuple[Stage, ...] = sa.repeat(Stage, 2, 5)
        width: int = sa.integer(1, 10**9)

    space = sa.SearchSpace.of(Large)
    one = sum(12**n for n in range(1, 5)) * 3 * 10 * 2
    assert space.size() == sum(one**n for n in range(2, 6)) * 10**9, "listing them would never end"
    assert space.size() > 10**18
    assert not space.is_finite


def test_enumeration_is_lazy() -> None:
    space = sa.SearchSpace.of(make_space("Large", {"width": sa.repeat(sa.integer(1, 10**9), 3, 9)}))
    first = [architecture.decisions for _, architecture in zip(range(2), space.enumerate(), strict=False)]
    assert first[0] == {"width.length": 3, "width.0": 1, "width.1": 1, "width.2": 1}
    assert first[1]["width.2"] == 2


def test_a_real_number_counts_as_one() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"rate": sa.real(0, 1), "width": sa.choice(1, 2)}))
    assert space.size() == len(list(space.enumerate())) == 2
    assert not space.is_finite
    assert sa.SearchSpace.of(Average).is_finite


def test_uniform_over_decisions_makes_short_repeats_as_likely_as_long_ones() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"parts": sa.repeat(sa.choice(0, 1), 1, 3)}))
    rng, draws = random.Random(1), 3_000
    drawn = Counter(space.sample(rng)["parts.length"] for _ in range(draws))
    assert chi_square(drawn, dict.fromkeys((1, 2, 3), 1 / 3), draws) < limit(3)


def test_uniform_over_architectures_makes_every_architecture_equally_likely() -> None:
    fields = {
        "parts": sa.repeat(sa.choice(0, 1), 1, 3),
        "head": sa.optional(Average),
        "wires": sa.subset("ab", 0, 2),
    }
    space = sa.SearchSpace.of(make_space("Net", fields))
    rng, draws = random.Random(2), 8_000
    drawn = Counter(space.sample(rng, uniform="architectures") for _ in range(draws))
    assert space.size() == (2 + 4 + 8) * 3 * 4
    assert chi_square(drawn, dict.fromkeys(space.enumerate(), 1 / space.size()), draws) < limit(space.size())


def test_uniform_over_architectures_respects_conditions_exactly() -> None:
    space = sa.SearchSpace.of(Tied)
    rng, draws = random.Random(3), 6_000
    drawn = Counter(
        (a["width"], a["depth"], a["name"]) for a in (space.sample(rng, "architectures") for _ in range(draws))
    )
    valid = [(w, d, n) for w in range(1, 7) for d in range(1, 7) for n in "ab" if w * d <= 8]
    assert space.size() == len(valid)
    assert chi_square(drawn, dict.fromkeys(valid, 1 / len(valid)), draws) < limit(len(valid))


def test_prior_weights_are_followed_over_decisions_and_ignored_over_architectures() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"width": sa.choice("a", "b", "c", weights=[6, 3, 1])}))
    rng, draws = random.Random(4), 4_000
    by_decisions = Counter(space.sample(rng)["width"] for _ in range(draws))
    assert chi_square(by_decisions, {"a": 0.6, "b": 0.3, "c": 0.1}, draws) < limit(3)
    by_architectures = Counter(space.sample(rng, "architectures")["width"] for _ in range(draws))
    assert chi_square(by_architectures, dict.fromkeys("abc", 1 / 3), draws) < limit(3)


def test_an_option_without_weight_is_never_drawn_but_valid() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"width": sa.choice(1, 2, 3, weights=[1, 1, 0])}))
    rng = random.Random(0)
    assert {space.sample(rng)["width"] for _ in range(200)} == {1, 2}
    assert space.size() == 3


def test_log_scales_make_every_doubling_equally_likely() -> None:
    fields = {"rate": sa.real(1e-4, 1.0, log=True), "width": sa.integer(1, 1023, log=True)}
    space = sa.SearchSpace.of(make_space("Net", fields))
    rng, draws = random.Random(5), 4_000
    drawn = [space.sample(rng) for _ in range(draws)]
    decades = Counter(math.floor(math.log10(a["rate"])) for a in drawn)  # type: ignore[arg-type]
    assert chi_square(decades, dict.fromkeys((-4, -3, -2, -1), 0.25), draws) < limit(4)
    edges = [0.5, 3.5, 31.5, 1023.5]
    expected = {i: math.log(edges[i + 1] / edges[i]) / math.log(1023.5 / 0.5) for i in range(3)}
    groups = Counter(0 if a["width"] < 4 else 1 if a["width"] < 32 else 2 for a in drawn)  # type: ignore[operator]
    assert chi_square(groups, expected, draws) < limit(3)


def test_a_rare_condition_falls_back_on_the_list_of_valid_ones_with_their_weights() -> None:
    @sa.space
    class Rare:
        first: int = sa.choice(*range(100), weights=[*[0.0] * 49, 1.0, 3.0, *[96.0 / 49] * 49])
        second: int = sa.integer(0, 99)
        third: int = sa.integer(0, 9)

        @sa.constraint("first", "second")
        def equal_and_middle(self) -> bool:
            return self.first == self.second and self.first in (49, 50)

    space = sa.SearchSpace.of(Rare)
    rng, draws = random.Random(6), 2_000
    drawn = Counter(space.sample(rng)["first"] for _ in range(draws))
    assert space.size() == 20
    assert set(drawn) == {49, 50}
    assert chi_square(drawn, {49: 0.25, 50: 0.75}, draws) < limit(2)
    evenly = Counter(space.sample(rng, "architectures")["first"] for _ in range(draws))
    assert chi_square(evenly, {49: 0.5, 50: 0.5}, draws) < limit(2)


def test_what_was_drawn_before_changes_no_sample() -> None:
    def fresh() -> sa.SearchSpace:
        @sa.space
        class Rare:
            first: int = sa.integer(0, 99)
            second: int = sa.integer(0, 99)

            @sa.constraint
            def related(self) -> bool:
                return self.second == 7 * self.first % 100

        return sa.SearchSpace.of(Rare)

    used, unused = fresh(), fresh()
    used.size()
    for seed in range(50):
        used.sample(random.Random(seed))
    assert [used.sample(random.Random(s)).text for s in (3, 4)] == [
        unused.sample(random.Random(s)).text for s in (3, 4)
    ]


def test_contradictory_conditions_say_so() -> None:
    @sa.space
    class Impossible:
        width: int = sa.integer(1, 9)

        @sa.constraint
        def wide(self) -> bool:
            """The width is above 100."""
            return self.width > 100

    space = sa.SearchSpace.of(Impossible)
    with pytest.raises(SpaceError, match=r"no architecture satisfies 'wide' \(The width is above 100\)"):
        space.sample(random.Random(0))
    with pytest.raises(SpaceError, match="no architecture satisfies"):
        space.default()
    assert space.size() == 0


def test_a_condition_over_too_many_assignments_says_what_to_declare() -> None:
    @sa.space
    class Bare:
        width: int = sa.integer(1, 1000)
        depth: int = sa.integer(1, 1000)

        @sa.constraint
        def small(self) -> bool:
            return self.width * self.depth < 5_000

    space = sa.SearchSpace.of(Bare)
    with pytest.raises(SpaceError, match=r"(?s)ties together 1,000,000 assignments of width, depth.*@sa\.constraint\("):
        space.size()
    assert space.contains(space.sample(random.Random(0)))


def test_a_condition_on_a_real_number_cannot_be_counted_but_holds() -> None:
    @sa.space
    class Net:
        rate: float = sa.real(0.0, 1.0)
        width: int = sa.integer(1, 4)

        @sa.constraint
        def low(self) -> bool:
            return self.rate * self.width < 1

    space = sa.SearchSpace.of(Net)
    rng = random.Random(0)
    with pytest.raises(SpaceError, match="real numbers among"):
        space.size()
    assert all(space.contains(space.sample(rng)) for _ in range(50))


def test_a_hopeless_condition_on_a_large_space_ends() -> None:
    @sa.space
    class Net:
        rate: float = sa.real(0.0, 1.0)

        @sa.constraint
        def never(self) -> bool:
            return self.rate > 2

    with pytest.raises(SpaceError, match="found no architecture that satisfies 'never'"):
        sa.SearchSpace.of(Net).sample(random.Random(0))


def test_a_condition_that_reads_more_than_it_named_is_found() -> None:
    @sa.space
    class Net:
        width: int = sa.integer(1, 4)
        depth: int = sa.integer(1, 4)

        @sa.constraint("width")
        def small(self) -> bool:
            return self.width < self.depth

    with pytest.raises(SpaceError, match=r"(?s)Net\.small failed: .*depth.*name every field it reads"):
        sa.SearchSpace.of(Net).sample(random.Random(0))


@pytest.mark.parametrize("answer", [None, "yes", 1])
def test_a_condition_that_returns_no_boolean_is_refused(answer: object) -> None:
    @sa.space
    class Net:
        width: int = sa.integer(1, 4)

        @sa.constraint
        def odd(self) -> bool:
            return answer  # type: ignore[return-value]

    with pytest.raises(SpaceError, match=r"Net\.odd returned .*, expected True or False"):
        sa.SearchSpace.of(Net).sample(random.Random(0))


def test_a_condition_that_raises_names_itself() -> None:
    @sa.space
    class Net:
        width: int = sa.integer(0, 4)

        @sa.constraint
        def odd(self) -> bool:
            return 1 // self.width > 0

    with pytest.raises(SpaceError, match=r"Net\.odd failed: ZeroDivisionError"):
        list(sa.SearchSpace.of(Net).enumerate())


def test_separate_conditions_are_counted_apart() -> None:
    @sa.space
    class Net:
        a: int = sa.integer(1, 300)
        b: int = sa.integer(1, 300)
        c: int = sa.integer(1, 300)
        d: int = sa.integer(1, 300)
        e: int = sa.integer(1, 10)

        @sa.constraint("a", "b")
        def first(self) -> bool:
            return self.a < self.b

        @sa.constraint("c", "d")
        def second(self) -> bool:
            return self.c == self.d

    pairs = 300 * 299 // 2
    assert sa.SearchSpace.of(Net).size() == pairs * 300 * 10


def test_conditions_inside_a_repeated_space_hold_in_every_element() -> None:
    @sa.space
    class Net:
        parts: tuple[Tied, ...] = sa.repeat(Tied, 2, 3)
        best: int = sa.choice(1, 2)

    one = sa.SearchSpace.of(Tied).size()
    space = sa.SearchSpace.of(Net)
    assert space.size() == 2 * (one**2 + one**3)
    rng = random.Random(0)
    for _ in range(50):
        architecture = space.mutate(space.sample(rng), rng)
        assert space.contains(architecture)
        assert list(space.violations(architecture)) == []


def test_an_unknown_way_of_sampling_is_refused() -> None:
    with pytest.raises(SpaceError, match="'decisions' or 'architectures'"):
        sa.SearchSpace.of(Average).sample(random.Random(0), "evenly")  # type: ignore[arg-type]


def test_conditions_that_share_a_field_hold_together() -> None:
    @sa.space
    class Net:
        a: int = sa.integer(1, 6)
        b: int = sa.integer(1, 6)
        c: int = sa.integer(1, 6)
        d: int = sa.integer(1, 6)

        @sa.constraint("a", "b")
        def first(self) -> bool:
            return self.a < self.b

        @sa.constraint("c", "d")
        def second(self) -> bool:
            return self.c < self.d

        @sa.constraint("b", "c")
        def third(self) -> bool:
            return self.b < self.c

    space = sa.SearchSpace.of(Net)
    assert space.size() == len(list(space.enumerate())) == math.comb(6, 4)
    rng = random.Random(0)
    assert all(space.contains(space.sample(rng)) for _ in range(100))
