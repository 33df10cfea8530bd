"""The second-order gradient against autograd through the unrolled step."""

import torch
from torch import nn
from torch.func import functional_call

from searchitect.supernet.unrolling import unrolled_gradient

RATE = 0.5


def parts(seed=0):
    """A mixed network in float64: two layers, each the weighted sum of three operations."""
    draw = torch.Generator().manual_seed(seed)
    model = nn.ModuleList(nn.ModuleList([nn.Linear(5, 5), nn.Linear(5, 5), nn.Identity()]) for _ in range(2)).double()
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
    logits = [torch.randn(3, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    batches = [
        (torch.randn(32, 5, generator=draw, dtype=torch.float64), torch.randint(5, (32,), generator=draw))
        for _ in range(2)
    ]
    return model, logits, batches


def loss_of(model, logits, batch, weights=None):
    """The loss as a function of weights, which may themselves depend on the logits."""
    x, y = batch
    named = dict(model.named_parameters()) if weights is None else weights
    for layer, alpha in enumerate(logits):
        terms = []
        for place, operation in enumerate(model[layer]):
            own = {n.split(".", 2)[2]: p for n, p in named.items() if n.startswith(f"{layer}.{place}.")}
            terms.append(alpha.softmax(0)[place] * torch.tanh(functional_call(operation, own, (x,))))
        x = sum(terms)
    return nn.functional.cross_entropy(x, y)


def relative(found, expected):
    gap = sum((f - e).square().sum() for f, e in zip(found, expected, strict=True)).sqrt()
    return float(gap / sum(e.square().sum() for e in expected).sqrt())


def test_it_is_the_gradient_through_one_step_of_the_weights():
    model, logits, (train, search) = parts()
    named = dict(model.named_parameters())
    slopes = torch.autograd.grad(loss_of(model, logits, train), list(named.values()), create_graph=True)
    stepped = {name: p - RATE * g for (name, p), g in zip(named.items(), slopes, strict=True)}
    unrolled = loss_of(model, logits, search, stepped)
    exact = torch.autograd.grad(unrolled, logits)
    loss, found = unrolled_gradient(
        lambda: loss_of(model, logits, train),
        lambda: loss_of(model, logits, search),
        list(model.parameters()),
        logits,
        RATE,
    )
    assert torch.allclose(loss, unrolled)
    assert relative(found, exact) < 1e-3
    # It is no first-order gradient: that of the unrolled weights alone is farther away by far.
    direct = torch.autograd.grad(loss_of(model, logits, search, {n: s.detach() for n, s in stepped.items()}), logits)
    assert relative(direct, exact) > 5e-3


def test_shared_weights_come_back_bit_for_bit():
    model, logits, (train, search) = parts(1)
    before = [p.detach().clone() for p in model.parameters()]
    unrolled_gradient(
        lambda: loss_of(model, logits, train),
        lambda: loss_of(model, logits, search),
        list(model.parameters()),
        logits,
        RATE,
    )
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))


def test_weights_and_logits_that_play_no_part_get_no_gradient():
    model, logits, (train, search) = parts(2)
    idle = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    _, found = unrolled_gradient(
        lambda: loss_of(model, logits, train),
        lambda: loss_of(model, logits, search),
        [*model.parameters(), nn.Parameter(torch.ones(2))],
        [*logits, idle],
        RATE,
    )
    assert torch.equal(found[-1], torch.zeros_like(idle))
