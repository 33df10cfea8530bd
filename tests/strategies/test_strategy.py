"""Every listed strategy keeps the contract of `searchitect.testing.strategies`."""

import pytest

import searchitect as sa
from searchitect.errors import ConfigError, MissingExtraError
from searchitect.strategies import STRATEGIES, Setting, make_strategy
from searchitect.testing.strategies import StrategyContract, synthetic_search
from tests.strategies.quick import QUICK
from tests.strategies.spaces import ALL, Flat, Tiny

SPACES = [sa.SearchSpace.of(space) for space in ALL]


class Named(StrategyContract):
    def __init__(self, name):
        self.name = name

    def make(self, setting):
        try:
            return make_strategy(self.name, setting, QUICK.get(self.name))
        except MissingExtraError as error:
            pytest.skip(str(error))


def spaces_for(name):
    # Grid needs a finite space; everything else takes any.
    return [space for space in SPACES if name != "grid" or space.is_finite]


CASES = [
    pytest.param(Named(name), space, id=f"{name}-{space.name}") for name in STRATEGIES for space in spaces_for(name)
]


@pytest.mark.parametrize(("strategy", "space"), CASES)
@pytest.mark.parametrize("workers", [1, 4])
def test_a_strategy_rebuilt_from_the_journal_asks_what_the_live_one_would(strategy, space, workers):
    strategy.check_replay_equals_live(space, workers)


@pytest.mark.parametrize(("strategy", "space"), CASES)
def test_asking_changes_nothing(strategy, space):
    strategy.check_asking_twice_changes_nothing(space)


@pytest.mark.parametrize(("strategy", "space"), CASES)
def test_proposals_lie_in_the_space(strategy, space):
    strategy.check_proposals_lie_in_the_space(space)


@pytest.mark.parametrize(("strategy", "space"), CASES)
def test_what_is_forbidden_is_not_proposed(strategy, space):
    if not space.is_finite:
        pytest.skip("in a continuum a list of allowed points is never hit by chance")
    strategy.check_forbidden_architectures_are_not_proposed(space)


@pytest.mark.parametrize(("strategy", "space"), CASES)
def test_no_evaluation_is_proposed_twice(strategy, space):
    strategy.check_no_evaluation_is_proposed_twice(space)


@pytest.mark.parametrize(("strategy", "space"), CASES)
def test_a_seed_fixes_the_search(strategy, space):
    strategy.check_a_seed_fixes_the_search(space)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "grid"])
def test_another_seed_gives_another_search(name):
    contract, space = Named(name), sa.SearchSpace.of(Flat)

    def keys(seed):
        setting = contract.setting(space, seed)
        return tuple(t.key for t in synthetic_search(contract.make(setting), setting, contract.score(space), 10))

    assert len({keys(seed) for seed in range(5)}) == 5


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_small_space_is_exhausted_and_not_repeated(name):
    contract, space = Named(name), sa.SearchSpace.of(Tiny)
    setting = contract.setting(space)
    told = synthetic_search(contract.make(setting), setting, contract.score(space), 50)
    assert len({trial.key for trial in told}) == space.size() == 6


def test_an_unknown_strategy_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="regularised_evolution.*\n.*did you mean 'regularized_evolution'"):
        make_strategy("regularised_evolution", Setting(SPACES[0], ()))


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(ConfigError, match="no option 'population'\n.*did you mean 'population_size'"):
        make_strategy("regularized_evolution", Setting(SPACES[0], ()), {"population": 3})
    with pytest.raises(ConfigError, match="it takes none"):
        make_strategy("random", Setting(SPACES[0], ()), {"population": 3})
