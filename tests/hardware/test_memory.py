from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.hardware import peak_memory_bytes

PIXELS = 8 * 8
FLOAT = 4


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(self.first(x))


class Concatenation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(4, 6, 1)
        self.right = nn.Conv2d(4, 10, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.left(x), self.right(x)], 1)


def test_a_chain_holds_the_input_and_output_of_its_widest_operation() -> None:
    chain = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 16, 3, padding=1), nn.Conv2d(16, 1, 1))
    # 2+4, 4+16, 16+1 channels alive
    assert peak_memory_bytes(chain, (2, 8, 8)) == (4 + 16) * PIXELS * FLOAT


def test_a_residual_keeps_its_input_while_the_branch_runs() -> None:
    # x, first, second alive together: 4 + 8 + 4 channels
    assert peak_memory_bytes(Residual(), (4, 8, 8)) == 16 * PIXELS * FLOAT


def test_a_concatenation_holds_all_its_parts_and_the_whole() -> None:
    # left, right and their concatenation: 6 + 10 + 16 channels; x is no longer read
    assert peak_memory_bytes(Concatenation(), (4, 8, 8)) == 32 * PIXELS * FLOAT


def test_in_place_operations_and_views_take_nothing() -> None:
    plain = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * PIXELS, 2))
    in_place = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8 * PIXELS, 2)
    )
    assert peak_memory_bytes(plain, (1, 8, 8)) == (8 + 8) * PIXELS * FLOAT
    assert peak_memory_bytes(in_place, (1, 8, 8)) == (1 + 8) * PIXELS * FLOAT


def test_what_nobody_reads_takes_nothing() -> None:
    pooling = nn.Sequential(nn.MaxPool2d(2), nn.BatchNorm2d(3))  # indices, saved statistics
    assert peak_memory_bytes(pooling, (3, 8, 8)) == (3 * PIXELS + 3 * PIXELS // 4) * FLOAT


def test_names_in_the_forward_do_not_change_the_peak() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in range(5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = [x]
            for layer in self.layers:
                kept.append(layer(kept[-1]))
            return kept[-1]

    assert peak_memory_bytes(Named(), (4, 8, 8)) == 2 * 4 * PIXELS * FLOAT


def test_every_output_stays_alive_to_the_end() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            first = x * 2
            return first, (first + 1) * 3

    assert peak_memory_bytes(Two(), (10,)) == 3 * 10 * FLOAT


def test_a_model_that_does_nothing_holds_its_input() -> None:
    assert peak_memory_bytes(nn.Identity(), (10,)) == 10 * FLOAT


def test_weights_are_not_part_of_the_peak() -> None:
    assert peak_memory_bytes(nn.Linear(100, 3, bias=False), (100,)) == 103 * FLOAT


def test_an_impossible_input_is_an_error_that_names_the_shape() -> None:
    with pytest.raises(EvaluationError, match=r"shape \(1, 3, 8, 8\)"):
        peak_memory_bytes(Residual(), (3, 8, 8))


def test_a_small_cnn_takes_milliseconds() -> None:
    model = nn.Sequential(*[nn.Conv2d(4, 4, 3, padding=1) for _ in range(5)], nn.Flatten(), nn.Linear(4 * PIXELS, 2))
    peak_memory_bytes(model, (4, 8, 8))
    times = []
    for _ in range(7):
        start = time.perf_counter()
        peak_memory_bytes(model, (4, 8, 8))
        times.append(time.perf_counter() - start)
    assert min(times) < 0.02
