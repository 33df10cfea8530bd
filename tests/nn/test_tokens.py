"""From examples to tokens and back, with plain and open widths."""

import pytest
import torch
from torch import nn

from searchitect.errors import EvaluationError, SpaceError
from searchitect.nn import (
    as_sequence,
    class_token,
    embedding,
    patch_embedding,
    pool_tokens,
    positions,
    token_norm,
)
from searchitect.supernet import open_build
from tests.nn.opened import TOKENS, opened


def batch(*shape, seed=0):
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(seed))


def test_patches_with_a_linear_map_are_a_convolution_of_that_stride():
    ours, conv = patch_embedding(3, 4, 8), nn.Conv2d(3, 8, 4, stride=4)
    with torch.no_grad():
        conv.weight.copy_(ours[1].weight.reshape(8, 3, 4, 4))
        conv.bias.copy_(ours[1].bias)
    x = batch(3, 12, 8)
    torch.testing.assert_close(ours(x), conv(x).flatten(2).transpose(1, 2), rtol=1e-5, atol=1e-6)


def test_the_last_patches_are_filled_up_with_zeros():
    cut = patch_embedding(1, 4, 2)[0]
    x = batch(1, 5, 9)
    patches = cut(x)
    assert patches.shape == (3, 2 * 3, 16)
    assert torch.equal(patches[:, 5, 0], x[:, 0, 4, 8])
    assert patches[:, 5, 1:].abs().sum() == 0


@pytest.mark.parametrize(("shape", "sequence"), [((3, 8, 5), (8, 15)), ((12, 5), (12, 5)), ((7,), (7, 1))])
def test_examples_are_read_as_sequences(shape, sequence):
    module, found = as_sequence(shape)
    assert found == sequence
    assert module(batch(*shape)).shape == (3, *sequence)


def test_a_row_of_an_image_holds_all_its_channels():
    module, _ = as_sequence((2, 4, 3))
    x = batch(2, 4, 3)
    assert torch.equal(module(x)[:, 1], torch.cat((x[:, 0, 1], x[:, 1, 1]), 1))


def test_a_shape_of_four_dimensions_is_no_sequence():
    with pytest.raises(SpaceError, match="2×3×4×5"):
        as_sequence((2, 3, 4, 5))


def test_a_class_token_stands_before_the_others():
    token, x = class_token(6), batch(4, 6)
    assert torch.equal(token(x)[:, 1:], x)
    assert torch.equal(token(x)[0, 0], token.weight[0])


def test_more_tokens_than_positions_are_refused():
    with pytest.raises(EvaluationError, match="positions for 4 tokens, got 5"):
        positions("learned", 4, 6)(batch(5, 6))


def test_sines_have_no_weights_and_tell_places_apart():
    place = positions("sine", 9, 6)
    added = place(torch.zeros(1, 9, 6))[0]
    assert not list(place.parameters())
    assert torch.cdist(added, added).fill_diagonal_(1.0).amin() > 0.05
    assert added[:, 0].tolist() == pytest.approx(torch.arange(9.0).sin().tolist())


@pytest.mark.parametrize(("how", "expected"), [("mean", 2.5), ("max", 4.0), ("first", 9.0), ("last", 4.0)])
def test_pooling_leaves_out_what_is_skipped(how, expected):
    x = torch.tensor([9.0, 1.0, 2.0, 3.0, 4.0]).reshape(1, 5, 1)
    assert pool_tokens(how, skipped=1)(x).item() == expected


@pytest.mark.parametrize(
    "make", [lambda: positions("learnt", 4, 4), lambda: token_norm("layre", 4), lambda: pool_tokens("maen")]
)
def test_unknown_words_are_refused_with_the_nearest(make):
    with pytest.raises(SpaceError, match="did you mean"):
        make()


def linear_first(make):
    """Give tokens the open width, then try a layer that is told its width by them."""
    return lambda s, task: nn.Sequential(patch_embedding(1, 2, s.width), make(s))


@pytest.mark.parametrize(
    "make",
    [
        lambda s: token_norm("layer", s.width),
        lambda s: token_norm("rms", s.width),
        lambda s: positions("learned", 16, s.width),
        lambda s: positions("sine", 16, s.width),
        lambda s: class_token(s.width),
    ],
)
def test_an_open_layer_is_the_plain_one_with_copied_weights(make):
    from searchitect import TaskSpec

    spec = TaskSpec((1, 8, 8), 2)
    supernet = open_build(opened(linear_first(make), width=(6, 10, 16)), spec).double().eval()
    with torch.no_grad():
        for parameter in supernet.parameters():  # ones and zeros would hide a wrong slice
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    for architecture in supernet.space.enumerate():
        plain = supernet.extract(architecture).double().eval()
        x = batch(1, 8, 8).double()
        with torch.no_grad():
            assert float((supernet(x) - plain(x)).abs().max()) <= 1e-6 * float(plain(x).abs().max())
        assert all(p.shape[-1] in (4, architecture["width"]) for p in plain.parameters())


def test_an_open_embedding_is_the_first_values_of_each_vector():
    supernet = open_build(opened(lambda s, task: embedding(7, s.width), width=(4, 6)), TOKENS, check=False)
    words = torch.tensor([[0, 6, 3]])
    narrow, wide = (supernet.extract(a) for a in supernet.space.enumerate())
    assert isinstance(narrow, nn.Embedding)
    assert torch.equal(narrow(words), wide(words)[..., :4])
    supernet.activate(next(iter(supernet.space.enumerate())))
    assert torch.equal(supernet(words), narrow(words))
    supernet(words).sum().backward()
    grad = supernet.body.full.weight.grad
    assert grad[[0, 3, 6], :4].amin() > 0
    assert grad[:, 4:].abs().sum() == grad[[1, 2, 4, 5]].abs().sum() == 0
