import dataclasses
import statistics
import sys

import pytest

import searchitect as sa
from searchitect.errors import ConfigError, MissingExtraError
from searchitect.objectives import Objective
from searchitect.strategies import Setting, make_strategy
from searchitect.testing.strategies import StrategyContract, synthetic_search
from searchitect.trial import Trial, TrialState
from tests.strategies.planted import SCORE, SPACE, best_found, evaluate
from tests.strategies.spaces import Conditional, Flat, Tiny

optuna = pytest.importorskip("optuna", reason="the extra 'optuna' is not installed")


class Sampler(StrategyContract):
    trials = 30

    def __init__(self, options):
        self.options = options

    def make(self, setting):
        return make_strategy("optuna", setting, self.options)


GROUPED = {"sampler": "TPESampler", "sampler_options": {"multivariate": True, "group": True, "constant_liar": True}}
NSGA = {"sampler": "NSGAIISampler", "sampler_options": {"population_size": 6}}


@pytest.mark.parametrize("space", [Flat, Conditional])
@pytest.mark.parametrize("options", [GROUPED, NSGA, {"sampler": "QMCSampler"}, {"sampler": "RandomSampler"}])
@pytest.mark.parametrize("workers", [1, 4])
def test_a_rebuilt_sampler_asks_what_the_live_one_would(options, space, workers):
    Sampler(options).check_replay_equals_live(sa.SearchSpace.of(space), workers)


def test_gaussian_processes_are_rebuilt_as_well():
    contract = Sampler({"sampler": "GPSampler", "sampler_options": {"n_startup_trials": 4}})
    contract.trials = 8
    contract.check_replay_equals_live(sa.SearchSpace.of(Flat), 1)


def test_the_sampler_learns():
    found = [best_found("optuna", seed, 80) for seed in range(3)]
    random = [best_found("optuna", seed, 80, {"sampler": "RandomSampler"}) for seed in range(3)]
    assert statistics.fmean(found) >= statistics.fmean(random) + 0.6


def test_repeats_are_answered_so_that_a_genetic_sampler_goes_on():
    setting = Setting(SPACE, SCORE, 0)
    options = {"sampler": "NSGAIISampler", "sampler_options": {"population_size": 8}}
    strategy = make_strategy("optuna", setting, options)
    done = evaluate(strategy, setting, lambda p: float(sum(p.architecture[x] for x in "abcdef")), 120)
    assert len({t.key for t in done}) == 120
    early, late = (statistics.fmean(t.measurements["score"] for t in part) for part in (done[:20], done[-20:]))
    assert late > early + 3


@pytest.mark.parametrize("sampler", ["BruteForceSampler", "NSGAIISampler", "TPESampler"])
def test_a_small_space_is_exhausted(sampler):
    setting = Setting(sa.SearchSpace.of(Tiny), SCORE, 0)
    done = evaluate(make_strategy("optuna", setting, {"sampler": sampler}), setting, lambda p: 1.0, 50)
    assert len(done) == len({t.key for t in done}) == 6


def test_conditions_between_decisions_hold():
    @sa.space
    class Tied:
        first: int = sa.choice(*range(8))
        second: int = sa.choice(*range(8))

        @sa.constraint
        def equal(self) -> bool:
            """Both are equal."""
            return self.first == self.second

    setting = Setting(sa.SearchSpace.of(Tied), SCORE, 0)
    done = evaluate(make_strategy("optuna", setting), setting, lambda p: 1.0, 8)
    assert sorted(t.architecture["first"] for t in done) == list(range(8))


def test_many_subsets_are_suggested_element_by_element():
    @sa.space
    class Wired:
        inputs: tuple[int, ...] = sa.subset(range(12), 2, 4)

    space = sa.SearchSpace.of(Wired)
    setting = Setting(space, SCORE, 0)
    contract = Sampler({"sampler": "TPESampler"})
    contract.check_replay_equals_live(space, 2)
    done = evaluate(make_strategy("optuna", setting), setting, lambda p: float(sum(p.architecture["inputs"])), 60)
    assert all(space.contains(t.architecture) for t in done)
    assert max(t.measurements["score"] for t in done) >= 30


def test_a_trial_that_was_asked_for_and_never_came_to_be_is_forgotten():
    setting = Setting(SPACE, SCORE, 0)
    live, rebuilt = make_strategy("optuna", setting, NSGA), make_strategy("optuna", setting, NSGA)
    told = synthetic_search(live, setting, lambda a: float(a["a"]), 12)
    live.ask(90)  # asked in vain
    proposal = live.ask(50)
    started = Trial(50, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), 50)
    for trial in told:
        rebuilt.tell(trial)
    assert rebuilt.ask(50) == proposal
    for strategy in (live, rebuilt):
        strategy.tell(started)
        strategy.tell(dataclasses.replace(started, state=TrialState.FAILED, reason="no"))
    assert live.ask(51) == rebuilt.ask(51)


def test_several_objectives_are_handed_over():
    objectives = (Objective("up", "maximize"), Objective("down", "minimize"))
    setting = Setting(SPACE, objectives, 0)
    strategy = make_strategy("optuna", setting, NSGA)
    for number in range(30):
        proposal = strategy.ask(number)
        started = Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), number)
        strategy.tell(started)
        values = {"up": float(proposal.architecture["a"]), "down": float(proposal.architecture["b"])}
        strategy.tell(dataclasses.replace(started, state=TrialState.COMPLETE, measurements=values))
    assert strategy.ask(30) is not None


def test_optunas_own_log_level_is_put_back():
    before = optuna.logging.get_verbosity()
    setting = Setting(SPACE, SCORE, 0)
    evaluate(make_strategy("optuna", setting), setting, lambda p: 0.0, 3)
    assert optuna.logging.get_verbosity() == before


def test_an_unknown_sampler_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="no sampler 'TPSampler'\n.*did you mean 'TPESampler'"):
        make_strategy("optuna", Setting(SPACE, SCORE), {"sampler": "TPSampler"})


def test_a_sampler_that_refuses_its_options_or_the_space_says_why():
    with pytest.raises(ConfigError, match="TPESampler refused its options: .*'gamme'"):
        make_strategy("optuna", Setting(SPACE, SCORE), {"sampler_options": {"gamme": 3}})
    brute = make_strategy("optuna", Setting(sa.SearchSpace.of(Conditional), SCORE), {"sampler": "BruteForceSampler"})
    with pytest.raises(ConfigError, match="BruteForceSampler cannot search Conditional: .*step must be given"):
        brute.ask(0)


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"needs the extra 'optuna'[\s\S]*searchitect\[optuna\]"):
        make_strategy("optuna", Setting(SPACE, SCORE))
