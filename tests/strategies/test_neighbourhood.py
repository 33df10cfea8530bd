import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies.neighbourhood import changed_decision, distance, neighbourhood
from tests.strategies.planted import SPACE
from tests.strategies.spaces import Conditional

CONDITIONAL = sa.SearchSpace.of(Conditional)


def test_a_small_neighbourhood_is_complete_and_shuffled():
    start = SPACE.default()
    found = neighbourhood(SPACE, start, stream(0, "n"), 30)
    assert set(found) == set(SPACE.neighbours(start))
    assert found != list(SPACE.neighbours(start))


def test_a_large_or_continuous_one_is_sampled_without_repeats():
    few = neighbourhood(SPACE, SPACE.default(), stream(0, "n"), 12)
    real = neighbourhood(CONDITIONAL, CONDITIONAL.default(), stream(0, "n"), 50)
    assert (len(few), len(set(few))) == (12, 12)
    assert (len(real), len(set(real))) == (50, 50)
    assert CONDITIONAL.default() not in real


def test_the_changed_decision_is_the_one_that_activates_others():
    for seed in range(50):
        before = CONDITIONAL.sample(stream(seed, "before"))
        after = CONDITIONAL.mutate(before, stream(seed, "after"))
        path = changed_decision(before, after)
        assert before[path] != after[path]


def test_distance_counts_decisions_that_differ_or_are_active_once():
    first, second = SPACE.default(), SPACE.mutate(SPACE.default(), stream(0, "m"))
    assert distance(first, first) == 0
    assert distance(first, second) == distance(second, first) == 1
    large = next(a for a in CONDITIONAL.neighbours(CONDITIONAL.default()) if a["block"] == "Large")
    # block differs; Small.kernel is active in one, Large.kernel and Large.rate in the other.
    assert distance(CONDITIONAL.default(), large) == 4
