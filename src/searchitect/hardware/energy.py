"""Energy of one forward pass: read from a counter where there is one, otherwise estimated, and said so.

The estimate is power times time. Estimates of this kind were found to be off by up to 40 % against meters even where
the processor is known (CodeCarbon; Henderson et al., "Towards the systematic reporting of the energy and carbon
footprints of machine learning", JMLR 2020).
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Energy, Meter
from searchitect.hardware.latency import latency_ms, machine_lock, measuring, one_pass
from searchitect.hardware.meters import open_meter

__all__ = ["energy_joules"]

METERED_SECONDS = 0.5
"""How long passes are repeated under a counter: RAPL is updated every millisecond, NVML about every 100."""


def energy_joules(
    model: nn.Module,
    inputs: Sequence[torch.Tensor],
    *,
    threads: int = 1,
    watts: float | None = None,
    meter: Callable[[str], Meter | None] = open_meter,
) -> Energy:
    """Joules of one forward pass in eval mode, measured where the machine has a counter, otherwise estimated.

    Under the machine lock; a counter sees also what other processes use meanwhile, so measure on an idle machine.

    Args:
        inputs: tensors on the model's device, usually one example.
        watts: power while it runs, for the estimate; None for `evaluation.WATTS`.

    Raises:
        ConfigError: `watts` is not a positive number.
        EvaluationError: the model does not run on these inputs, or another process measured all the time.
    """
    if watts is not None and not (math.isfinite(watts) and watts > 0):
        raise ConfigError(f"watts must be positive, got {watts}")
    device = str(inputs[0].device) if inputs else "cpu"
    counter = meter(device)
    if counter is None:
        seconds = latency_ms(model, inputs, threads=threads).median_ms / 1e3
        return Energy.estimated(seconds * (threads if device == "cpu" else 1), device, watts)
    with machine_lock(), measuring([model], threads), torch.inference_mode():
        once = one_pass(model, inputs)
        return Energy.metered(_per_pass(once, counter), counter.source)


def _per_pass(once: Callable[[], object], counter: Meter) -> float:
    """The median over five stretches of passes of what one has used."""
    found = []
    for _ in range(5):
        passes, before, end = 0, counter.joules(), time.perf_counter() + METERED_SECONDS / 5
        while passes == 0 or time.perf_counter() < end:
            once()
            passes += 1
        found.append((counter.joules() - before) / passes)
    used = statistics.median(found)
    if used <= 0:
        raise EvaluationError("the energy counter of this machine does not move", hint="leave energy_joules out")
    return used
