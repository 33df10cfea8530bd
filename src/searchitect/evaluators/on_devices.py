"""What a model would take on other devices: predictions beside the measurements of any evaluator.

Of every device four measurements, each known without training:

    latency_ms_<device>          milliseconds of one forward pass at batch size 1, the median of the prediction
    energy_joules_<device>       joules of it: latency times power, a model
    peak_memory_bytes_<device>   activations alive at once, in the device's arithmetic: counted
    flash_bytes_<device>         the weights, in the device's arithmetic: counted

The first two come with `…_log_sd`, the deviation of their logarithm, by which limits hold with a confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.evaluators.building import build
from searchitect.hardware import flash_int8_bytes, model_bytes, peak_memory_bytes, peak_memory_int8_bytes
from searchitect.hardware.devices import Device
from searchitect.hardware.operations import Work
from searchitect.hardware.predicting import LatencyPredictor, energy_of, predictor_for
from searchitect.hardware.recording import work_of
from searchitect.objectives import log_sd_name
from searchitect.seeding import isolated
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.task_spec import TaskSpec
from searchitect.trial import Proposal

__all__ = ["DEVICE_QUANTITIES", "OnDevices", "device_measurements", "predictions"]

DEVICE_QUANTITIES = ("latency_ms", "energy_joules", "peak_memory_bytes", "flash_bytes")
"""What is known of a model on a device; the measurement's name ends with that of the device."""

_PREDICTED = frozenset({"latency_ms", "energy_joules"})

_COUNTS: Mapping[tuple[str, str], Callable[[nn.Module, tuple[int, ...]], int]] = {
    ("peak_memory_bytes", "float32"): peak_memory_bytes,
    ("peak_memory_bytes", "int8"): peak_memory_int8_bytes,
    ("flash_bytes", "float32"): lambda model, inputs: model_bytes(model),
    ("flash_bytes", "int8"): lambda model, inputs: flash_int8_bytes(model),
}


def device_measurements(devices: Sequence[Device]) -> tuple[str, ...]:
    """Names of all measurements of these devices but the deviations."""
    return tuple(f"{quantity}_{device.name}" for device in devices for quantity in DEVICE_QUANTITIES)


def predictions(
    body: nn.Module,
    inputs: tuple[int, ...],
    devices: Sequence[tuple[Device, LatencyPredictor]],
    names: frozenset[str] | None = None,
    architecture: str | None = None,
) -> dict[str, float]:
    """Return what a model takes on devices: those of `names` and their deviations, or everything.

    Args:
        body: without preprocessing.
        inputs: shape of one example.
        devices: each with what predicts for it.
        architecture: its digest: finds what was measured of this very architecture.

    Raises:
        EvaluationError: the model does not run on that shape.
    """
    found: dict[str, float] = {}
    work: Work | None = None
    for device, predictor in devices:
        wanted = [q for q in DEVICE_QUANTITIES if names is None or f"{q}_{device.name}" in names]
        if _PREDICTED.intersection(wanted):
            work = work_of(body, inputs, architecture) if work is None else work
            latency = predictor.predict(work)
            of = {"latency_ms": latency, "energy_joules": energy_of(latency, device)}
        for quantity in wanted:
            name = f"{quantity}_{device.name}"
            if quantity in _PREDICTED:
                found[name], found[log_sd_name(name)] = of[quantity].median, of[quantity].sd
            else:
                found[name] = float(_COUNTS[quantity, device.arithmetic](body, inputs))
    return found


@dataclass(frozen=True, eq=False)
class OnDevices:
    """Any evaluator, with the predictions for devices beside its measurements.

    What it has beyond `evaluate` and `check` (its pace, what it allows) is its own still.

    Args:
        inner: the evaluator.
        space: the class marked `@space`, or a `SearchSpace`.
        spec: shapes of the task.
    """

    inner: Any
    space: Any
    spec: TaskSpec
    devices: tuple[Device, ...]

    @cached_property
    def predictors(self) -> tuple[tuple[Device, LatencyPredictor], ...]:
        """One for each device; a calibration is fitted once."""
        return tuple((device, predictor_for(device)) for device in self.devices)

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        """Return the evaluator's measurements and all predictions.

        Raises:
            EvaluationError: as the evaluator does.
        """
        measured = self.inner.evaluate(proposal, context)
        predicted = self._predicted(proposal.architecture, None)
        return {**measured, **{name: value for name, value in predicted.items() if name not in measured}}

    def check(self, architecture: Architecture, names: frozenset[str]) -> Mapping[str, float]:
        """Return those of `names` that are known without training, with the deviations of predictions.

        Raises:
            EvaluationError: no model can be built, or it does not run on the task's inputs.
        """
        known = dict(self.inner.check(architecture, names)) if callable(getattr(self.inner, "check", None)) else {}
        own = names & frozenset(device_measurements(self.devices))
        return {**self._predicted(architecture, own), **known} if own else known

    def _predicted(self, architecture: Architecture, names: frozenset[str] | None) -> dict[str, float]:
        digest, inputs = architecture.digest(), self.spec.inputs
        with isolated(0):
            try:
                with torch.device("meta"):
                    body = build(self.space, architecture, self.spec)
                return predictions(body, inputs, self.predictors, names, digest)
            except EvaluationError:  # some code needs values: what counts is whether it works with them
                body = build(self.space, architecture, self.spec)
                return predictions(body, inputs, self.predictors, names, digest)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "inner":  # not there yet while it is unpickled
            raise AttributeError(name)
        return getattr(self.inner, name)
