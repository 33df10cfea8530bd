"""One training step of a mixed cell network beside a loop written by hand over the same operations.

The NAS-Bench-201 cell with 16 channels at batch 64, images of 3×32×32: the open build with the weights of all options
against modules that sum weight · operation(x) themselves, on the same weights, in turns. Processor time on one thread,
median of the pairs' ratios; memory as the bytes that autograd keeps for the backward pass and as the peak of the bytes
that torch holds. Wanted: time ≤ 1.10, memory ≤ 1.05.

    python benchmarks/mixed_step.py [--pairs 30] [--cells 1] [--batch 64] [--channels 16]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn

import searchitect as sa
from searchitect.nn.mixed import Mixed
from searchitect.supernet.architecture_weights import ArchitectureWeights, mixed_decisions
from searchitect.supernet.open_build import open_build

Step = Callable[[], Tensor]


class ByHand(nn.Module):
    """What anybody would write."""

    def __init__(self, operations: nn.ModuleList, weights: Callable[[], Tensor]) -> None:
        super().__init__()
        self.operations, self.weights = operations, weights

    def forward(self, x: Tensor) -> Any:
        return sum(weight * operation(x) for weight, operation in zip(self.weights(), self.operations, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--cells", type=int, default=1, help="per stage, of which there are three")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--channels", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    mixed, by_hand = steps(options.cells, options.channels, options.batch)
    assert torch.allclose(mixed(), by_hand(), rtol=1e-4), "both must compute the same"
    pairs = [(seconds(mixed), seconds(by_hand)) for _ in range(options.pairs)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    rows = [("step, CPU s", *(statistics.median(column) for column in zip(*pairs, strict=True)), ratio, 1.10)]
    for name, measure in (("kept for backward, MB", kept_bytes), ("peak, MB", peak_bytes)):
        ours, theirs = measure(mixed) / 1e6, measure(by_hand) / 1e6
        rows.append((name, ours, theirs, ours / theirs, 1.05))
    print(f"{'':<24} {'Mixed':>9} {'by hand':>9} {'ratio':>7} {'wanted':>7}")
    for name, ours, theirs, share, wanted in rows:
        print(f"{name:<24} {ours:>9.3f} {theirs:>9.3f} {share:>7.3f} {wanted:>7.2f}")


def steps(cells: int, channels: int, batch: int) -> tuple[Step, Step]:
    """A training step of the supernet, and of its twin by hand, on the same weights and the same batch."""
    spec = sa.TaskSpec((3, 32, 32), 10)
    supernet = open_build(sa.catalog.get("nasbench201", cells=cells, channels=channels), spec, check=False)
    decisions = mixed_decisions(supernet)
    alphas = ArchitectureWeights(decisions, scale=1e-3, generator=torch.Generator().manual_seed(0))
    shares: dict[str, Tensor] = {}
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(batch, *spec.inputs, generator=draw)
    targets = torch.randint(spec.outputs, (batch,), generator=draw)
    twin = replaced(supernet.body, shares)

    def step(model: nn.Module) -> Tensor:
        shares.update({decision.path: logits.softmax(0) for decision, logits in alphas})
        supernet.selection.weights.update(shares)
        for parameter in (*supernet.parameters(), *alphas.logits):
            parameter.grad = None
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return (lambda: step(supernet)), (lambda: step(twin))


def replaced(module: nn.Module, shares: dict[str, Tensor]) -> nn.Module:
    """The same modules with every mixed operation replaced by the loop; weights are shared."""
    if isinstance(module, Mixed):
        path = module.option.path
        return ByHand(module.operations, lambda: shares[path])
    children = dict(module.named_children())
    if not children:
        return module
    twin = module.__new__(type(module))
    twin.__dict__.update(module.__dict__)
    twin._modules = {name: replaced(child, shares) for name, child in children.items()}
    return twin


def seconds(step: Step) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


def kept_bytes(step: Step) -> int:
    """Bytes of different memory that a forward pass saves for the backward pass."""
    held: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        step()
    return sum(held.values())


def peak_bytes(step: Step) -> int:
    """The most that torch held at once during a step, beyond what it held before."""
    with torch.profiler.profile(profile_memory=True) as profile:
        step()
    now = most = 0
    for event in sorted(profile.profiler.kineto_results.events(), key=lambda e: e.start_ns()):  # type: ignore[union-attr]
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


if __name__ == "__main__":
    main()
