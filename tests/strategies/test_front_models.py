import numpy as np
import pytest

from searchitect.objectives import Objective, parse_constraint
from searchitect.seeding import stream
from searchitect.strategies import Setting
from searchitect.strategies.archive import Archive
from searchitect.strategies.front_models import FrontModels, LimitModels, compressed
from searchitect.trial import Proposal, Trial, TrialState
from tests.strategies.planted import SPACE

TWO = (Objective("f0", "minimize"), Objective("f1", "minimize"))
LIMITS = (parse_constraint("latency_ms<=4"), parse_constraint("parameters<=100"))


def filled(setting, count):
    archive = Archive(setting)
    for number in range(count):
        a = SPACE.sample(stream(number, "models"))
        measured = {
            "f0": float(a["a"]),
            "f1": float(5 - a["a"] + a["b"]),
            "latency_ms": 2.0 * a["c"],
            "parameters": 9.0,
        }
        archive.tell(Trial(number, Proposal(a), TrialState.COMPLETE, SPACE.key(a), 0, measurements=measured))
    return archive


def test_one_collapsed_trial_does_not_stretch_the_scale_of_the_others():
    values = np.array([1.0, 2.0, 3.0, 4.0, 1e6])
    scaled = compressed(values)
    assert scaled[:3].tolist() == [1.0, 2.0, 3.0]
    assert 3.0 < scaled[3] < 4.0 < scaled[4] < 40.0
    assert (np.argsort(scaled) == np.argsort(values)).all()


def test_equal_values_stay_equal():
    assert len(set(compressed(np.full(5, 2.0)).tolist())) == 1


def test_the_models_find_the_front_and_predict_it():
    setting = Setting(SPACE, TWO)
    models = FrontModels(setting, filled(setting, 60))
    model = models.model()
    best = [model.trials[place].measurements for place in model.front]
    assert all(measured["f1"] <= 6 - measured["f0"] for measured in best)
    rows = models.encode([SPACE.compose({"a": k, **dict.fromkeys("bcdef", 0)}) for k in range(6)])
    means, deviations = model.predict(rows)
    assert (np.diff(means[:, 0]) > 0).all()
    assert (deviations > 0).all()


def test_the_box_reaches_the_early_median_where_the_front_is_one_point():
    setting = Setting(SPACE, TWO[:1])
    model = FrontModels(setting, filled(setting, 60)).model()
    low, extent = model.box()
    assert low[0] == pytest.approx(model.means.min(), abs=1e-6)
    assert low[0] + extent[0] == pytest.approx(model.middle[0], abs=1e-6)


def test_only_limits_that_were_broken_are_modelled_and_well_enough_to_tell_where_they_hold():
    setting = Setting(SPACE, TWO, constraints=LIMITS)
    limits = LimitModels(setting, filled(setting, 60))
    posteriors = limits.posteriors()
    assert len(posteriors) == 1
    architectures = [SPACE.compose({"c": k, **dict.fromkeys("abdef", 0)}) for k in range(6)]
    chances = np.exp(limits.log_feasible(posteriors, architectures))
    assert (chances[:2] > 0.9).all()
    assert (chances[4:] < 0.1).all()


def test_a_missing_measurement_is_not_modelled():
    setting = Setting(SPACE, TWO, constraints=(parse_constraint("energy_joules<=1"),))
    assert LimitModels(setting, filled(setting, 20)).posteriors() == []
