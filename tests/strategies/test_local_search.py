import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.testing.strategies import planted_loss
from tests.strategies.planted import SCORE, SPACE, best_found, evaluate
from tests.strategies.spaces import Conditional

PLANTED = SPACE.sample(stream(1, "planted"))


def score(proposal):
    return -planted_loss(SPACE, PLANTED, proposal.architecture)


def search(options=None, trials=200, seed=0, scored=score):
    setting = Setting(SPACE, SCORE, seed, budget=trials)
    return evaluate(make_strategy("local_search", setting, options), setting, scored, trials)


@pytest.mark.parametrize("options", [{}, {"starts": 1}, {"full_scan": True}])
@pytest.mark.parametrize("workers", [1, 4])
def test_it_finds_the_planted_optimum(options, workers):
    # One trial in ten fails, and the optimum itself may be among them.
    found = [best_found("local_search", seed, 250, options, workers) for seed in range(8)]
    assert min(found) >= -1
    assert sum(value == 0 for value in found) >= 5


def test_it_crosses_wide_ranges_and_ends_on_their_best_value():
    @sa.space
    class Wide:
        x: int = sa.integer(1, 600)
        y: int = sa.integer(8, 4096, step=8)

    setting = Setting(sa.SearchSpace.of(Wide), SCORE, 0, budget=150)
    strategy = make_strategy("local_search", setting, {"starts": 1})

    def peak(proposal):
        return -abs(proposal.architecture["x"] - 431) / 600 - abs(proposal.architecture["y"] - 3200) / 4096

    best = max(evaluate(strategy, setting, peak, 150), key=lambda t: t.measurements["score"])
    assert dict(best.architecture.items()) == {"x": 431, "y": 3200}


def test_first_improvement_moves_to_the_first_better_neighbour_it_meets():
    done = search({"starts": 1}, 60)
    by_number = {t.number: t for t in done}
    incumbent = done[0]
    for trial in done[1:]:
        if trial.proposal.parent is None:
            break  # the climb is over
        assert by_number[trial.proposal.parent] is incumbent
        if trial.measurements["score"] > incumbent.measurements["score"]:
            incumbent = trial
    assert incumbent.measurements["score"] == 0.0


def test_a_full_scan_moves_to_the_best_neighbour_after_all_have_ended():
    @sa.space
    class Line:
        x: int = sa.choice(*range(5))
        y: int = sa.choice(*range(5))

    space = sa.SearchSpace.of(Line)
    setting = Setting(space, SCORE, 3)
    strategy = make_strategy("local_search", setting, {"full_scan": True, "starts": 1})
    done = evaluate(strategy, setting, lambda p: -abs(p.architecture["x"] - 4) - 10 * abs(p.architecture["y"] - 4), 10)
    start, first = done[0], done[1:9]
    assert {t.proposal.parent for t in first} == {start.number}
    best = max(first, key=lambda t: t.measurements["score"])
    assert done[9].proposal.parent == best.number


def test_it_restarts_from_fresh_architectures_when_a_climb_is_over():
    done = search({"starts": 1}, 150)
    optimum = next(t.number for t in done if t.measurements["score"] == 0)
    later = [t for t in done if t.number > optimum + 20 and t.proposal.parent is None]
    assert later, "30 neighbours of the optimum and one replicate, then another start"


def test_identical_replicates_end_the_replicating():
    done = search({"starts": 1}, 400)
    assert sum(t.proposal.replicate > 0 for t in done) == 1
    assert sum(t.proposal.parent is None for t in done) > 3, "several climbs ended"


def test_a_lucky_incumbent_is_evaluated_again_and_gives_way():
    def noisy(proposal):
        # Whatever is one step from the optimum looks better than the optimum, at its first evaluation.
        lucky = score(proposal) == -1 and proposal.replicate == 0
        return score(proposal) + (1.5 if lucky else 0.0)

    def became_incumbent(done):
        return any(score(t.proposal) == 0 and any(c.proposal.parent == t.number for c in done) for t in done)

    careful, careless = search({"starts": 1}, 200, 2, noisy), search({"starts": 1, "replicates": 1}, 200, 2, noisy)
    assert became_incumbent(careful)
    assert not became_incumbent(careless)
    assert max(t.proposal.replicate for t in careful) in (1, 2), "at most three evaluations of each"


def test_a_large_neighbourhood_is_sampled():
    @sa.space
    class Large:
        bits: tuple[int, ...] = sa.repeat(sa.choice(*range(20)), 30, 30)

    space = sa.SearchSpace.of(Large)
    setting = Setting(space, SCORE, 0)
    strategy = make_strategy("local_search", setting, {"starts": 1, "neighbours": 12, "replicates": 1})
    # Nothing is ever better than the start, so the climb ends after the sample of 570 neighbours.
    done = evaluate(strategy, setting, lambda p: 0.0, 14)
    assert [t.proposal.parent for t in done] == [None, *[0] * 12, None]


def test_real_numbers_are_improved_step_by_step():
    space = sa.SearchSpace.of(Conditional)
    setting = Setting(space, (Objective("score", "minimize"),), 4)
    strategy = make_strategy("local_search", setting)
    done = evaluate(strategy, setting, lambda p: abs(p.architecture["learning_rate"] - 0.003), 300)
    assert min(t.measurements["score"] for t in done) < 1e-4


def test_senseless_numbers_are_refused():
    with pytest.raises(ConfigError, match="expected positive numbers, got starts=0"):
        make_strategy("local_search", Setting(SPACE, SCORE), {"starts": 0})
