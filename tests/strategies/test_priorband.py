"""PriorBand follows a good guess, and leaves a bad one."""

import random
import statistics

import pytest

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.strategies import make_strategy
from searchitect.strategies.priorband import Nearby
from tests.strategies.rung_searches import SPACE, best_at, play, rungs_of, setting_of


def optimum(seed):
    return dict(SPACE.sample(stream(seed, "planted optimum")).decisions)


def nearly(seed):
    """The planted optimum with one wrong decision."""
    return optimum(seed) | {"a": (int(optimum(seed)["a"]) + 1) % 6}


def opposite(seed):
    return {path: (int(value) + 3) % 6 for path, value in optimum(seed).items()}


def test_its_brackets_are_hyperbands_and_the_guess_comes_first():
    setting = setting_of(9)
    trials = play(make_strategy("priorband", setting, {"guess": {"a": 3}}), setting, 13 + 6 + 3)
    assert rungs_of(trials) == {1: 9, 3: 3 + 5, 9: 1 + 1 + 3}
    assert dict(trials[0].architecture.decisions) == dict(SPACE.default().decisions) | {"a": 3}


def test_a_good_guess_helps():
    seeds = range(8)
    guided = [best_at("priorband", seed, 4 * 27, {"guess": nearly(seed)}) for seed in seeds]
    plain = [best_at("hyperband", seed, 4 * 27) for seed in seeds]
    assert statistics.fmean(guided) >= statistics.fmean(plain) + 0.3


def test_a_bad_guess_is_left():
    seeds = range(8)
    misled = [best_at("priorband", seed, 20 * 27, {"guess": opposite(seed)}) for seed in seeds]
    plain = [best_at("hyperband", seed, 20 * 27) for seed in seeds]
    assert statistics.fmean(misled) >= statistics.fmean(plain) - 0.3


def test_the_longer_the_evaluation_the_more_the_guess_is_trusted():
    setting = setting_of(81)
    strategy = make_strategy("priorband", setting, {"guess": {"a": 3}})
    strategy.tell(_seen(setting))
    default = dict(SPACE.default().decisions) | {"a": 3}

    def alike(rung):
        drawn = [strategy._sampler.draw(n, rung) for n in range(1, 200)]
        return statistics.fmean(sum(a[path] == value for path, value in default.items()) for a in drawn)

    assert alike(0) < alike(1) < alike(3)


def _seen(setting):
    from searchitect.trial import Proposal, Trial, TrialState

    return Trial(0, Proposal(SPACE.default(), setting.fidelity), TrialState.INFEASIBLE, "seen", 0)


def test_a_distribution_around_an_architecture_favours_what_is_near():
    setting = setting_of()
    nearby = Nearby(setting, SPACE.default())
    rng = random.Random(0)
    drawn = [nearby.draw(rng) for _ in range(300)]
    kept = statistics.fmean(a[p] == SPACE.default()[p] for a in drawn for p in SPACE.default())
    assert kept == pytest.approx(0.5 + 0.5 / 6, abs=0.05)
    near, far = nearby.density([SPACE.default(), SPACE.sample(rng)])
    assert near == 1.0 > far


@pytest.mark.parametrize(("guess", "word"), [({"z": 1}, "'z'"), ({"a": 77}, "a: ")])
def test_a_guess_that_does_not_fit_is_refused(guess, word):
    with pytest.raises(ConfigError, match=f"the guess does not fit Wide.*{word}"):
        make_strategy("priorband", setting_of(), {"guess": guess})
