"""Latency and energy of a model on a device it was not run on, as a distribution.

One interface, `LatencyPredictor`, and three answers, the first that there is: what was measured of this very
architecture; what a calibration makes of the networks measured there; the roofline of the profile, which is a model
with a wide band.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Protocol

from searchitect.hardware.operations import Work

if TYPE_CHECKING:
    from searchitect.hardware.devices import Device

__all__ = ["LatencyPredictor", "Prediction", "Roofline", "energy_of", "predictor_for"]

TWO_SIDED = NormalDist().inv_cdf(0.975)
"""Deviations within which 95 % lie."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A log-normal distribution of a positive quantity.

    Attributes:
        mean, sd: of its natural logarithm.
        source: "measured", "calibrated" or "roofline": the last is a model of the machine, not a measurement.
    """

    mean: float
    sd: float
    source: str

    @property
    def median(self) -> float:
        """In the unit of the quantity."""
        return math.exp(self.mean)

    def quantile(self, share: float) -> float:
        """The value below which `share` of the distribution lies."""
        return math.exp(self.mean + NormalDist().inv_cdf(share) * self.sd)

    def probability_below(self, limit: float) -> float:
        """How probable it is that the quantity is at most `limit`."""
        if limit <= 0.0:
            return 0.0
        return NormalDist(self.mean, max(self.sd, 1e-12)).cdf(math.log(limit))


class LatencyPredictor(Protocol):
    """Foretells what one forward pass takes on one device."""

    def predict(self, work: Work) -> Prediction:
        """Return the distribution of the latency in milliseconds, batch size 1."""
        ...


@dataclass(frozen=True, slots=True)
class Roofline:
    """Each operation takes what its FLOPs or its bytes take, whichever is longer, and an overhead.

    Williams, Waterman and Patterson, "Roofline", CACM 2009; here for single operations:
    t = Σ max(flops / F, bytes / B) + o. For int8 a value moves a quarter of the bytes.
    """

    device: Device

    def predict(self, work: Work) -> Prediction:
        """Return the roofline's estimate with the profile's band."""
        device, share = self.device, self.device.bytes_per_value / 4
        seconds = sum(
            max(o.flops / device.flops_per_second, share * o.bytes / device.bytes_per_second) for o in work.operations
        )
        seconds += device.operation_seconds * len(work.operations)
        return Prediction(math.log(max(1e3 * seconds, 1e-9)), math.log(device.error_factor) / TWO_SIDED, "roofline")


def predictor_for(device: Device) -> LatencyPredictor:
    """Return the best predictor there is for a device: its calibration, or the roofline of its profile."""
    return Roofline(device) if device.calibration is None else device.calibration.predictor(device)


def energy_of(latency: Prediction, device: Device) -> Prediction:
    """Return the energy of one forward pass in joules: latency times power, with the bands of both.

    A model, whatever the latency rests on: nobody measured the power.
    """
    mean = latency.mean - math.log(1e3) + math.log(device.power_watts)
    return Prediction(mean, math.hypot(latency.sd, math.log(device.power_error_factor) / TWO_SIDED), latency.source)
