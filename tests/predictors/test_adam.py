import pytest
import torch

from searchitect.predictors.adam import Adam


def tensors():
    return [torch.tensor([[1.0, -2.0]], requires_grad=True), torch.tensor([3.0], requires_grad=True)]


def loss_of(one, two):
    return (one.square().sum() + 2.0).log() * two.square().sum() + one.sum()


def test_it_takes_the_steps_of_the_optimizer_in_torch():
    ours, theirs = tensors(), tensors()
    optimizer = Adam(ours, 0.1, (0.9, 0.99), weight_decay=0.01, longest=2.0)
    reference = torch.optim.Adam(theirs, 0.1, (0.9, 0.99), weight_decay=0.01)
    for _ in range(20):
        optimizer.step(loss_of(*ours))
        reference.zero_grad()
        loss_of(*theirs).backward()
        torch.nn.utils.clip_grad_norm_(theirs, 2.0)
        reference.step()
    for one, other in zip(ours, theirs, strict=True):
        assert one.detach().numpy() == pytest.approx(other.detach().numpy(), rel=1e-4)


def test_the_tensors_keep_their_values_until_the_first_step():
    held = tensors()
    Adam(held, 0.1)
    assert held[0].tolist() == [[1.0, -2.0]]
    assert held[0].requires_grad
