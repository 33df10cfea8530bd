from __future__ import annotations

import pytest
import torch

from searchitect import nn
from searchitect.errors import SpaceError


def test_drop_path_drops_whole_examples_and_scales_the_rest():
    torch.manual_seed(0)
    y = nn.DropPath(0.25)(torch.ones(400, 2, 3, 3))
    per_example = y.flatten(1)
    assert (per_example == per_example[:, :1]).all()
    kept = per_example[:, 0] > 0
    torch.testing.assert_close(per_example[kept, 0], torch.full((int(kept.sum()),), 1 / 0.75))
    assert 0.65 < kept.float().mean() < 0.85


def test_drop_path_and_dropout_do_nothing_in_evaluation():
    x = torch.randn(4, 5)
    assert torch.equal(nn.DropPath(0.5).eval()(x), x)
    assert torch.equal(nn.dropout(0.5).eval()(x), x)


def test_a_rate_of_zero_is_the_identity():
    assert isinstance(nn.dropout(0.0), torch.nn.Identity)
    assert isinstance(nn.drop_path(0.0), torch.nn.Identity)


@pytest.mark.parametrize("make", [nn.dropout, nn.DropPath])
@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_rates_outside_zero_to_one_are_refused(make, rate):
    with pytest.raises(SpaceError, match="at least 0 and below 1"):
        make(rate)
