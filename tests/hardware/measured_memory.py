"""Peak memory of a forward pass as it is measured, to hold the predicted one against."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys
import tempfile
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["Holding", "can_measure_processes", "onnx_peak_bytes", "silence", "torch_peak_bytes"]

# Large buffers come straight from the system and go straight back, so that the resident set follows them.
_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "32768", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}
_CHILD = """
import sys
import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.enable_cpu_mem_arena = options.enable_mem_pattern = False
options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
[entry] = session.get_inputs()
feed = {entry.name: np.random.default_rng(0).random(entry.shape, np.float32)}

def resident(name):
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) * 1024 for line in stream if line.startswith(name))

session.run(None, feed)
before = resident("VmRSS")
with open("/proc/self/clear_refs", "w") as stream:
    stream.write("5")
session.run(None, feed)
print(resident("VmHWM") - before)
"""


class Holding(nn.Module):
    """A model whose caller holds on to the input, as those of PyTorch and ONNX Runtime do."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.body(x), x


def can_measure_processes() -> bool:
    """Whether the system lets a process forget its peak."""
    try:
        with Path("/proc/self/clear_refs").open("w") as stream:
            stream.write("5")
    except OSError:
        return False
    return "VmHWM" in Path("/proc/self/status").read_text()


def onnx_peak_bytes(model: nn.Module, input_shape: tuple[int, ...], level: str = "ORT_ENABLE_BASIC") -> int:
    """How far the resident set of a process grows in one pass of ONNX Runtime, and the input that its caller holds."""
    example = torch.zeros(1, *input_shape)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        with silence():
            torch.onnx.export(model.eval(), (example,), file, dynamo=True, verbose=False, external_data=False)
        command = [sys.executable, "-c", _CHILD, str(file), level]
        done = subprocess.run(command, env={**os.environ, **_ENVIRONMENT}, capture_output=True, text=True, check=True)
    return int(done.stdout) + example.numel() * example.element_size()


def torch_peak_bytes(model: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Bytes of real tensors alive between two operations at most, and what torch's profiler sees allocated at most.

    The graph is run operation by operation, each value freed after its last reader, as an engine does. The profiler
    also sees the scratch memory of kernels.
    """
    example = torch.zeros(1, *input_shape)
    graph = torch.export.export(model.eval(), (example,)).module()
    held = {tensor.untyped_storage()._cdata for tensor in (*graph.parameters(), *graph.buffers())}
    del example
    alive = _Alive(held)
    with torch.inference_mode(), alive:
        torch.fx.Interpreter(graph, garbage_collect_values=True).run(torch.zeros(1, *input_shape))
    return alive.peak, _allocated(graph, input_shape)


def _allocated(graph: torch.fx.GraphModule, input_shape: tuple[int, ...]) -> int:
    from torch.profiler import ProfilerActivity, profile

    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        torch.fx.Interpreter(graph, garbage_collect_values=True).run(torch.zeros(1, *input_shape))
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


class _Alive(TorchDispatchMode):
    """Adds up the storages that exist; each leaves the sum when its last tensor is collected."""

    def __init__(self, held: set[int]) -> None:
        super().__init__()
        self.held, self.tensors, self.sizes = held, dict[int, int](), dict[int, int]()
        self.peak = 0

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in (leaf for leaf in tree_leaves((args, kwargs or {}, result)) if isinstance(leaf, torch.Tensor)):
            key = tensor.untyped_storage()._cdata
            if key not in self.held and not hasattr(tensor, "_seen"):
                tensor._seen = True  # type: ignore[attr-defined]
                self.tensors[key] = self.tensors.get(key, 0) + 1
                self.sizes[key] = tensor.untyped_storage().nbytes()
                weakref.finalize(tensor, self._leave, key)
        self.peak = max(self.peak, sum(self.sizes.values()))
        return result

    def _leave(self, key: int) -> None:
        self.tensors[key] -= 1
        if not self.tensors[key]:
            del self.tensors[key], self.sizes[key]


@contextlib.contextmanager
def silence() -> Any:
    before = logging.root.manager.disable
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
