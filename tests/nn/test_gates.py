import torch
from torch import nn

import searchitect.nn as sn


def test_a_gated_skip_changes_nothing_at_first_and_can_be_learned():
    body, x = nn.Linear(3, 3), torch.randn(4, 3)
    model = sn.Residual(body, sn.ZeroGate(), nn.Identity())
    assert torch.equal(model(x), body(x))
    model(x).sum().backward()
    gate = model.shortcut.gate
    assert torch.isclose(gate.grad, x.sum())
    with torch.no_grad():
        gate.fill_(1.0)
    assert torch.allclose(model(x), body(x) + x)
