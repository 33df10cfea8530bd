"""Counters of energy: RAPL of the processor packages, NVML of the GPU. No torch, unless a GPU is asked for.

RAPL (Intel and AMD, `/sys/class/powercap`) is often readable by root alone. Counters count the whole package or board,
whatever else runs on it.
"""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

from searchitect.evaluation import Meter

__all__ = ["NvmlMeter", "RaplMeter", "open_meter"]

POWERCAP = Path("/sys/class/powercap")


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
            import torch

            return NvmlMeter(f"GPU-{torch.cuda.get_device_properties(torch.device(device)).uuid}")
    return None
