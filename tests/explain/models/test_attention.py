from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn as tnn

from searchitect import nn
from searchitect.errors import ConfigError
from searchitect.explain.models.attention import attention_weights, rollout
from searchitect.explain.models.maps import attribution_map
from searchitect.explain.models.subject import subject_of


def vision(size=2):
    torch.manual_seed(0)
    parts = [nn.patch_embedding(1, size, 8), nn.class_token(8), nn.transformer_block(8, 2), nn.transformer_block(8, 2)]
    return tnn.Sequential(*parts, nn.pool_tokens("first"), tnn.Linear(8, 3))


def test_rollout_rows_sum_to_one_and_follow_the_paper():
    weights = [torch.rand(2, 3, 4, 4).softmax(-1) for _ in range(3)]
    found = rollout(weights)
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 4, dtype=torch.float64))
    mixed = [0.5 * w.double().mean(1) + 0.5 * torch.eye(4) for w in weights]
    torch.testing.assert_close(found, mixed[2] @ mixed[1] @ mixed[0])


def test_weights_are_read_from_the_layers_as_they_run():
    subject = subject_of(vision(), torch.randn(2, 1, 6, 6))
    found = attention_weights(subject)
    assert [tuple(w.shape) for w in found] == [(2, 2, 10, 10)] * 2
    torch.testing.assert_close(found[0].sum(-1), torch.ones(2, 2, 10))


def test_our_weights_reproduce_what_the_fused_layer_reads():
    layer, x = nn.attention(8, 2), torch.randn(2, 5, 8)
    values = layer._split(x)[2]
    torch.testing.assert_close(layer.outward((layer.weights(x) @ values).transpose(1, 2).flatten(2)), layer(x))


def test_torch_s_own_layers_are_read_like_ours():
    layer = tnn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = tnn.Sequential(layer, nn.pool_tokens("mean"), tnn.Linear(8, 2)).eval()
    x = torch.randn(2, 5, 8)
    [found] = attention_weights(subject_of(model, x))
    given = layer.norm1(x) if layer.norm_first else x
    told = layer.self_attn(given, given, given, average_attn_weights=False)[1]
    torch.testing.assert_close(found, told.detach())


@pytest.mark.parametrize("method", ["attention", "attention_rollout"])
def test_a_patch_shares_one_value_and_the_class_token_has_none(method):
    found = attribution_map(subject_of(vision(4), torch.randn(2, 1, 6, 7)), method)  # the last patches are filled up
    assert found.values.shape == (2, 6, 7)
    assert set(found.groups.ravel()) == {0, 1, 2, 3}
    for part in range(4):
        assert len(np.unique(found.values[0][found.groups == part])) == 1


def test_tokens_that_lie_on_no_places_are_refused():
    model = tnn.Sequential(tnn.Unflatten(1, (5, 8)), nn.transformer_block(8, 2), nn.pool_tokens("mean"))
    with pytest.raises(ConfigError, match="the 5 tokens that attention reads do not lie on inputs of"):
        attribution_map(subject_of(model, torch.randn(2, 40), kind="series"), "attention")
