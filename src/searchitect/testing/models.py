"""The contract of a family of models: what every space with a `build` owes to evaluators and exporters."""

from __future__ import annotations

import random
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from searchitect.spaces import Architecture, SearchSpace, TaskSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["check_export", "check_family", "check_model", "seeded"]


def check_family(space: type, specs: Iterable[TaskSpec], *, samples: int = 8, seed: int = 0) -> None:
    """Build the default and `samples` random architectures for every spec and hold each to `check_model`.

    Raises:
        AssertionError: the family breaks its contract; the message has the architecture.
    """
    tree = SearchSpace.of(space)
    rng = random.Random(seed)
    architectures = [tree.default(), *(tree.sample(rng) for _ in range(samples))]
    for spec in specs:
        for architecture in architectures:
            check_model(tree, architecture, spec)


def check_model(tree: SearchSpace, architecture: Architecture, spec: TaskSpec) -> None:
    """One architecture: shape of the scores, gradients, the same on the meta device, the same for the same seed.

    Raises:
        AssertionError: naming what is broken, with the architecture.
    """
    import torch

    from searchitect.evaluators.building import build

    model = seeded(tree, architecture, spec)
    scores = model(torch.randn(4, *spec.inputs))
    assert tuple(scores.shape) == (4, spec.outputs), f"scores of shape {tuple(scores.shape)}: {architecture}"
    assert bool(torch.isfinite(scores).all()), f"scores are not finite: {architecture}"
    scores.square().mean().backward()
    idle = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not idle, f"no gradient reaches {idle}: {architecture}"

    with torch.device("meta"):
        abstract = build(tree, architecture, spec)
    shapes = [{name: p.shape for name, p in m.state_dict().items()} for m in (model, abstract)]
    assert shapes[0] == shapes[1], f"the meta device builds another model: {architecture}"
    stray = [name for name, p in abstract.named_parameters() if not p.is_meta]
    assert not stray, f"{stray} are built on a fixed device: {architecture}"

    first, second = (seeded(tree, architecture, spec).state_dict() for _ in range(2))
    differing = [name for name in first if not torch.equal(first[name], second[name])]
    assert not differing, f"{differing} differ for the same seed: {architecture}"


def check_export(space: type, spec: TaskSpec, *, tolerance: float = 1e-4) -> None:
    """The default architecture exports to ONNX with any batch size and gives the same scores there.

    Raises:
        AssertionError: the scores differ by more than `tolerance`.
    """
    import numpy as np
    import onnxruntime
    import torch

    tree = SearchSpace.of(space)
    model = seeded(tree, tree.default(), spec).eval()
    batch = torch.export.Dim("batch", min=1, max=1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of what its own exporter does, as with recurrent layers
        program = torch.onnx.export(
            model, (torch.randn(2, *spec.inputs),), dynamo=True, dynamic_shapes=({0: batch},), verbose=False
        )
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        program.save(path)
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    x = torch.randn(5, *spec.inputs)
    (given,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        worst = float(np.abs(np.asarray(given) - model(x).numpy()).max())
    assert worst <= tolerance, f"{tree.name}: exported scores differ by {worst}"


def seeded(tree: SearchSpace, architecture: Architecture, spec: TaskSpec, seed: int = 0) -> nn.Module:
    """Build with torch's generator seeded, in training mode."""
    import torch

    from searchitect.evaluators.building import build

    torch.manual_seed(seed)
    return build(tree, architecture, spec).train()
