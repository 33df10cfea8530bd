"""Seconds of training, the same for every model, become epochs."""

import pytest
from hypothesis import given, strategies as st

import searchitect as sa
from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.evaluators import TrainingEvaluator
from searchitect.evaluators.pace import Pace, fit_pace
from searchitect.trial import Fidelity, Proposal

COUNTS = {"flops": 1e6, "activations": 1e4}
PACE = Pace(fixed=1.0, per_flop=2e-6, per_activation=1e-4)


def test_an_epoch_costs_a_fixed_part_its_operations_and_its_activations():
    assert PACE.epoch_seconds(COUNTS) == pytest.approx(1.0 + 2.0 + 1.0)


def test_seconds_become_whole_epochs_on_a_share_of_the_data():
    assert PACE.in_epochs(Fidelity(epochs=20, seconds=18.4), COUNTS) == Fidelity(epochs=5, data_fraction=0.92)


def test_less_than_one_epoch_is_one_on_part_of_the_data():
    assert PACE.in_epochs(Fidelity(epochs=20, seconds=1.0), COUNTS) == Fidelity(epochs=1, data_fraction=0.25)


def test_more_than_the_recipe_wants_is_not_spent():
    assert PACE.in_epochs(Fidelity(epochs=3, seconds=1e6), COUNTS) == Fidelity(epochs=3)


def test_a_fidelity_in_epochs_is_left_alone():
    assert PACE.in_epochs(Fidelity(epochs=7), COUNTS) == Fidelity(epochs=7)


@given(st.floats(0.1, 1e4), st.floats(1e5, 1e9), st.floats(1e2, 1e7))
def test_what_is_trained_costs_what_was_allowed(seconds, flops, activations):
    counts = {"flops": flops, "activations": activations}
    found = PACE.in_epochs(Fidelity(epochs=None, seconds=seconds), counts)
    spent = found.epochs * found.data_fraction * PACE.epoch_seconds(counts)
    floor = 0.02 * PACE.epoch_seconds(counts)
    assert spent == pytest.approx(max(seconds, floor), rel=0.06)


def test_planted_coefficients_are_found_again():
    counts = [{"flops": 1e6 * f, "activations": 1e4 * a} for f, a in [(1, 1), (2, 1), (1, 3), (5, 2), (3, 7)]]
    found = fit_pace([(PACE.epoch_seconds(c), c) for c in counts])
    assert found.fixed == pytest.approx(PACE.fixed)
    assert found.per_flop == pytest.approx(PACE.per_flop)
    assert found.per_activation == pytest.approx(PACE.per_activation)


def test_with_two_probes_all_models_are_as_fast_as_their_mean():
    assert fit_pace([(1.0, COUNTS), (3.0, COUNTS)]) == Pace(2.0)


def test_a_pace_survives_json():
    assert Pace.from_json(PACE.to_json()) == PACE


def test_a_larger_model_trains_fewer_epochs_for_the_same_seconds():
    space = sa.catalog.get("mlp")
    task = sa.task("digits")
    evaluator = TrainingEvaluator(space, task, sa.Recipe(epochs=20), pace=Pace(0.0, per_flop=1e-5))
    fidelity = Fidelity(epochs=20, seconds=0.5)
    architectures = list(space_members(space))
    epochs = [evaluator.evaluate(Proposal(a, fidelity), Context(seed=0))["epochs"] for a in architectures]
    flops = [evaluator.check(a, frozenset({"flops"}))["flops"] for a in architectures]
    assert flops[0] < flops[1]
    assert epochs[0] > epochs[1]
    assert epochs[1] == pytest.approx(0.5 / (1e-5 * flops[1]), rel=0.05)


def test_seconds_without_a_pace_are_refused_with_what_to_give():
    evaluator = TrainingEvaluator(sa.catalog.get("mlp"), sa.task("digits"))
    proposal = Proposal(sa.SearchSpace.of(evaluator.space).default(), Fidelity(seconds=1.0))
    with pytest.raises(EvaluationError, match="needs the pace of this machine\n.*give TrainingEvaluator a pace"):
        evaluator.evaluate(proposal, Context(seed=0))


def space_members(space):
    import random

    search_space = sa.SearchSpace.of(space)
    rng = random.Random(0)
    drawn = [search_space.sample(rng) for _ in range(20)]
    evaluator = TrainingEvaluator(space, sa.task("digits"))
    drawn.sort(key=lambda a: evaluator.check(a, frozenset({"flops"}))["flops"])
    return drawn[0], drawn[-1]
