import pytest
import torch
from torch import nn

from searchitect.hardware import count_flops
from searchitect.hardware.operations import FEATURES, Operation, Work
from searchitect.hardware.recording import work_of


class Dead(nn.Module):
    """Computes a branch that nothing reads."""

    def __init__(self):
        super().__init__()
        self.used, self.dead = nn.Linear(10, 4), nn.Linear(10, 400)

    def forward(self, x):
        self.dead(x)
        return self.used(x.view(-1, 10))


def of_kind(work, kind):
    return [operation for operation in work.operations if operation.kind == kind]


def test_a_convolution_is_counted_with_its_flops_and_bytes():
    work = work_of(nn.Conv2d(3, 8, 3, padding=1, bias=False), (3, 16, 16))
    (operation,) = work.operations
    assert operation == Operation("convolution", 2 * 8 * 3 * 9 * 256, 4 * (3 * 256 + 8 * 3 * 9 + 8 * 256))


def test_flops_of_convolutions_and_products_agree_with_the_counter():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(1152, 5)
    )
    work = work_of(model, (3, 16, 16))
    counted = sum(o.flops for kind in ("convolution", "grouped_convolution", "matmul") for o in of_kind(work, kind))
    assert counted == count_flops(model, (3, 16, 16))
    assert [len(of_kind(work, kind)) for kind in ("grouped_convolution", "norm", "elementwise")] == [1, 1, 1]


def test_what_no_output_depends_on_is_left_out_and_views_are_free():
    work = work_of(Dead(), (10,))
    assert [o.kind for o in work.operations] == ["matmul"]
    assert work.operations[0].flops == 2 * 10 * 4


def test_features_are_totals_by_kind():
    work = Work((Operation("pool", 1e9, 2e6), Operation("pool", 0.0, 1e6), Operation("copy", 5e8, 0.0)))
    named = dict(zip(FEATURES, work.features, strict=True))
    assert (named["pool_count"], named["pool_gigaflops"], named["pool_megabytes"]) == (2, 1.0, 3.0)
    assert (named["copy_count"], named["copy_gigaflops"]) == (1, 0.5)
    assert sum(work.features) == pytest.approx(2 + 1 + 3 + 1 + 0.5)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    work_of(model, (3, 8, 8))
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
