import dataclasses
import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError, MissingExtraError, SpaceError
from searchitect.seeding import stream
from searchitect.strategies import STRATEGIES, PriorTrial, Setting, make_strategy
from searchitect.strategies.prior import digest_of, ranked
from searchitect.strategies.random_search import RandomSearch
from searchitect.strategies.warm_start import WarmStart
from searchitect.testing.strategies import StrategyContract, planted_loss, synthetic_search
from searchitect.trial import TrialState
from tests.strategies.planted import SCORE, SPACE
from tests.strategies.quick import QUICK
from tests.strategies.spaces import Conditional, Flat, Tiny

PLANTED = SPACE.sample(stream(5, "planted optimum"))


def loss(architecture):
    return planted_loss(SPACE, PLANTED, architecture)


def earlier(space, score, count=60, source="earlier", seed=1):
    rng = stream(seed, "earlier", source)
    drawn = [space.sample(rng) for _ in range(count)]
    return ranked([(a, score(a)) for a in drawn], source)


def best_after(prior, seed, trials=30, name="random"):
    setting = Setting(SPACE, SCORE, seed, budget=trials, prior=tuple(prior))
    told = synthetic_search(make_strategy(name, setting), setting, lambda a: -loss(a), trials)
    return min(-t.measurements["score"] for t in told if t.state is TrialState.COMPLETE)


class Warmed(StrategyContract):
    trials = 40

    def __init__(self, name, space):
        self.name = name
        self.prior = (*earlier(space, lambda a: float(len(a.text)), 40), PriorTrial(space.default()))

    def make(self, setting):
        return make_strategy(self.name, dataclasses.replace(setting, prior=self.prior), QUICK.get(self.name))


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("space", [Flat, Conditional])
def test_a_warm_strategy_rebuilt_from_the_journal_asks_what_the_live_one_would(space, workers):
    space = sa.SearchSpace.of(space)
    Warmed("regularized_evolution", space).check_replay_equals_live(space, workers)


@pytest.mark.parametrize("space", [Flat, Conditional])
def test_a_warm_strategy_keeps_the_rest_of_the_contract(space):
    space = sa.SearchSpace.of(space)
    contract = Warmed("regularized_evolution", space)
    contract.check_asking_twice_changes_nothing(space)
    contract.check_proposals_lie_in_the_space(space)
    contract.check_no_evaluation_is_proposed_twice(space)
    contract.check_a_seed_fixes_the_search(space)
    if space.is_finite:
        contract.check_forbidden_architectures_are_not_proposed(space)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_can_be_warmed(name):
    space = sa.SearchSpace.of(Tiny)
    contract = Warmed(name, space)
    setting = contract.setting(space)
    try:
        strategy = contract.make(setting)
    except MissingExtraError as error:
        pytest.skip(error.message)
    told = synthetic_search(strategy, setting, lambda a: 0.0, 30)
    assert len({t.key for t in told}) == space.size()


def test_an_earlier_search_of_the_same_task_saves_most_of_the_queries():
    seeds = range(6)
    cold = [best_after((), seed) for seed in seeds]
    warm = [best_after(earlier(SPACE, loss), seed) for seed in seeds]
    assert statistics.fmean(cold) >= 2.0
    assert statistics.fmean(warm) <= 0.5


def test_sources_that_contradict_what_is_observed_are_given_up():
    setting = Setting(SPACE, SCORE, 0, budget=60, prior=earlier(SPACE, lambda a: -loss(a)))
    strategy = make_strategy("random", setting)
    told = synthetic_search(strategy, setting, lambda a: -loss(a), 20)
    assert "given up" in strategy.belief().note
    cold = synthetic_search(RandomSearch(setting), setting, lambda a: -loss(a), 20)
    followed = sum(t.proposal.architecture not in {c.architecture for c in cold} for t in told if t.is_complete)
    assert followed <= 12


def test_among_several_sources_those_that_agree_are_followed():
    good, bad = earlier(SPACE, loss, source="good"), earlier(SPACE, lambda a: -loss(a), source="bad")
    setting = Setting(SPACE, SCORE, 0, budget=60, prior=good + bad)
    strategy = make_strategy("random", setting)
    synthetic_search(strategy, setting, lambda a: -loss(a), 20)
    assert "1 of 2 earlier searches agree (good)" in strategy.belief().note


def test_a_third_of_the_start_is_the_strategys_own():
    setting = Setting(SPACE, SCORE, 0, budget=60, prior=earlier(SPACE, loss))
    own = RandomSearch(setting)
    strategy = WarmStart(setting, own)
    from_own = []

    def note(told):
        number = len({t.number for t in told})
        from_own.append(strategy.ask(number) == own.ask(number))

    synthetic_search(strategy, setting, lambda a: -loss(a), 40, watch=note)
    assert sum(from_own[:30]) == 9
    assert not from_own[0]
    assert all(from_own[30:])


def test_given_architectures_come_first_in_their_order():
    given = [SPACE.sample(stream(3, n)) for n in range(3)]
    setting = Setting(SPACE, SCORE, 0, prior=tuple(PriorTrial(a) for a in given))
    strategy = make_strategy("random", setting)
    told = synthetic_search(strategy, setting, lambda a: 0.0, 6)
    asked = [t.architecture for t in told if t.state is TrialState.RUNNING]
    assert [a for a in asked if a in given] == given
    assert asked[:2] == given[:2]
    assert strategy.belief().note == "warm start: 3 given architectures first"


def test_a_few_ranked_ones_are_proposed_best_first():
    drawn = [SPACE.sample(stream(3, n)) for n in range(3)]
    setting = Setting(SPACE, SCORE, 0, prior=ranked(list(zip(drawn, (3.0, 1.0, 2.0), strict=True)), "few"))
    assert make_strategy("random", setting).ask(0).architecture == drawn[1]


def test_a_prior_of_another_space_is_refused_with_what_differs():
    prior = earlier(sa.SearchSpace.of(Tiny), lambda a: 0.0)
    with pytest.raises(SpaceError, match="of 'earlier' does not belong to Wide: it belongs to the space"):
        make_strategy("random", Setting(SPACE, SCORE, prior=prior))


def test_a_start_that_could_not_see_its_own_mistake_is_refused():
    setting = Setting(SPACE, SCORE, prior=earlier(SPACE, loss))
    with pytest.raises(ConfigError, match="own_share must lie between"):
        WarmStart(setting, RandomSearch(setting), own_share=0.1)


def test_equal_losses_share_their_mean_rank():
    found = [(SPACE.sample(stream(1, n)), value) for n, value in enumerate((2.0, 1.0, 2.0, 5.0))]
    assert [record.rank for record in ranked(found, "s")] == [0.5, 0.0, 0.5, 1.0]


def test_records_travel_through_json_and_their_digest_depends_on_all_of_them():
    prior = earlier(SPACE, loss, 4)
    assert tuple(PriorTrial.from_json(record.to_json()) for record in prior) == prior
    assert digest_of(prior) != digest_of(prior[:3])
