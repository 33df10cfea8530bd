import pytest
import torch

from searchitect.supernet.flows import NEW, kept, matched, replicated, untouched


def test_widening_repeats_in_proportion_and_in_order():
    flow = replicated(4, 6)
    assert flow.sources.tolist() == [0, 0, 1, 2, 2, 3]
    assert flow.parts[0].tolist() == [0.5, 0.5, 0, 0, 0, 0]
    assert flow.is_complete


@pytest.mark.parametrize(("before", "after"), [(1, 7), (3, 5), (16, 48), (5, 5)])
def test_parts_of_each_channel_sum_to_one_however_uneven(before, after):
    flow = replicated(before, after, unevenness=0.5)
    assert torch.allclose(flow.parts.sum(1), torch.ones(before, dtype=torch.float64), atol=1e-15)
    assert torch.allclose(flow.own_parts, flow.parts.sum(0))


def test_uneven_parts_tell_copies_apart():
    first, second = replicated(1, 2, unevenness=0.5).own_parts.tolist()
    assert abs(first - second) > 0.01


def test_narrowing_keeps_the_most_important_in_their_order():
    flow = kept(torch.tensor([1.0, 5.0, 2.0, 4.0]), 2)
    assert flow.sources.tolist() == [1, 3]
    assert not flow.is_complete


def test_narrowing_merges_what_is_equal_to_what_stays():
    flow = kept(torch.tensor([3.0, 1.0, 1.0, 1.5]), 2, same=torch.tensor([0, 1, 1, 2]))
    assert flow.sources.tolist() == [0, 1]
    assert flow.parts[2].tolist() == [0.0, 1.0]
    assert flow.parts[3].tolist() == [0.0, 0.0]


def test_channels_are_found_by_what_they_carry():
    before = torch.randn(3, 50, dtype=torch.float64)
    after = torch.cat([before[[2, 0, 0]], torch.randn(1, 50, dtype=torch.float64), before[[1]]])
    flow = matched(before, after, replicated(3, 5))
    assert flow.sources.tolist() == [2, 0, 0, NEW, 1]
    assert torch.allclose(flow.parts @ after, before)


def test_where_nothing_is_equal_the_expected_flow_is_supposed():
    before, after = torch.randn(2, 50, dtype=torch.float64), torch.randn(4, 50, dtype=torch.float64)
    assert matched(before, after, replicated(2, 4)).sources.tolist() == [0, 0, 1, 1]
    assert matched(before, after[:, :20], replicated(2, 4)).sources.tolist() == [0, 0, 1, 1]


def test_equal_channels_of_one_width_stay_in_their_order():
    same = torch.zeros(3, 10, dtype=torch.float64)
    assert matched(same, same, untouched(3)).sources.tolist() == [0, 1, 2]
