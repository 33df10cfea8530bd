import torch
from torch import nn

from searchitect.spaces import TaskSpec
from searchitect.training.precision import gains_by_bfloat16

CPU = torch.device("cpu")
PLAIN = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())


def with_instructions(monkeypatch, **found):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)


def test_a_cpu_with_the_instructions_gains_on_images_of_some_size(monkeypatch):
    with_instructions(monkeypatch, avx512_bf16=True)
    assert gains_by_bfloat16(CPU, TaskSpec((1, 28, 28), 10), PLAIN)
    assert not gains_by_bfloat16(CPU, TaskSpec((1, 8, 8), 10), PLAIN)
    assert not gains_by_bfloat16(CPU, TaskSpec((784,), 10, domain="tabular"), PLAIN)


def test_a_cpu_without_them_does_not_gain(monkeypatch):
    with_instructions(monkeypatch, avx512_bf16=False)
    assert not gains_by_bfloat16(CPU, TaskSpec((3, 32, 32), 10), PLAIN)


def test_grouped_convolutions_lose_on_a_cpu_whatever_its_instructions(monkeypatch):
    with_instructions(monkeypatch, avx512_bf16=True)
    separable = nn.Sequential(PLAIN, nn.Conv2d(4, 4, 3, groups=4))
    assert not gains_by_bfloat16(CPU, TaskSpec((1, 28, 28), 10), separable)
