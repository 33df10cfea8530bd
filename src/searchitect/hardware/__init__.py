"""Hardware: what a model costs a machine.

Parameters, FLOPs, peak memory and flash are counted, exactly and without computing anything, on the meta device;
latency and energy are measured, under a lock of the machine. Counts depend on the model and the shape of one input
alone, so a limit on them can be checked before any training. Names are fetched when they are first used, so that
`python -m searchitect.hardware.measure_onnx` loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

_PUBLIC = {
    "Latency": "searchitect.hardware.latency",
    "count_activations": "searchitect.hardware.counting",
    "count_flops": "searchitect.hardware.counting",
    "count_parameters": "searchitect.hardware.counting",
    "flash_int8_bytes": "searchitect.hardware.counting",
    "latencies_ms": "searchitect.hardware.latency",
    "latency_ms": "searchitect.hardware.latency",
    "machine_lock": "searchitect.hardware.latency",
    "model_bytes": "searchitect.hardware.counting",
    "peak_memory_bytes": "searchitect.hardware.memory",
    "peak_memory_int8_bytes": "searchitect.hardware.memory",
}

__all__ = [
    "Latency",
    "count_activations",
    "count_flops",
    "count_parameters",
    "flash_int8_bytes",
    "latencies_ms",
    "latency_ms",
    "machine_lock",
    "model_bytes",
    "peak_memory_bytes",
    "peak_memory_int8_bytes",
]

if TYPE_CHECKING:
    from searchitect.hardware.counting import (
        count_activations as count_activations,
        count_flops as count_flops,
        count_parameters as count_parameters,
        flash_int8_bytes as flash_int8_bytes,
        model_bytes as model_bytes,
    )
    from searchitect.hardware.latency import (
        Latency as Latency,
        latencies_ms as latencies_ms,
        latency_ms as latency_ms,
        machine_lock as machine_lock,
    )
    from searchitect.hardware.memory import (
        peak_memory_bytes as peak_memory_bytes,
        peak_memory_int8_bytes as peak_memory_int8_bytes,
    )


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'searchitect.hardware' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
