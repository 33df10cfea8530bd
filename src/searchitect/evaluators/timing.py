"""What is measured on this machine with a trained model: latency and energy of one pass from raw inputs."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import numpy as np
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.measurements import TIMED
from searchitect.hardware import latency_ms, machine_lock
from searchitect.hardware.energy import energy_joules
from searchitect.hardware.measure_onnx import interleaved, passes_of, quartiles
from searchitect.tasks import Task
from searchitect.training.examples import raw_tensors

__all__ = ["timed"]

_ONNX_REPEATS = 60
_SAMPLE = 8


def timed(names: frozenset[str], model: nn.Module, task: Task, device: str) -> dict[str, float]:
    """Return those of `names` that the clock decides, of a whole model on one validation example.

    Raises:
        EvaluationError: the model does not run, cannot be written as ONNX where that is asked for, or another process
            measured all the time.
    """
    wanted = names & TIMED
    if not wanted:
        return {}
    example = raw_tensors(task.validation, np.arange(1), device)
    found: dict[str, float] = {}
    if "latency_ms" in wanted:
        found["latency_ms"] = latency_ms(model, example).median_ms
    if "latency_onnx_ms" in wanted:
        found["latency_onnx_ms"] = _onnx_latency_ms(model, task)
    if wanted & {"energy_joules", "energy_error_joules"}:
        energy = energy_joules(model, example)
        found |= {"energy_joules": energy.joules, "energy_error_joules": energy.error}
    return found


def _onnx_latency_ms(model: nn.Module, task: Task) -> float:
    """The median milliseconds of one pass of the file that `export` would write, on one thread."""
    write: Any = _upward("searchitect.deploy.onnx_file:make_onnx")
    sample = task.validation.read(np.arange(min(_SAMPLE, len(task.validation))))
    body = copy.deepcopy(model).cpu().eval()
    try:
        data, _ = write(body, sample, classification=task.spec.kind == "classification", notes={})
    except Exception as error:
        raise EvaluationError(f"latency_onnx_ms needs an ONNX file: {error}") from error
    with machine_lock():
        once, _ = passes_of(data)
        [times] = interleaved([once], repeats=_ONNX_REPEATS)
    return quartiles(times)[1]


def _upward(path: str) -> Any:
    """A function of a higher room, by a registry string that is resolved when it is called."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)
