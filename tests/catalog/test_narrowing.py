from __future__ import annotations

import pytest

import searchitect as sa
from searchitect.catalog import get
from searchitect.catalog.narrowing import narrower
from searchitect.errors import EvaluationError, SpaceError
from searchitect.evaluation import Context
from searchitect.evaluators import TrainingEvaluator
from searchitect.evaluators.building import build
from searchitect.hardware import count_parameters
from searchitect.seeding import stream
from searchitect.tasks import task
from searchitect.trial import Fidelity, Proposal

SPEC = sa.TaskSpec((3, 16, 16), 10)


@pytest.mark.parametrize("name", ["nasbench201", "nasnet", "darts_edges", "mobilenet_v3", "mbconv"])
def test_half_the_width_keeps_the_decisions_and_shrinks_the_model(name):
    space = get(name)
    architecture = sa.SearchSpace.of(space).sample(stream(1, name))
    narrow, moved = narrower(space, architecture, 0.5)
    assert moved.decisions == architecture.decisions
    assert sa.SearchSpace.of(narrow).contains(moved)
    full, half = (count_parameters(build(s, a, SPEC)) for s, a in ((space, architecture), (narrow, moved)))
    assert half < 0.6 * full


def test_the_whole_width_is_the_space_itself():
    space = get("nasbench201")
    architecture = sa.SearchSpace.of(space).default()
    assert narrower(space, architecture, 1.0) == (space, architecture)


def test_a_space_whose_widths_are_decisions_cannot_be_built_narrower():
    space = get("plain_cnn")
    with pytest.raises(SpaceError, match="cannot be built narrower") as caught:
        narrower(space, sa.SearchSpace.of(space).default(), 0.5)
    assert "narrower(width)" in caught.value.hint


@pytest.mark.parametrize("width", [0.0, -1.0, 1.5])
def test_a_width_lies_in_0_to_1(width):
    space = get("nasbench201")
    with pytest.raises(SpaceError, match=r"a width lies in \(0, 1\]"):
        narrower(space, sa.SearchSpace.of(space).default(), width)


def own(channels):
    @sa.space
    class Own:
        deep: bool = sa.choice(False, True)

        @classmethod
        def narrower(cls, width):
            return own(max(1, round(channels * width)))

        def build(self, task):
            from torch import nn

            inner = [nn.Linear(channels, channels), nn.ReLU()] if self.deep else []
            return nn.Sequential(nn.Flatten(), nn.Linear(64, channels), nn.ReLU(), *inner, nn.Linear(channels, 10))

    return Own


def test_your_own_space_says_how_and_a_trial_is_trained_narrow_but_counted_whole():
    space, digits = own(32), task("digits")
    evaluator = TrainingEvaluator(space, digits, sa.Recipe(epochs=1, batch_size=256))
    architecture = sa.SearchSpace.of(space).default()
    narrow = evaluator.evaluate(Proposal(architecture, Fidelity(epochs=1, width=0.25)), Context(0))
    whole = evaluator.evaluate(Proposal(architecture, Fidelity(epochs=1)), Context(0))
    assert narrow["parameters"] == whole["parameters"] == 64 * 32 + 32 + 32 * 10 + 10
    assert narrow["accuracy"] != whole["accuracy"]


def test_a_narrow_trial_cannot_inherit_and_a_space_that_cannot_fails_the_trial():
    evaluator = TrainingEvaluator(own(32), task("digits"), sa.Recipe(epochs=1))
    architecture = sa.SearchSpace.of(evaluator.space).default()
    with pytest.raises(EvaluationError, match="cannot inherit"):
        evaluator.evaluate(Proposal(architecture, Fidelity(epochs=1, width=0.5), inherits=0), Context(0))
    cnn = TrainingEvaluator(get("plain_cnn"), task("digits"), sa.Recipe(epochs=1))
    architecture = sa.SearchSpace.of(cnn.space).default()
    with pytest.raises(EvaluationError, match="cannot be built narrower"):
        cnn.evaluate(Proposal(architecture, Fidelity(epochs=1, width=0.5)), Context(0))


def test_a_width_is_left_out_of_json_where_it_is_whole():
    assert "width" not in Fidelity(epochs=3).to_json()
    assert Fidelity.from_json({"epochs": 3, "data_fraction": 1.0, "resolution": 1.0}) == Fidelity(epochs=3)
    narrow = Fidelity(epochs=3, width=0.5)
    assert Fidelity.from_json(narrow.to_json()) == narrow
