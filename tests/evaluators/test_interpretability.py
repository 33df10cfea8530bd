from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn as tnn

import searchitect as sa
from searchitect.evaluation import Context
from searchitect.evaluators import TrainingEvaluator
from searchitect.evaluators.interpretability import explanation_stability, interpretability, surrogate_fidelity
from searchitect.objectives import parse_objective
from searchitect.tasks import ArraySplit, with_preprocessing
from searchitect.trial import Proposal
from tests.evaluators.spaces_of_models import SmallCnn


def test_a_model_that_is_a_tree_has_a_perfect_surrogate_and_a_checkerboard_has_none():
    columns = np.random.default_rng(0).uniform(-1, 1, (800, 2))
    steps = np.eye(2)[(columns[:, 0] > 0.3).astype(int)]
    board = np.eye(2)[((columns * 6).astype(int).sum(1) % 2)]
    assert surrogate_fidelity(columns, steps, True) > 0.98
    assert surrogate_fidelity(columns, board, True) < 0.7
    assert surrogate_fidelity(columns, columns[:, :1] * 3, False) > 0.95
    assert surrogate_fidelity(columns, np.random.default_rng(1).normal(size=(800, 1)), False) == 0.0


def test_maps_of_a_linear_model_are_stable_and_those_of_a_ripple_are_not():
    class Ripple(tnn.Module):
        def forward(self, x):
            return torch.sin(40 * x).sum(1, keepdim=True)

    inputs = torch.randn(16, 30, generator=torch.Generator().manual_seed(0))
    linear = explanation_stability(tnn.Linear(30, 3), inputs)
    assert linear > 0.9
    assert abs(explanation_stability(Ripple(), inputs)) < 0.2
    assert explanation_stability(tnn.Linear(30, 3), inputs, noise=0.0) == pytest.approx(1.0)


def test_a_model_that_reads_nothing_has_no_stable_map():
    class Constant(tnn.Module):
        def forward(self, x):
            return torch.ones(len(x), 2)

    assert explanation_stability(Constant(), torch.randn(4, 3)) == 0.0


@pytest.fixture(scope="module")
def digits():
    task = sa.task("digits")
    small = [ArraySplit(s.read(np.arange(n)), s.targets[:n]) for s, n in ((task.train, 128), (task.validation, 60))]
    return dataclasses.replace(task, train=small[0], validation=small[1])


def test_both_are_measured_of_a_whole_model_which_stays_as_it_was(digits):
    torch.manual_seed(0)
    model = with_preprocessing(digits.preprocessing, tnn.Sequential(tnn.Flatten(), tnn.Linear(64, 10), tnn.Dropout()))
    model.train()
    names = frozenset({"surrogate_fidelity", "explanation_stability"})
    first, second = (interpretability(names, model, digits, "cpu") for _ in range(2))
    assert first == second
    assert set(first) == names
    assert all(0.0 < value <= 1.0 for value in first.values())
    assert model.training
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("asked", [frozenset(), frozenset({"surrogate_fidelity", "explanation_stability"})])
def test_they_are_measured_by_a_training_only_when_asked_for(digits, asked):
    evaluator = TrainingEvaluator(SmallCnn, digits, sa.Recipe(epochs=1, batch_size=64), measure=asked)
    architecture = sa.SearchSpace.of(SmallCnn).default()
    found = evaluator.evaluate(Proposal(architecture), Context(seed=0))
    assert set(found) & {"surrogate_fidelity", "explanation_stability"} == asked


@pytest.mark.parametrize("name", ["surrogate_fidelity", "explanation_stability"])
def test_both_are_maximised_by_their_names(name):
    assert parse_objective(name).direction == "maximize"
    assert parse_objective("infidelity").direction == parse_objective("instability").direction == "minimize"


@pytest.mark.slow
def test_a_search_takes_them_as_objectives():
    result = sa.search(
        "digits",
        objectives=["accuracy", "surrogate_fidelity"],
        trials=3,
        recipe=sa.Recipe(epochs=1),
        confirm_seeds=1,
        workers=0,
        store="memory:",
    )
    assert all("surrogate_fidelity" in trial.measurements for trial in result.trials if trial.is_complete)
    assert 0 < result.best.measurements["surrogate_fidelity"] <= 1
