import collections
import math

import pytest

import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies.policy import drawn
from searchitect.strategies.steps import BINS, Steps
from tests.strategies.spaces import Conditional


@sa.space
class Many:
    weighted: str = sa.choice("a", "b", "never", weights=(3, 1, 0))
    long: int = sa.integer(1, 1000)
    scale: int = sa.integer(1, 5000, log=True)
    rate: float = sa.real(1e-4, 1.0, log=True)
    inputs: tuple[int, ...] = sa.subset(range(12), 2, 6)


@sa.space
class Tree:
    size: int = sa.choice(1, 2)
    child: "Tree | None" = sa.optional(sa.recursive("Tree", depth=12))
    other: "Tree | None" = sa.optional(sa.recursive("Tree", depth=12))


def by_prior(rng):
    def pick(step):
        total, shares = 0.0, []
        for log in step.prior:
            total += math.exp(log)
            shares.append(total)
        return drawn(shares, rng)

    return pick


@pytest.mark.parametrize("source", [Many, Conditional, Tree])
def test_what_is_drawn_lies_in_the_space_and_reads_as_what_was_picked(source):
    space = sa.SearchSpace.of(source)
    steps = Steps(space)
    for number in range(100):
        rng, picks = stream(number, "steps"), []

        def pick(step, rng=rng, picks=picks):
            picks.append((step.name, by_prior(rng)(step)))
            return picks[-1][1]

        architecture = steps.draw(pick, rng)
        assert space.contains(architecture)
        assert [(step.name, place) for step, place in steps.read(architecture)] == picks


def test_any_sample_of_the_space_can_be_read_by_steps_that_never_met_it():
    space = sa.SearchSpace.of(Many)
    for number in range(50):
        for step, place in Steps(space).read(space.sample(stream(number, "x"))):
            assert math.isfinite(step.prior[place])
            assert math.fsum(map(math.exp, step.prior)) == pytest.approx(1.0)


def test_unlearned_subsets_are_equally_likely():
    @sa.space
    class Wires:
        inputs: tuple[int, ...] = sa.subset(range(8), 2, 4)  # 154 subsets: built element by element

    steps, rng = Steps(sa.SearchSpace.of(Wires)), stream(0, "subsets")
    counts = collections.Counter(steps.draw(by_prior(rng), rng)["inputs"] for _ in range(15_400))
    assert len(counts) == 154
    # Pearson's statistic has mean 153 and standard deviation 17.5.
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 153 + 4 * 17.5


def test_what_the_prior_excludes_is_never_drawn():
    steps, rng = Steps(sa.SearchSpace.of(Many)), stream(1, "prior")
    counts = collections.Counter(steps.draw(by_prior(rng), rng)["weighted"] for _ in range(2_000))
    assert counts["never"] == 0
    assert counts["a"] / 2_000 == pytest.approx(0.75, abs=0.04)


def test_real_numbers_and_long_ranges_fall_into_bins():
    space = sa.SearchSpace.of(Many)
    sizes = {step.name: len(step.prior) for step, _ in Steps(space).read(space.default())}
    assert sizes["rate"] == sizes["long"] == sizes["scale"] == BINS
    assert sizes["weighted"] == 3
    assert sizes["inputs[0|0]"] == 2
