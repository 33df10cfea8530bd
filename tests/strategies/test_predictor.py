import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.predictor import PredictorGuided
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import TrialState
from tests.strategies.test_regularized_evolution import SPACE, best_found

SCORE = (Objective("score", "maximize"),)


def noisy(seed):
    planted = SPACE.sample(stream(seed, "planted optimum"))
    return lambda a: -planted_loss(SPACE, planted, a) + stream(seed, a.text).gauss(0.0, 0.5)


def searched(strategy, setting, score, trials):
    told = synthetic_search(strategy, setting, score, trials)
    return [trial for trial in told if trial.state is TrialState.COMPLETE]


def test_it_comes_nearer_to_a_planted_optimum_than_evolution_in_as_many_trials():
    seeds = range(4)
    led = [best_found("predictor", seed, 80) for seed in seeds]
    evolved = [best_found("regularized_evolution", seed, 80) for seed in seeds]
    assert statistics.fmean(led) >= statistics.fmean(evolved) + 0.5
    assert min(led) >= -1.0


@pytest.mark.parametrize(("model", "missed"), [("ridge", 1), ("trees", 2)])
def test_its_belief_sees_through_luck(model, missed):
    setting = Setting(SPACE, SCORE, 1)
    strategy = PredictorGuided(setting, model=model)
    complete = searched(strategy, setting, noisy(1), 70)
    belief = strategy.belief()
    assert belief.rank_correlation > 0.4
    assert f"held-out rank correlation {belief.rank_correlation:.2f}" in belief.note
    planted = SPACE.sample(stream(1, "planted optimum"))
    (incumbent,) = (t for t in complete if t.number == belief.incumbent)
    assert planted_loss(SPACE, planted, incumbent.architecture) <= missed


def test_a_model_that_learned_nothing_is_called_poor():
    setting = Setting(SPACE, SCORE, 2)
    strategy = PredictorGuided(setting)
    searched(strategy, setting, lambda a: stream(0, a.text).random(), 60)
    belief = strategy.belief()
    assert belief.rank_correlation < 0.3
    assert belief.note.endswith("poor, hardly better than random candidates")


def test_before_the_first_fit_it_believes_what_it_saw():
    setting = Setting(SPACE, SCORE, 0)
    strategy = PredictorGuided(setting)
    assert strategy.belief().incumbent is None
    complete = searched(strategy, setting, noisy(0), 6)
    assert strategy.belief().incumbent == max(complete, key=lambda t: t.measurements["score"]).number
    assert strategy.belief().rank_correlation is None


def test_the_model_changes_after_every_kth_complete_trial_only():
    setting = Setting(SPACE, SCORE, 3)
    strategy = PredictorGuided(setting, startup=10, refit_every=10)
    searched(strategy, setting, noisy(3), 25)
    assert strategy.belief().note.startswith("predictor: led by a model of 20 trials")


def test_running_trials_are_not_proposed_again():
    setting = Setting(SPACE, SCORE, 4, workers=8)
    told = synthetic_search(PredictorGuided(setting), setting, noisy(4), 60, workers=8)
    started = [t.key for t in told if t.state is TrialState.RUNNING]
    assert len(set(started)) == len(started) == 60


def test_it_learns_where_a_real_number_is_best():
    @sa.space
    class Rate:
        rate: float = sa.real(1e-4, 1e-1, log=True)
        kind: str = sa.choice("a", "b", "c")

    space = sa.SearchSpace.of(Rate)
    setting = Setting(space, SCORE, 0)

    def score(a):
        return -abs(space.encode(a)[0] - 0.4) - 0.2 * (a["kind"] != "b")

    complete = searched(make_strategy("predictor", setting), setting, score, 60)
    late = [t.measurements["score"] for t in complete[-20:]]
    assert statistics.fmean(late) > statistics.fmean(t.measurements["score"] for t in complete[:10]) + 0.1
    assert max(late) > -0.05


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="no predictor 'rigde'\n.*did you mean 'ridge'"):
        PredictorGuided(Setting(SPACE, SCORE), model="rigde")
    with pytest.raises(ConfigError, match="startup and candidates of at least 2"):
        PredictorGuided(Setting(SPACE, SCORE), startup=1)
