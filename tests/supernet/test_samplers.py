"""Every sampler gives the weights its paper says, with gradients that reach the logits."""

import pytest
import torch

from searchitect.seeding import isolated
from searchitect.supernet.samplers import SAMPLERS, concentration, distance_to_uniform

LOGITS = torch.tensor([0.4, -0.3, 0.1, 0.0])


def values(weights):
    return torch.tensor([float(weight) for weight in weights])


@pytest.mark.parametrize("name", SAMPLERS)
def test_weights_sum_to_one_and_gradients_reach_the_logits(name):
    sampler, logits = SAMPLERS[name], LOGITS.clone().requires_grad_()
    with isolated(0):
        weights = sampler.search(logits, 0.7)
        assert float(values([w.detach() if torch.is_tensor(w) else w for w in weights]).sum()) == pytest.approx(1.0)
        sum(w * (place + 1.0) for place, w in enumerate(weights)).backward()
    assert logits.grad.abs().sum() > 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_have_the_mean_that_the_sampler_tells(name):
    sampler = SAMPLERS[name]
    with isolated(1), torch.no_grad():
        drawn = torch.stack([values(sampler.train(LOGITS, 1.0)) for _ in range(4_000)]).mean(0)
    # The relaxation of SNAS is biased towards the middle; its order is that of the probabilities.
    if name == "gumbel_relaxed":
        assert torch.equal(drawn.argsort(), sampler.probabilities(LOGITS).argsort())
    else:
        assert torch.allclose(drawn, sampler.probabilities(LOGITS), atol=0.03)


@pytest.mark.parametrize("temperature", [10.0, 1.0, 0.1])
def test_gdas_computes_one_operation(temperature):
    with isolated(2):
        weights = SAMPLERS["gumbel_hard"].search(LOGITS.clone().requires_grad_(), temperature)
    computed = [w for w in weights if not isinstance(w, float)]
    assert len(computed) == 1
    assert float(computed[0].detach()) == 1.0
    assert [w for w in weights if isinstance(w, float)] == [0.0] * 3


def test_the_gradient_of_gdas_is_that_of_the_softmax():
    logits = LOGITS.clone().requires_grad_()
    with isolated(3):
        weights = SAMPLERS["gumbel_hard"].search(logits, 0.5)
    place = next(place for place, w in enumerate(weights) if not isinstance(w, float))
    [hard] = torch.autograd.grad(weights[place], logits)
    with isolated(3):
        soft = SAMPLERS["gumbel_relaxed"].search(logits, 0.5)
    [expected] = torch.autograd.grad(soft[place], logits)
    assert torch.allclose(hard, expected)


def test_the_mean_of_a_dirichlet_distribution_is_its_share_of_the_concentration():
    alpha = concentration(LOGITS)
    assert torch.allclose(alpha, torch.where(LOGITS > 0, LOGITS + 1, LOGITS.exp()))
    assert torch.allclose(SAMPLERS["dirichlet"].probabilities(LOGITS), alpha / alpha.sum())
    assert float(distance_to_uniform(torch.zeros(5))) == 0.0
    assert float(distance_to_uniform(torch.tensor([1.0, 0.0]))) == 1.0


def test_proxyless_trains_one_path_and_searches_two():
    with isolated(4):
        assert sorted(values(SAMPLERS["binary_gates"].train(LOGITS, 1.0)).tolist()) == [0.0, 0.0, 0.0, 1.0]
        weights = SAMPLERS["binary_gates"].search(LOGITS.clone().requires_grad_(), 1.0)
    gates = [float(w.detach()) for w in weights if not isinstance(w, float)]
    assert sorted(gates) == [0.0, 1.0]


def test_proxyless_leaves_the_probabilities_of_the_others_as_they_were():
    sampler, logits = SAMPLERS["binary_gates"], LOGITS.clone()
    drawn = [0.0, torch.tensor(1.0), 0.0, torch.tensor(0.0)]
    before = logits.clone()
    logits += torch.tensor([0.2, 0.5, -0.1, -0.4])  # a step that moved all of them
    sampler.settle(logits, before, drawn)
    after, start = logits.softmax(0), before.softmax(0)
    assert torch.allclose(after[[0, 2]], start[[0, 2]])
    assert after[1] > start[1]
    assert after[3] < start[3]
