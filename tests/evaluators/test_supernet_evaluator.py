"""Shared weights as an evaluator: deterministic, in any order, and never mistaken for training."""

import random

import cloudpickle
import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import ConfigError, SpaceError
from searchitect.evaluation import Context
from searchitect.evaluators import TrainingEvaluator
from searchitect.evaluators.supernet_evaluator import SHARED, SearchByShared, SupernetEvaluator
from searchitect.hardware import count_flops, count_parameters
from searchitect.nn import classifier, conv_unit
from searchitect.supernet import load, open_build
from searchitect.trial import Fidelity, Proposal


@sa.space
class Stage:
    width: int = sa.choice(4, 8)
    kernel: int = sa.choice(1, 3)

    def build(self, channels):
        return conv_unit(channels, self.width, self.kernel)


@sa.space
class Net:
    stem: int = sa.choice(4, 8)
    stages: tuple[Stage, ...] = sa.repeat(Stage, 1, 2)

    def build(self, task):
        parts, channels = [conv_unit(task.inputs[0], self.stem, 3)], self.stem
        for stage in self.stages:
            parts.append(stage.build(channels))
            channels = stage.width
        return nn.Sequential(*parts, classifier((channels, *task.inputs[1:]), task.outputs))


@pytest.fixture(scope="module")
def digits():
    return sa.task("digits")


@pytest.fixture
def evaluator(digits):
    return SupernetEvaluator(open_build(Net, digits.spec), digits, batches=4)


def architectures(count):
    space, rng = sa.SearchSpace.of(Net), random.Random(0)
    return [space.sample(rng) for _ in range(count)]


def measure(evaluator, architecture, seed=0):
    return dict(evaluator.evaluate(Proposal(architecture, SHARED), Context(seed=seed)))


def test_order_and_seed_do_not_matter(evaluator):
    chosen = architectures(5)
    forward = [measure(evaluator, a, seed=1) for a in chosen]
    backward = [measure(evaluator, a, seed=2) for a in reversed(chosen)]
    assert forward == backward[::-1]
    assert len({tuple(m.values()) for m in forward}) > 1


def test_the_supernet_stays_as_it_is(evaluator):
    before = {name: tensor.clone() for name, tensor in evaluator.supernet.state_dict().items()}
    measure(evaluator, architectures(1)[0])
    assert all(tensor.equal(before[name]) for name, tensor in evaluator.supernet.state_dict().items())


def test_costs_are_those_of_the_plain_model(evaluator, digits):
    for architecture in architectures(3):
        plain = sa.SearchSpace.of(Net).build(architecture, digits.spec)
        measured = measure(evaluator, architecture)
        assert measured["parameters"] == count_parameters(plain)
        assert measured["flops"] == count_flops(plain, digits.spec.inputs)
        assert measured["epochs"] == 0
        names = frozenset({"parameters", "accuracy"})
        assert evaluator.check(architecture, names) == {"parameters": measured["parameters"]}


def test_statistics_are_made_anew_for_each_subnet(evaluator, digits):
    """With statistics that fit nobody, the subnet scores as with any others."""
    architecture = architectures(1)[0]
    right = measure(evaluator, architecture)["accuracy"]
    for module in evaluator.supernet.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(100.0)
    assert measure(evaluator, architecture)["accuracy"] == right


def test_it_travels_and_measures_the_same(evaluator):
    architecture = architectures(1)[0]
    there = cloudpickle.loads(cloudpickle.dumps(evaluator))
    assert measure(there, architecture) == measure(evaluator, architecture)


def test_further_metrics_and_latency_are_measured_where_they_are_wanted(evaluator, digits):
    rich = SupernetEvaluator(
        evaluator.supernet, digits, measure=frozenset({"latency_ms", "balanced_accuracy"}), batches=2
    )
    assert {"latency_ms", "balanced_accuracy"} <= set(measure(rich, architectures(1)[0]))
    with pytest.raises(ConfigError, match="latencyms"):
        SupernetEvaluator(evaluator.supernet, digits, measure=frozenset({"latencyms"}))


def test_an_architecture_of_another_space_is_refused(evaluator):
    foreign = sa.SearchSpace.of(Stage).default()
    with pytest.raises(SpaceError, match="belong"):
        measure(evaluator, foreign)


def test_a_regression_is_scored_in_the_unit_of_its_targets():
    @sa.space
    class Perceptron:
        width: int = sa.choice(4, 8)

        def build(self, task):
            first = sa.nn.fully_connected(task.features, self.width)
            return nn.Sequential(first, nn.ReLU(), sa.nn.fully_connected(self.width, task.outputs))

    task = sa.task("diabetes")
    evaluator = SupernetEvaluator(open_build(Perceptron, task.spec), task)
    measured = measure(evaluator, sa.SearchSpace.of(Perceptron).default())
    assert measured["rmse"] > 10  # an untrained model misses by tens of units


def test_what_may_train_trains_and_what_may_not_does_not(evaluator, digits):
    recipe = sa.Recipe(epochs=1)
    both = SearchByShared(evaluator, TrainingEvaluator(Net, digits, recipe))
    architecture = architectures(1)[0]
    assert measure(both, architecture) == measure(evaluator, architecture)
    trained = both.evaluate(Proposal(architecture, Fidelity(epochs=4), replicate=1), Context(seed=3))
    assert trained["epochs"] == 4
    assert trained["accuracy"] > measure(both, architecture)["accuracy"] + 0.1
    assert both.check(architecture, frozenset({"parameters"})) == {"parameters": trained["parameters"]}


def test_what_was_learned_shows(evaluator, digits):
    """One architecture is trained inside the supernet: it scores well, and as its extracted model does."""
    architecture = max(architectures(10), key=lambda a: measure(evaluator, a)["parameters"])
    optimizer = torch.optim.Adam(evaluator.supernet.parameters(), 0.01)
    evaluator.supernet.train()
    evaluator.supernet.activate(architecture)
    data, generator = load(digits), torch.Generator().manual_seed(0)
    before = measure(evaluator, architecture)["accuracy"]
    for inputs, targets in (batch for _ in range(6) for batch in data.train.shuffled(64, generator)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(evaluator.supernet(inputs), targets).backward()
        optimizer.step()
    assert measure(evaluator, architecture)["accuracy"] > before + 0.4
