"""What watches a search: measured against exact answers."""

import math

import pytest
import torch
from torch import nn

from searchitect.seeding import isolated
from searchitect.supernet.architecture_weights import MixedDecision, mixed_decisions
from searchitect.supernet.gradient_result import SearchEpoch
from searchitect.supernet.guards import (
    Guards,
    dominant_eigenvalue,
    entropy,
    sharpening,
    skip_share,
    skips_dropped,
    stop,
)
from searchitect.supernet.open_build import open_build
from tests.supernet.trap import Trap, trap

LOOSE = Guards(eigenvalue=None)


def decision(path="a", skips=(1,), zeros=(0,)):
    return MixedDecision(path, ("none", "skip", "conv"), (), skips, zeros)


def curve(skips, eigenvalues=None):
    values = [None] * len(skips) if eigenvalues is None else eigenvalues
    return [
        SearchEpoch(0, n, 1.0, 1.0, {}, share, 1.0, value, 1.0)
        for n, (share, value) in enumerate(zip(skips, values, strict=True), 1)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_the_eigenvalue_is_that_of_the_exact_hessian(seed):
    draw = torch.Generator().manual_seed(seed)
    alphas = [torch.randn(3, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    mix = torch.randn(6, 4, generator=draw, dtype=torch.float64)

    def loss(flat):
        shares = torch.cat([flat[:3].softmax(0), flat[3:].softmax(0)])
        return (torch.tanh(shares @ mix) ** 2).sum()

    exact = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, torch.cat(alphas).detach()))
    found = dominant_eigenvalue(lambda: loss(torch.cat(alphas)), alphas, draw, iterations=300, tolerance=1e-12)
    assert found == pytest.approx(float(exact.abs().max()), rel=1e-4)


def test_a_loss_without_curvature_has_no_eigenvalue():
    alpha = torch.zeros(3, requires_grad=True)
    assert dominant_eigenvalue(alpha.sum, [alpha], torch.Generator()) == 0.0


def test_the_share_of_skips_leaves_zeros_out():
    decisions = [decision("a"), decision("b"), decision("c", skips=())]
    shares = [torch.tensor([0.8, 0.15, 0.05]), torch.tensor([0.1, 0.3, 0.6]), torch.tensor([0.1, 0.8, 0.1])]
    assert skip_share(decisions, shares) == 0.5
    assert skip_share(decisions[2:], shares[2:]) == 0.0


def test_entropy_is_a_share_of_the_largest():
    assert float(entropy([torch.full((4,), 0.25), torch.tensor([1.0, 0.0])])) == pytest.approx(0.5)
    assert float(entropy([torch.tensor([0.5, 0.5, 0.0, 0.0])])) == pytest.approx(math.log(2) / math.log(4))


def test_sharpening_compares_averages_of_five_four_epochs_apart():
    flat = [1.0] * 9
    assert not sharpening(flat, 0.75)
    assert not sharpening([1.0] * 4 + [10.0] * 4, 0.75)  # too few to tell
    grown = [1.0] * 5 + [2.0] * 4
    assert sharpening(grown, 0.75)  # 1 / 1.8
    assert not sharpening(grown, 0.5)


def test_too_many_skips_go_back_to_the_last_epoch_that_had_few():
    found = stop(curve([0.0, 0.2, 0.4, 0.5, 0.6, 0.6]), LOOSE, first=1)
    assert (found.epoch, found.back) == (5, 4)
    assert found.reason == "60% of the decisions would skip in epoch 5"
    assert stop(curve([0.0, 0.2, 0.5]), LOOSE, first=1) is None
    assert stop(curve([1.0, 1.0, 1.0]), LOOSE, first=2).back == 0
    assert stop(curve([1.0, 1.0]), LOOSE, first=2) is None


def test_a_sharpening_loss_goes_back_by_four_epochs():
    values = [1.0] * 5 + [2.0] * 4
    found = stop(curve([0.0] * 9, values), Guards(), first=1)
    assert (found.epoch, found.back) == (9, 5)
    assert stop(curve([0.0] * 9, values), LOOSE, first=1) is None


def test_the_first_stop_stays_whatever_follows():
    before = curve([0.0, 0.6])
    assert stop(before, LOOSE, first=1) == stop([*before, *curve([0.0] * 5)], LOOSE, first=1)


def test_dropout_stands_behind_skips_while_they_train_and_goes_afterwards():
    supernet = open_build(Trap, trap(0).spec, check=False)
    decisions = mixed_decisions(supernet)
    skip = decisions[0].mixed[0].operations[1]
    assert isinstance(skip, nn.Identity)
    x = torch.ones(1_000)
    with skips_dropped(decisions) as now, isolated(0):
        assert torch.equal(skip(x), x)
        now.rate = 0.5
        assert 0.4 < float((skip.train()(x) == 0).float().mean()) < 0.6
        assert torch.equal(skip.eval()(x), x)
    assert torch.equal(skip.train()(x), x)
