import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.storage import open_store
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.parego import tchebycheff
from searchitect.study import Study
from searchitect.study.events import without_clock
from tests.strategies.fronts import DTLZ2, ZDT1, search, volume
from tests.strategies.planted import SPACE

TWO = (Objective("f0", "minimize"), Objective("f1", "minimize"))


def test_the_augmented_tchebycheff_value_is_that_of_the_paper():
    rows = np.array([[1.0, 2.0], [3.0, 0.0]])
    assert np.allclose(tchebycheff(rows, np.array([0.5, 0.5]), 0.1), [1.0 + 0.15, 1.5 + 0.15])
    draws = tchebycheff(np.stack([rows, 2 * rows]), np.array([0.5, 0.5]), 0.1)
    assert draws.shape == (2, 2)
    assert np.allclose(draws[1], 2 * draws[0])


def test_it_finds_nearly_the_whole_of_a_known_front_in_few_trials():
    problem, reference = ZDT1(), [1.1, 2.0]
    shares = [volume(problem, search(problem, "parego", 80, seed), reference) for seed in range(2)]
    assert sum(shares) / 2 > 0.85 * problem.ceiling(reference)


def test_three_objectives_are_searched_better_than_at_random():
    problem, reference = DTLZ2(3), [1.1] * 3
    own, other = (volume(problem, search(problem, name, 70, 1), reference) for name in ("parego", "random"))
    assert own > 1.5 * other


def test_a_limit_that_only_training_shows_is_modelled():
    problem = ZDT1()

    def latency(architecture):
        return {"latency_ms": 5.0 + 10.0 * (architecture["x0"] in (0, 1, 2))}

    study = search(problem, "parego", 60, 0, constraints=["latency_ms<=10"], measured=latency)
    late = [t for t in study.trials if t.number >= 25]
    assert sum(t.measurements["latency_ms"] > 10 for t in late) <= 0.15 * len(late)
    assert all(t.is_complete for t in study.trials)


def test_without_a_feasible_trial_it_looks_for_one():
    problem = ZDT1()

    def latency(architecture):
        return {"latency_ms": 1.0 + sum(architecture[f"x{i}"] != 3 for i in range(5))}

    study = search(problem, "parego", 60, 0, constraints=["latency_ms<=2"], measured=latency)
    assert any(t.measurements["latency_ms"] <= 2 for t in study.trials)  # 26 of 7,776 keep it


def test_a_resumed_study_asks_what_the_uninterrupted_one_would(tmp_path):
    problem = ZDT1()

    def run(path, until):
        with Study(
            problem.space, strategy="parego", objectives=["minimize f0", "minimize f1"], store=path, budget=30
        ) as study:
            while len(study.trials) < until and (trial := study.ask()) is not None:
                study.tell(trial, **problem.measure(trial.architecture))

    run(str(tmp_path / "whole.db"), 30)
    for until in (8, 13, 22, 30):
        run(str(tmp_path / "cut.db"), until)

    def journal(name):
        return [without_clock(event) for _, event in open_store(str(tmp_path / name)).journal("study").read()]

    assert journal("whole.db") == journal("cut.db")


def test_it_says_what_it_believes():
    study = search(ZDT1(), "parego", 30)
    belief = study.belief()
    assert belief.rank_correlation > 0.5
    assert "2 Gaussian processes on 30 trials" in belief.note
    assert belief.incumbent is not None


def test_senseless_options_are_refused():
    with pytest.raises(ConfigError, match="rho is a number from 0 on"):
        make_strategy("parego", Setting(SPACE, TWO), {"rho": -1.0})
    with pytest.raises(ConfigError, match="per_cost needs a prediction"):
        make_strategy("parego", Setting(SPACE, TWO), {"per_cost": True})
