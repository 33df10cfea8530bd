from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from searchitect import nn

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")


def everything() -> torch.nn.Module:
    """One model with every kind of convolution, normalisation, pooling, wiring and adapter."""
    kinds = [*nn.CONVOLUTIONS]
    norms = [name for name in nn.NORMS if name != "none"]
    layers = [
        lambda s, k=kind, n=name: nn.conv_unit(s[0], 8, 4, kind=k, norm=n, activation="hard_swish")
        for kind, name in zip([*kinds, "plain"], norms, strict=True)
    ]
    body = nn.connect(layers, "dense", shape=(3, 9, 9))
    narrow = nn.connect(
        [
            lambda s: torch.nn.Sequential(nn.max_pool(), nn.drop_path(0.2)),
            lambda s: nn.adapt(s, (4, 3, 3)),
            lambda s: nn.adapt(s, (5, 6, 6)),
        ],
        "residual",
        shape=body.shape,
    )
    return torch.nn.Sequential(
        nn.to_resolution(9), body, narrow, nn.classifier(narrow.shape, 4, pooling="max", dropout=0.1)
    )


def test_every_module_survives_export_to_onnx_with_any_batch_size(tmp_path: Path):
    torch.manual_seed(0)
    model = everything().eval()
    path = tmp_path / "model.onnx"
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.onnx.export(model, (torch.randn(2, 3, 9, 9),), path, dynamo=True, dynamic_shapes=({0: batch},), verbose=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = torch.randn(5, 3, 9, 9)
    (given,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(given, model(x).numpy(), rtol=1e-4, atol=1e-5)


def test_every_module_builds_on_the_meta_device_with_the_same_parameters():
    with torch.device("meta"):
        abstract = everything()
    concrete = everything()
    assert all(p.is_meta for p in abstract.parameters())
    shapes = [{name: p.shape for name, p in model.named_parameters()} for model in (abstract, concrete)]
    assert shapes[0] == shapes[1]


def test_channels_last_inputs_give_the_same_scores():
    torch.manual_seed(0)
    model = everything().eval()
    x = torch.randn(2, 3, 9, 9)
    with torch.no_grad():
        plain = model(x)
        last = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, last, rtol=1e-4, atol=1e-5)
