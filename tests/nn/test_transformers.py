"""Attention and the layers beside it: what they compute, and that an open one holds every plain one."""

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.nn import attention, feed_forward, transformer_block
from searchitect.supernet import open_build
from tests.nn.opened import TOKENS, opened

SIZES = {"width": (16, 24, 32), "heads": (2, 4, 8)}


def batch(width=16, tokens=5, count=3, seed=0):
    return torch.randn(count, tokens, width, generator=torch.Generator().manual_seed(seed))


def test_attention_computes_what_torch_computes():
    ours, torchs = attention(16, 4), nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        torchs.in_proj_weight.copy_(ours.inward.weight)
        torchs.in_proj_bias.copy_(ours.inward.bias)
        torchs.out_proj.weight.copy_(ours.outward.weight)
        torchs.out_proj.bias.copy_(ours.outward.bias)
    x = batch()
    torch.testing.assert_close(ours(x), torchs(x, x, x)[0], rtol=1e-5, atol=1e-6)


def test_heads_may_have_a_width_of_their_own():
    plain = attention(30, 4, head_width=16)
    assert plain(batch(30)).shape == (3, 5, 30)
    assert plain.inward.weight.shape == (3 * 4 * 16, 30)


@pytest.mark.parametrize(("width", "heads"), [(30, 4), (64, 7), (16, 32)])
def test_an_odd_head_split_names_both_numbers_and_the_remedy(width, heads):
    with pytest.raises(SpaceError, match=rf"{heads} heads do not divide a width of {width}\n.*head_width="):
        attention(width, heads)


def test_an_odd_head_split_among_open_numbers_is_found_when_the_supernet_is_built():
    space = opened(lambda s, task: attention(s.width, s.heads), width=(16, 20), heads=(2, 8))
    with pytest.raises(SpaceError, match="8 heads do not divide a width of 20\n.*1, 2, 4, 5, 10, 20"):
        open_build(space, TOKENS)


def test_heads_that_follow_from_the_width_are_no_odd_split():
    space = opened(lambda s, task: attention(s.width, s.width // 8), width=(16, 24, 40))
    supernet = open_build(space, TOKENS, check=False)
    heads = {a["width"]: supernet.extract(a).heads for a in supernet.space.enumerate()}
    assert heads == {16: 2, 24: 3, 40: 5}


@pytest.mark.parametrize("number", [0, -1])
def test_no_heads_are_refused(number):
    with pytest.raises(SpaceError, match="at least 1"):
        attention(16, number, head_width=4)


@pytest.mark.parametrize(
    "make",
    [
        lambda s: attention(s.width, s.heads),
        lambda s: attention(s.width, s.heads, head_width=8),
        lambda s: attention(s.width, 4),
        lambda s: attention(16, s.heads),
        lambda s: attention(s.width, s.heads, head_width=s.width // 8, bias=False),
        lambda s: feed_forward(s.width, s.width * 3),
        lambda s: feed_forward(16, s.width, activation="relu", dropout=0.2),
        lambda s: transformer_block(s.width, s.heads, ratio=2.5),
        lambda s: transformer_block(s.width, s.heads, head_width=8, norm="rms"),
    ],
)
def test_an_open_layer_is_the_plain_one_with_copied_weights(make):
    space = opened(lambda s, task: make(s), **SIZES)
    supernet = open_build(space, TOKENS, check=False).double().eval()
    for architecture in supernet.space.enumerate():
        plain = supernet.extract(architecture).double().eval()
        width = next(m for m in plain.modules() if isinstance(m, nn.Linear)).in_features
        x = batch(width).double()
        with torch.no_grad():
            expected, got = plain(x), supernet(x)
        assert not any("lastic" in type(m).__name__ for m in plain.modules())
        # float32 weights, double sums: a copied slice gives the same numbers
        assert float((got - expected).abs().max()) <= 1e-6 * float(expected.abs().max())


def test_a_head_of_a_subnet_is_a_head_of_the_supernet():
    space = opened(lambda s, task: attention(16, s.heads, head_width=4), heads=(2, 4))
    supernet = open_build(space, TOKENS)
    few, many = (supernet.extract(a) for a in supernet.space.enumerate())
    rows = few.inward.weight.unflatten(0, (3, 2, 4))
    assert torch.equal(rows, many.inward.weight.unflatten(0, (3, 4, 4))[:, :2])
    assert torch.equal(few.outward.weight, many.outward.weight[:, :8])


def test_gradients_touch_the_active_heads_only():
    space = opened(lambda s, task: attention(s.width, s.heads, head_width=4), width=(8, 16), heads=(2, 4))
    supernet = open_build(space, TOKENS, check=False)
    supernet.activate(next(iter(supernet.space.enumerate())))
    supernet(batch(8)).square().sum().backward()
    rows = supernet.body.inward.full.weight.grad.unflatten(0, (3, 4, 4))
    columns = supernet.body.outward.full.weight.grad.unflatten(1, (4, 4))
    assert rows[:, :2, :, :8].abs().amin() > 0
    assert rows[:, 2:].abs().sum() == rows[..., 8:].abs().sum() == 0
    assert columns[:8, :2].abs().amin() > 0
    assert columns[8:].abs().sum() == columns[:, 2:].abs().sum() == 0


def test_an_extracted_block_survives_saving(tmp_path):
    from safetensors.torch import load_model, save_model

    space = opened(lambda s, task: transformer_block(s.width, s.heads, head_width=4), width=(8, 16), heads=(2, 4))
    supernet = open_build(space, TOKENS, check=False)
    architecture = next(iter(supernet.space.enumerate()))
    subnet = supernet.extract(architecture)
    save_model(subnet, tmp_path / "w.safetensors")
    again = supernet.space.build(architecture, TOKENS)
    load_model(again, tmp_path / "w.safetensors")
    assert torch.equal(again.eval()(batch(8)), subnet.eval()(batch(8)))


def test_a_block_adds_to_what_it_reads():
    block = transformer_block(16, 4)
    for linear in (m for m in block.modules() if isinstance(m, nn.Linear)):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    assert torch.equal(block(batch()), batch())


def test_the_hidden_width_is_rounded_down():
    space = opened(lambda s, task: transformer_block(10, 2, ratio=s.ratio), ratio=(1.0, 2.55))
    supernet = open_build(space, sa.TaskSpec((5, 10), 2, domain="sequence"))
    hidden = [supernet.extract(a)[1].body[1][0].out_features for a in supernet.space.enumerate()]
    assert hidden == [10, 25]
