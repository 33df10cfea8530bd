import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting
from searchitect.strategies.nao import NAO
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import TrialState
from tests.strategies.spaces import Conditional
from tests.strategies.test_regularized_evolution import SPACE

SCORE = (Objective("score", "maximize"),)
SMALL = {"hidden": 24, "epochs": 60, "learning_rate": 1e-2, "startup": 40, "refit_every": 20}


def complete(strategy, setting, score, trials):
    told = synthetic_search(strategy, setting, score, trials)
    return [trial for trial in told if trial.state is TrialState.COMPLETE]


def test_what_it_decodes_is_better_than_what_it_started_from():
    planted = SPACE.sample(stream(3, "planted optimum"))
    setting = Setting(SPACE, SCORE, 3)
    strategy = NAO(setting, explore=0.0, **SMALL)
    found = complete(strategy, setting, lambda a: -planted_loss(SPACE, planted, a), 80)
    scores = [trial.measurements["score"] for trial in found]
    random, led = scores[:40], scores[40:]
    assert sum(led) / len(led) > sum(random) / len(random) + 0.5


def test_decoded_architectures_are_valid_and_new_in_a_conditional_space_with_numbers():
    space = sa.SearchSpace.of(Conditional)
    setting = Setting(space, SCORE, 1)
    strategy = NAO(setting, explore=0.0, **{**SMALL, "epochs": 10})
    told = synthetic_search(strategy, setting, lambda a: float(a["blocks.length"]), 70)
    started = [trial for trial in told if trial.state is TrialState.RUNNING]
    assert len({trial.key for trial in started}) == len(started) == 70
    assert all(space.contains(trial.architecture) for trial in started)
    drawn = {space.sample(stream(1, "nao", trial.number)) for trial in started}
    assert sum(trial.architecture not in drawn for trial in started[-10:]) == 10, "these were decoded, not drawn"


def test_its_belief_names_an_incumbent_and_how_far_to_trust_it():
    setting = Setting(SPACE, SCORE, 5)
    strategy = NAO(setting, **SMALL)
    synthetic_search(strategy, setting, lambda a: a["a"] + 2.0 * a["b"], 30)
    assert "random until 40 trials" in strategy.belief().note
    strategy = NAO(setting, **SMALL)
    synthetic_search(strategy, setting, lambda a: a["a"] + 2.0 * a["b"], 50)
    belief = strategy.belief()
    assert belief.rank_correlation > 0.3
    assert belief.incumbent is not None
