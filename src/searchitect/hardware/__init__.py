"""Hardware: what a model costs a machine.

Parameters, FLOPs and peak memory are counted, exactly and without computing anything, on the meta device;
latency is measured, under a lock of the machine. Counts depend on the model and the shape of one input alone,
so a limit on them can be checked before any training.
"""

from __future__ import annotations

from searchitect.hardware.counting import count_activations, count_flops, count_parameters, model_bytes
from searchitect.hardware.latency import Latency, latency_ms, machine_lock
from searchitect.hardware.memory import peak_memory_bytes

__all__ = [
    "Latency",
    "count_activations",
    "count_flops",
    "count_parameters",
    "latency_ms",
    "machine_lock",
    "model_bytes",
    "peak_memory_bytes",
]
