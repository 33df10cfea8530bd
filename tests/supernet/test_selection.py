"""Which operation is taken: the strongest, or the one that would be missed."""

import random

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.nn import choose
from searchitect.seeding import isolated
from searchitect.spaces import SearchSpace
from searchitect.supernet.architecture_weights import ArchitectureWeights, mixed_decisions
from searchitect.supernet.open_build import open_build
from searchitect.supernet.relaxation import Relaxation
from searchitect.supernet.samplers import SAMPLERS
from searchitect.supernet.selection import by_magnitude, by_perturbation, chosen_architecture
from searchitect.training.losses import criterion

SPEC = sa.TaskSpec((4,), 2, domain="tabular")


class Sign(nn.Module):
    """What the class depends on, times a factor."""

    def __init__(self, factor):
        super().__init__()
        self.factor, self.weight = factor, nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.factor * self.weight * torch.stack((x[:, 0], -x[:, 0]), 1)


class Zeros(nn.Module):
    def forward(self, x):
        return torch.zeros(len(x), 2)


class Constant(nn.Module):
    def forward(self, x):
        return torch.ones(len(x), 2)


MAKERS = {"none": Zeros, "skip": Constant, "right": lambda: Sign(1.0), "wrong": lambda: Sign(-0.3)}


class Summed(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x):
        return sum(part(x) for part in self.parts)


@sa.space
class Edges:
    first: str = sa.choice(*MAKERS)
    second: str = sa.choice(*MAKERS)

    def build(self, task):
        return Summed([choose(self.first, MAKERS), choose(self.second, MAKERS)])


def relaxed(logits, space=Edges):
    supernet = open_build(space, SPEC, check=False)
    decisions = mixed_decisions(supernet)
    alphas = ArchitectureWeights(decisions, scale=0.0, generator=torch.Generator())
    alphas.restore({d.path: torch.tensor(values) for d, values in zip(decisions, logits, strict=True)})
    return Relaxation(supernet, alphas, SAMPLERS["softmax"], criterion(SPEC))


def batches(count=200):
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(0))
    return [(x, (x[:, 0] < 0).long())]


def names(relaxation, chosen):
    return [decision.options[chosen.taken[decision.path]] for decision, _ in relaxation.alphas]


def test_magnitude_takes_the_strongest_that_is_no_zero():
    relaxation = relaxed([[9.0, 1.0, 0.0, 2.0], [0.0, 3.0, 1.0, 0.0]])
    chosen = by_magnitude(relaxation)
    assert names(relaxation, chosen) == ["wrong", "skip"]
    shares = relaxation.by_path()
    assert chosen.strengths["second"] == pytest.approx(float(shares["second"][1].detach()))


def test_magnitude_keeps_to_a_limit_on_skips_where_it_is_least_sure():
    relaxation = relaxed([[0.0, 9.0, 1.0, 2.0], [0.0, 3.0, 1.0, 0.0]])
    assert names(relaxation, by_magnitude(relaxation, most_skips=0.5)) == ["skip", "right"]
    assert names(relaxation, by_magnitude(relaxation, most_skips=0.0)) == ["wrong", "right"]


@pytest.mark.parametrize("seed", range(5))
def test_perturbation_takes_what_is_missed_though_its_weight_is_small(seed):
    relaxation = relaxed([[2.0, 5.0, 3.0, 1.0], [2.0, 5.0, 2.5, 1.0]])
    tuned = []
    with isolated(0):
        chosen = by_perturbation(relaxation, batches(), tuned.append, random.Random(seed))
    assert names(relaxation, chosen) == ["right", "right"]
    assert tuned == [1, 2]
    assert chosen.strengths.keys() == {"first", "second"}


def test_strengths_tell_which_edge_is_needed_more():
    relaxation = relaxed([[0.0, 0.0, 5.0, 0.0], [0.0, 5.0, 0.0, 0.0]])
    chosen = by_perturbation(relaxation, batches(), lambda number: None, random.Random(0))
    assert max(chosen.strengths, key=chosen.strengths.get) == "first" or names(relaxation, chosen) == ["right"] * 2


@sa.space
class Inner:
    kind: str = sa.choice("right", "wrong")

    def build(self):
        return choose(self.kind, MAKERS)


@sa.space
class Nothing:
    def build(self):
        return Constant()


@sa.space
class Nested:
    option: Inner | Nothing = sa.choice(Inner, Nothing)

    def build(self, task):
        return self.option.build()


def test_a_decision_below_another_is_judged_after_it():
    relaxation = relaxed([[0.0, 0.0], [0.0, 0.0]], Nested)
    assert [d.path for d, _ in relaxation.alphas] == ["option", "option.Inner.kind"]
    with torch.no_grad():
        relaxation.alphas.logits[1].copy_(torch.tensor([1.0, 0.0]))
    chosen = by_perturbation(relaxation, batches(), lambda number: None, random.Random(0))
    space = SearchSpace.of(Nested)
    architecture = chosen_architecture(space, relaxation, chosen.taken, 0)
    assert dict(architecture.items()) == {"option": "Inner", "option.Inner.kind": "right"}


def test_what_lies_below_an_option_that_was_not_taken_is_left_out():
    relaxation = relaxed([[0.0, 0.0], [0.0, 0.0]], Nested)
    architecture = chosen_architecture(SearchSpace.of(Nested), relaxation, {"option": 1, "option.Inner.kind": 0}, 0)
    assert dict(architecture.items()) == {"option": "Nothing"}


@sa.space
class Unequal:
    first: str = sa.choice(*MAKERS)
    second: str = sa.choice(*MAKERS)

    @sa.constraint("first", "second")
    def differ(self):
        return self.first != self.second

    def build(self, task):
        return Summed([choose(self.first, MAKERS), choose(self.second, MAKERS)])


def test_conditions_are_kept_by_the_most_probable_architecture_that_does():
    relaxation = relaxed([[0.0, 0.0, 5.0, 0.0], [0.0, 0.0, 5.0, 3.0]], Unequal)
    found = chosen_architecture(SearchSpace.of(Unequal), relaxation, {"first": 2, "second": 2}, 0)
    assert dict(found.items()) == {"first": "right", "second": "wrong"}


def test_conditions_that_nothing_keeps_are_told():
    relaxation = relaxed([[0.0, 0.0, 90.0, 0.0], [0.0, 0.0, 90.0, 0.0]], Unequal)
    with pytest.raises(SpaceError, match="no architecture near the probabilities satisfies the conditions of Unequal"):
        chosen_architecture(SearchSpace.of(Unequal), relaxation, {"first": 2, "second": 2}, 0)
