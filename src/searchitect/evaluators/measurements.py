"""The names an evaluator can measure beside the metrics of the task, each with its unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from searchitect.errors import ConfigError, did_you_mean
from searchitect.evaluation import CLOCK_MEASUREMENTS
from searchitect.tasks.metrics import METRICS

__all__ = ["CLOCK_MEASUREMENTS", "KNOWN_BEFORE_TRAINING", "MEASUREMENTS", "check_measure"]

MEASUREMENTS: Mapping[str, str] = {
    "parameters": "values in all parameters of the model, a tied one once",
    "flops": "floating-point operations of one forward pass of one example, 2 per multiply-add",
    "activations": "values put out by all layers in one forward pass of one example",
    "peak_memory_bytes": "bytes of activations alive at once in one forward pass of one example, float32",
    "epochs": "passes over the whole training data that the training took",
    "total_epochs": "the same, with those of all the trials that it continued or whose weights it inherited in turn",
    "continued_epochs": "epochs taken over from the trial that it continues; 0 where it was trained afresh",
    "train_seconds": "seconds of wall time that the training took",
    "latency_ms": "milliseconds of one forward pass of one example from raw inputs, median, under the machine lock",
}
"""Name -> what it is, with its unit. Metrics (`tasks.metrics.METRICS`) are measured on the validation split."""

KNOWN_BEFORE_TRAINING = frozenset({"parameters", "flops", "activations", "peak_memory_bytes"})
"""What `check` can tell of an architecture without training it."""


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
