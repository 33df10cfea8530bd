import random
import sys

import numpy as np
import pytest

from searchitect.errors import ConfigError, MissingExtraError
from searchitect.objectives import Objective
from searchitect.pareto import hypervolume
from searchitect.seeding import stream
from searchitect.storage import open_store
from searchitect.strategies import Setting, make_strategy
from searchitect.study import Study
from searchitect.study.events import without_clock
from tests.strategies.fronts import DTLZ2, ZDT1, search, volume
from tests.strategies.planted import SPACE

TWO = (Objective("f0", "minimize"), Objective("f1", "minimize"))
QUICK = {"candidates": 60, "refit_every": 10}


def test_without_botorch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "botorch", None)
    three = (*TWO, Objective("f2", "minimize"))
    with pytest.raises(MissingExtraError, match="'ehvi' with 3 objectives needs the extra 'bo'") as caught:
        make_strategy("ehvi", Setting(SPACE, three))
    assert 'pip install "searchitect[bo]"' in str(caught.value)
    with pytest.raises(MissingExtraError, match="'ehvi' with noisy improvement needs the extra 'bo'"):
        make_strategy("ehvi", Setting(SPACE, TWO), {"acquisition": "nehvi"})
    make_strategy("ehvi", Setting(SPACE, TWO))  # two objectives have a closed form


def test_senseless_options_are_refused():
    pytest.importorskip("botorch")
    with pytest.raises(ConfigError, match="no acquisition 'ehvvi'"):
        make_strategy("ehvi", Setting(SPACE, TWO), {"acquisition": "ehvvi"})
    with pytest.raises(ConfigError, match="draws is a whole number from 2 on"):
        make_strategy("ehvi", Setting(SPACE, TWO), {"draws": 1})


def promised(problem, trials, options, count=6):
    """The acquisition of some candidates on the models of a random search, and these models."""
    study = search(problem, "random", trials)
    strategy = make_strategy("ehvi", study.setting, options)
    for trial in study.trials:
        strategy.tell(trial)
    model = strategy._models.model()
    rng = stream(5, problem.space.name)
    rows = strategy._models.encode([problem.space.sample(rng) for _ in range(count)])
    return np.exp(strategy._promise(model, rows, random.Random(0))), model, rows


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_acquisition_is_the_mean_improvement_of_the_hypervolume(objectives):
    """The closed form of two objectives, and BoTorch's value for three, against brute force by our own hypervolume."""
    if objectives > 2:
        pytest.importorskip("botorch")
    problem = ZDT1() if objectives == 2 else DTLZ2(3, 4)
    found, model, rows = promised(problem, 14, {"draws": 256})
    low, extent = model.box()
    reference, points = low + 1.1 * extent, model.means[model.front]
    means, deviations = model.predict(rows)
    luck = np.random.default_rng(1).standard_normal((1000, objectives))
    for place in range(0, len(rows), 3):
        draws = means[place] + deviations[place] * luck
        wanted = np.mean([hypervolume([*points, draw], reference) for draw in draws]) - hypervolume(points, reference)
        assert found[place] == pytest.approx(wanted, rel=0.2, abs=0.01 * float(np.prod(extent)))


def test_the_closed_form_agrees_with_botorch():
    pytest.importorskip("botorch")
    exact, model, rows = promised(ZDT1(), 25, {})
    strategy = make_strategy("ehvi", Setting(ZDT1().space, TWO), {"draws": 1024})
    import torch

    low, extent = model.box()
    worst = torch.as_tensor(-(low + 1.1 * extent))
    theirs = np.exp(strategy._expected(model, rows, model.means[model.front], worst, 3).numpy())
    assert np.allclose(exact, theirs, rtol=0.1, atol=0.01 * float(np.prod(extent)))


@pytest.mark.parametrize("acquisition", ["ehvi", "nehvi"])
def test_it_finds_nearly_the_whole_of_a_known_front_in_few_trials(acquisition):
    pytest.importorskip("botorch")
    problem, reference, trials = ZDT1(4), [1.1, 2.0], 70 if acquisition == "ehvi" else 30
    options = QUICK if acquisition == "ehvi" else {**QUICK, "candidates": 20, "draws": 8, "acquisition": "nehvi"}
    found = volume(problem, search(problem, "ehvi", trials, 1, options), reference)
    assert found > (0.9 if acquisition == "ehvi" else 0.6) * problem.ceiling(reference)


@pytest.mark.parametrize("objectives", [3, 4])
def test_three_and_four_objectives_are_searched(objectives):
    pytest.importorskip("botorch")
    problem, reference = DTLZ2(objectives), [1.1] * objectives
    options = {**QUICK, "candidates": 40, "draws": 8}
    own, other = (
        sum(volume(problem, search(problem, name, 40, seed, chosen), reference) for seed in range(2))
        for name, chosen in (("ehvi", options), ("random", None))
    )
    assert own > (other if objectives == 3 else 0.7 * other)  # 40 trials are few for four objectives


def test_a_limit_that_only_training_shows_is_modelled():
    pytest.importorskip("botorch")

    def latency(architecture):
        return {"latency_ms": 5.0 + 10.0 * (architecture["x0"] in (0, 1, 2))}

    study = search(ZDT1(), "ehvi", 40, 0, QUICK, constraints=["latency_ms<=10"], measured=latency)
    late = [t for t in study.trials if t.number >= 20]
    assert sum(t.measurements["latency_ms"] > 10 for t in late) <= 0.2 * len(late)


def test_a_resumed_study_asks_what_the_uninterrupted_one_would(tmp_path):
    pytest.importorskip("botorch")
    problem = ZDT1()

    def run(path, until):
        with Study(
            problem.space,
            strategy="ehvi",
            options=QUICK,
            objectives=["minimize f0", "minimize f1"],
            store=path,
            budget=22,
        ) as study:
            while len(study.trials) < until and (trial := study.ask()) is not None:
                study.tell(trial, **problem.measure(trial.architecture))

    run(str(tmp_path / "whole.db"), 22)
    for until in (9, 14, 22):
        run(str(tmp_path / "cut.db"), until)

    def journal(name):
        return [without_clock(event) for _, event in open_store(str(tmp_path / name)).journal("study").read()]

    assert journal("whole.db") == journal("cut.db")
