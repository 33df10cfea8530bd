from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from searchitect.errors import ConfigError
from searchitect.spaces.recipe import Recipe
from searchitect.training.schedules import SCHEDULES, factor, learning_rate

TOTAL = 1000


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(1, 500), st.floats(0, 0.9), st.data())
def test_a_factor_always_lies_between_0_and_1(name: str, total: int, warmup: float, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, total - 1))
    assert 0.0 <= factor(name, index, total, warmup) <= 1.0


def test_cosine_falls_from_one_through_a_half_to_almost_nothing() -> None:
    assert factor("cosine", 0, TOTAL) == 1.0
    assert factor("cosine", 500, TOTAL) == pytest.approx(0.5)
    assert factor("cosine", 999, TOTAL) < 1e-5


def test_one_cycle_follows_the_figures_of_pytorch() -> None:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=TOTAL, cycle_momentum=False)
    for index in range(TOTAL):
        assert factor("one_cycle", index, TOTAL) == pytest.approx(theirs.get_last_lr()[0], abs=5e-3)
        optimizer.step()
        if index < TOTAL - 1:
            theirs.step()


def test_step_divides_by_ten_at_a_half_and_at_three_quarters() -> None:
    assert [factor("step", i, 100) for i in (0, 49, 50, 74, 75, 99)] == [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]


def test_warm_up_rises_linearly_and_ends_at_the_peak() -> None:
    rising = [factor("constant", i, 100, warmup=0.1) for i in range(12)]
    assert rising[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rising[10:] == [1.0, 1.0]


def test_one_cycle_has_its_own_rise_and_ignores_warm_up() -> None:
    assert factor("one_cycle", 3, 100, warmup=0.5) == factor("one_cycle", 3, 100)


def test_the_rate_is_the_factor_times_the_peak_of_the_recipe() -> None:
    recipe = Recipe(learning_rate=0.2, schedule="step")
    assert learning_rate(recipe, 60, 100) == pytest.approx(0.02)


def test_an_unknown_schedule_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cosine'"):
        factor("cosin", 0, 1)
