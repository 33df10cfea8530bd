"""The names an evaluator can measure beside the metrics of the task, each with its unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from searchitect.errors import ConfigError, did_you_mean
from searchitect.evaluation import CLOCK_MEASUREMENTS
from searchitect.tasks.metrics import METRICS

__all__ = [
    "CLOCK_MEASUREMENTS",
    "COMPARED",
    "COUNTED",
    "KNOWN_BEFORE_TRAINING",
    "MEASUREMENTS",
    "READABLE",
    "TIMED",
    "check_measure",
]

MEASUREMENTS: Mapping[str, str] = {
    "parameters": "values in all parameters of the model, a tied one once",
    "flops": "floating-point operations of one forward pass of one example, 2 per multiply-add",
    "activations": "values put out by all layers in one forward pass of one example",
    "peak_memory_bytes": "bytes of activations alive at once in one forward pass of one example, float32",
    "peak_memory_int8_bytes": "the same in int8, normalisations and activations folded; weights lie in flash",
    "flash_bytes": "bytes of all parameters and buffers as a file of the weights holds them",
    "flash_int8_bytes": "bytes of the weights quantised to int8, with scales and biases",
    "epochs": "passes over the whole training data that the training took",
    "total_epochs": "the same, with those of all the trials that it continued or whose weights it inherited in turn",
    "continued_epochs": "epochs taken over from the trial that it continues; 0 where it was trained afresh",
    "train_seconds": "seconds of wall time that the training took",
    "latency_ms": "milliseconds of one forward pass of one example from raw inputs, median, under the machine lock",
    "latency_onnx_ms": "the same of the exported ONNX file in ONNX Runtime, one thread",
    "energy_joules": "joules of one such pass: by a counter of the machine, where there is none estimated",
    "energy_error_joules": "half the width of the band around energy_joules: 5 % of a counter's, 40 % of an estimate",
    "agreement": "share of validation examples that the model answers as the reference does",
    "negative_flips": "share of validation examples that the reference answers correctly and the model does not",
    "surrogate_fidelity": "share of validation examples that a tree of at most 16 rules answers as the model does",
    "explanation_stability": "rank correlation, -1..1, of a map with that of the input under little noise, mean",
}
"""Name -> what it is, with its unit. Metrics (`tasks.metrics.METRICS`) are measured on the validation split."""

COUNTED = frozenset({"parameters", "flops", "activations", "peak_memory_bytes"})
"""What is counted of every model that is trained."""

KNOWN_BEFORE_TRAINING = COUNTED | {"peak_memory_int8_bytes", "flash_bytes", "flash_int8_bytes"}
"""What `check` can tell of an architecture without training it."""

READABLE = frozenset({"surrogate_fidelity", "explanation_stability"})
"""How well a trained model can be explained; computed where it is asked for (`evaluators.interpretability`)."""

COMPARED = frozenset({"agreement", "negative_flips"})
"""What is measured against a reference model, where there is one."""

TIMED = frozenset({"latency_ms", "latency_onnx_ms", "energy_joules", "energy_error_joules"})
"""What is measured on this machine, with a trained model, where it is asked for."""


def check_measure(names: Iterable[str]) -> frozenset[str]:
    """Return the names as a set.

    Raises:
        ConfigError: a name is neither a measurement nor a metric; the message names the nearest.
    """
    valid = (*MEASUREMENTS, *METRICS)
    for name in names:
        if name not in valid:
            raise ConfigError(f"nothing measures {name!r}", hint=did_you_mean(name, valid))
    return frozenset(names)
