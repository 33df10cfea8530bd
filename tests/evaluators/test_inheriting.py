from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import searchitect as sa
from searchitect import tasks
from searchitect.errors import EvaluationError
from searchitect.evaluation import Context, trial_folder
from searchitect.evaluators import TrainingEvaluator
from searchitect.evaluators.building import build
from searchitect.evaluators.inheriting import WEIGHTS, inherit_from, read_ancestor
from searchitect.spaces import Recipe, SearchSpace
from searchitect.tasks import ArraySplit, Task, with_preprocessing
from searchitect.training import predict
from searchitect.trial import Fidelity, Proposal
from tests.evaluators.spaces_of_models import SmallCnn, SmallMlp

RECIPE = Recipe(epochs=4, batch_size=32)
SPACE = SearchSpace.of(SmallCnn)
SMALL = SPACE.read({"decisions": {"width": 4, "kernel": 3, "learning_rate": 0.01}})
WIDE = SPACE.read({"decisions": {"width": 8, "kernel": 5, "learning_rate": 0.01}})


@pytest.fixture(scope="module")
def digits() -> Task:
    task = tasks.task("digits")
    parts = [
        ArraySplit(split.read(np.arange(n)), split.targets[:n])
        for split, n in ((task.train, 300), (task.validation, 100))
    ]
    return dataclasses.replace(task, train=parts[0], validation=parts[1])


@pytest.fixture(scope="module")
def ancestry(digits, tmp_path_factory):
    """The evaluator, the folder of all trials, and what trial 0 measured."""
    folder = tmp_path_factory.mktemp("weights")
    evaluator = TrainingEvaluator(SmallCnn, digits, RECIPE)
    return evaluator, folder, evaluate(evaluator, folder, Proposal(SMALL, keeps=True), 0)


def evaluate(evaluator, folder, proposal, number):
    own = folder / trial_folder(number)
    own.mkdir(exist_ok=True)
    return evaluator.evaluate(proposal, Context(seed=number, number=number, folder=own))


def test_a_child_starts_where_its_parent_ended(ancestry, digits):
    _, folder, _ = ancestry
    child = folder / trial_folder(1)
    child.mkdir(exist_ok=True)
    ancestor = read_ancestor(Context(seed=1, folder=child), 0, SPACE)
    assert ancestor.architecture == SMALL
    models = [with_preprocessing(digits.preprocessing, build(SPACE, a, digits.spec)) for a in (SMALL, WIDE)]
    models[0].load_state_dict(load_file(folder / trial_folder(0) / WEIGHTS))
    inherit_from(ancestor, models[1], SmallCnn, digits, digits.spec)
    wanted, given = (predict(model.eval(), digits.validation) for model in models)
    np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-5)


def test_the_cost_of_a_lineage_is_summed(ancestry):
    evaluator, folder, first = ancestry
    assert "total_epochs" not in first
    child = evaluate(evaluator, folder, Proposal(WIDE, Fidelity(epochs=2), inherits=0), 2)
    assert (child["epochs"], child["total_epochs"]) == (2, 6)
    grandchild = evaluate(evaluator, folder, Proposal(WIDE, Fidelity(epochs=3), inherits=2), 3)
    assert grandchild["total_epochs"] == 9
    with safe_open(folder / trial_folder(3) / WEIGHTS, "pt") as file:
        assert float(file.metadata()["total_epochs"]) == 9


def test_inheriting_is_worth_epochs(ancestry):
    evaluator, folder, _ = ancestry
    evaluate(evaluator, folder, Proposal(SMALL, Fidelity(epochs=15), keeps=True), 8)
    inherited = evaluate(evaluator, folder, Proposal(WIDE, Fidelity(epochs=1), inherits=8), 4)
    scratch = evaluate(evaluator, folder, Proposal(WIDE, Fidelity(epochs=1)), 5)
    assert inherited["accuracy"] > scratch["accuracy"] + 0.2


def test_the_same_child_of_the_same_parent_is_the_same_bit_for_bit(ancestry):
    evaluator, folder, _ = ancestry
    proposal = Proposal(WIDE, Fidelity(epochs=1), inherits=0)
    states = []
    for _ in range(2):
        evaluate(evaluator, folder, proposal, 6)
        states.append(load_file(folder / trial_folder(6) / WEIGHTS))
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_trial_without_weights_to_inherit_fails_with_what_to_do(ancestry):
    evaluator, folder, _ = ancestry
    with pytest.raises(EvaluationError, match=r"trial 99 left no weights to inherit\n.*keeps"):
        evaluate(evaluator, folder, Proposal(WIDE, inherits=99), 7)
    with pytest.raises(EvaluationError, match="trial 0 cannot be inherited: this trial has no folder"):
        evaluator.evaluate(Proposal(WIDE, inherits=0), Context(seed=0))


@pytest.mark.parametrize("damage", ["truncated", "no notes", "other space", "no JSON"])
def test_damaged_weights_are_refused(ancestry, damage, tmp_path):
    evaluator, folder, _ = ancestry
    path = tmp_path / trial_folder(0) / WEIGHTS
    path.parent.mkdir()
    state = load_file(folder / trial_folder(0) / WEIGHTS)
    notes = {
        "truncated": {},
        "no notes": {},
        "other space": {"decisions": '{"depth":3}', "total_epochs": "1.0"},
        "no JSON": {"decisions": "{", "total_epochs": "1.0"},
    }
    save_file(state, path, metadata=notes[damage])
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EvaluationError, match="the weights of trial 0 (cannot be read|belong to another space)"):
        evaluate(evaluator, tmp_path, Proposal(WIDE, inherits=0), 1)


def test_weights_of_another_build_are_refused(digits, ancestry, tmp_path):
    path = tmp_path / trial_folder(0) / WEIGHTS
    path.parent.mkdir()
    save_file({"body.0.weight": torch.zeros(2, 2)}, path, metadata={"decisions": '{"width":8}', "total_epochs": "1.0"})
    evaluator = TrainingEvaluator(SmallMlp, digits, RECIPE)
    with pytest.raises(EvaluationError, match=r"do not fit.*\n.*`build` changed"):
        evaluate(evaluator, tmp_path, Proposal(SearchSpace.of(SmallMlp).default(), inherits=0), 1)


def test_a_search_by_morphisms_keeps_weights_hands_them_down_and_can_be_resumed(digits, tmp_path):
    options = {"children": 3, "audit_every": 1}
    more = {"random_search": False, "confirm_seeds": 1, "workers": 0, "folder": tmp_path / "out", "seed": 3}

    def search(trials):
        return sa.search(
            digits, SmallCnn, strategy="hill_climbing", options=options, recipe=RECIPE, trials=trials,
            store=tmp_path / "s.db", name="climb", **more,
        )  # fmt: skip

    result = search(9)
    trials = [trial for trial in result.trials if trial.phase == "search"]
    assert result.counts["failed"] == 0
    heirs = [trial for trial in trials if trial.proposal.inherits is not None]
    assert len(heirs) >= 5
    assert all(trial.measurements["total_epochs"] > trial.measurements["epochs"] for trial in heirs)
    assert search(9).best.measurements == result.best.measurements
