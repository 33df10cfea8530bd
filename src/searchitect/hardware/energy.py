"""Energy: read from the counters of the processor or the GPU where they exist, otherwise estimated, and said so.

Counters: RAPL (Intel and AMD packages, `/sys/class/powercap`, often readable by root alone) and NVML (NVIDIA GPUs since
Volta). They count the whole package or board, whatever else runs on it. The estimate is power times time; estimates of
this kind were found to be off by up to 40 % against meters even where the processor is known (CodeCarbon; Henderson et
al., "Towards the systematic reporting of the energy and carbon footprints of machine learning", JMLR 2020).
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Energy, Meter
from searchitect.hardware.latency import latency_ms, machine_lock, measuring, one_pass

__all__ = ["NvmlMeter", "RaplMeter", "energy_joules", "open_meter"]

POWERCAP = Path("/sys/class/powercap")
METERED_SECONDS = 0.5
"""How long passes are repeated under a counter: RAPL is updated every millisecond, NVML about every 100."""


class RaplMeter:
    """Joules that the processor packages have used since this meter was made.

    Args:
        root: folder of the system's power capping zones.

    Raises:
        OSError: no package can be read.
    """

    source = "rapl"

    def __init__(self, root: Path = POWERCAP) -> None:
        # "intel-rapl:0" is a package (on AMD too); "intel-rapl:0:1" is a part of it and would count twice.
        zones = sorted(zone for zone in root.glob("intel-rapl:*") if zone.name.count(":") == 1)
        self._counters = [(zone / "energy_uj", int((zone / "max_energy_range_uj").read_text())) for zone in zones]
        self._last = [int(counter.read_text()) for counter, _ in self._counters]
        self._used = 0
        if not zones:
            raise OSError("no package has an energy counter")

    def joules(self) -> float:
        """Used so far. To be read more often than the counters wrap around, about every ten minutes at full load."""
        for index, (counter, wrap) in enumerate(self._counters):
            now = int(counter.read_text())
            self._used += (now - self._last[index]) % (wrap + 1)
            self._last[index] = now
        return self._used / 1e6


class NvmlMeter:
    """Joules that a GPU has used since this meter was made.

    Args:
        uuid: of the GPU, as the driver writes it: "GPU-…".
        library: NVML; by default the driver's.

    Raises:
        OSError: there is no NVML, no such GPU, or it has no counter.
    """

    source = "nvml"

    def __init__(self, uuid: str, library: ctypes.CDLL | None = None) -> None:
        self._library = ctypes.CDLL("libnvidia-ml.so.1") if library is None else library
        self._device = ctypes.c_void_p()
        self._call("nvmlInit_v2")
        self._call("nvmlDeviceGetHandleByUUID", uuid.encode(), ctypes.byref(self._device))
        self._start = self._millijoules()

    def joules(self) -> float:
        """Used so far."""
        return (self._millijoules() - self._start) / 1e3

    def _millijoules(self) -> int:
        value = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetTotalEnergyConsumption", self._device, ctypes.byref(value))
        return value.value

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            raise OSError(f"{name} answered {code}")


def open_meter(device: str = "cpu") -> Meter | None:
    """The counter of a torch device; None where it has none that this user may read."""
    with contextlib.suppress(OSError, ValueError):
        if device == "cpu":
            return RaplMeter()
        if device.startswith("cuda"):
            return NvmlMeter(f"GPU-{torch.cuda.get_device_properties(torch.device(device)).uuid}")
    return None


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
