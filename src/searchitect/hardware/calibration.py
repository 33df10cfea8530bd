"""Few-shot calibration of a device: what 10 to 50 measured networks say about all others.

The networks are described by the totals of their operations, and by what known devices take for them: rooflines of
the package's profiles, and devices that were calibrated before. `predictors.few_shot` learns from both. A calibration
keeps what was measured, as plain data; the model is fitted anew where it is needed, in a fraction of a second.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.hardware.devices import Device, device, device_from_json, device_names
from searchitect.hardware.latency_file import MeasuredModel
from searchitect.hardware.operations import FEATURES, Work
from searchitect.hardware.predicting import Prediction, predictor_for
from searchitect.predictors.few_shot import Additivity, Factors, FewShot, FewShotPosterior
from searchitect.predictors.targets import rank_correlation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

__all__ = ["Calibrated", "Calibration", "Network", "Quality", "calibrated", "default_references"]

FEWEST, MOST = 10, 2_000
"""Networks of a calibration."""

REPEATABLE = 0.02
"""Least deviation of the logarithm of a measured latency: a device is never quite the same a second time."""


@dataclass(frozen=True, slots=True)
class Network:
    """A measured network.

    Attributes:
        architecture: digest, or empty.
        features: as `FEATURES` names them.
        references_ms: what the reference devices are said to take.
        median_ms: what was measured; log_sd: deviation of its logarithm.
    """

    architecture: str
    features: tuple[float, ...]
    references_ms: tuple[float, ...]
    median_ms: float
    log_sd: float = 0.0


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a calibration foretells networks that it has not seen (leave-one-out).

    Attributes:
        networks: how many there are.
        error_factor: root mean square error of the logarithm, as a factor: 1.1 is 10 %.
        rank_correlation: Spearman's ρ; None where all are alike.
        additivity: whether costs add up here.
        shares: how much each kind of model has to say.
    """

    networks: int
    error_factor: float
    rank_correlation: float | None
    additivity: Additivity
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Calibration:
    """What was measured on a device.

    Attributes:
        networks: at least 10.
        references: the known devices.
        about: runtime and threads, as the table of latencies says.
    """

    networks: tuple[Network, ...]
    references: tuple[Device, ...]
    about: str = ""

    def predictor(self, of: Device) -> Calibrated:
        """Return the predictor that rests on it."""
        return Calibrated(self)

    @cached_property
    def posterior(self) -> FewShotPosterior:
        """The fitted model."""
        import numpy as np

        features = np.array([network.features for network in self.networks])
        known = np.array([network.references_ms for network in self.networks])
        targets = np.array([network.median_ms for network in self.networks])
        model = FewShot((features.shape[1],), Factors.of(known) if self.references else None)
        return model.fit(features, targets, known if self.references else None)

    @cached_property
    def measured(self) -> dict[str, Prediction]:
        """Digest -> what was measured of that very architecture."""
        return {
            n.architecture: Prediction(math.log(n.median_ms), math.hypot(n.log_sd, REPEATABLE), "measured")
            for n in self.networks
            if n.architecture
        }

    def quality(self) -> Quality:
        """Return how well it foretells."""
        import numpy as np

        truth = np.log([network.median_ms for network in self.networks])
        posterior = self.posterior
        error = math.exp(float(np.sqrt(np.square(posterior.left_out - truth).mean())))
        ranks = rank_correlation(posterior.left_out, truth)
        return Quality(len(self.networks), error, ranks, posterior.check, posterior.shares)

    def to_json(self) -> dict[str, Any]:
        """Plain data; nothing in it is run when it is read."""
        return {
            "features": list(FEATURES),
            "about": self.about,
            "references": [reference.to_json() for reference in self.references],
            "networks": [dataclasses.asdict(network) for network in self.networks],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], where: str = "calibration") -> Calibration:
        """Return the calibration of a document.

        Raises:
            ConfigError: it holds something else, or was made with other features.
        """
        if list(document.get("features", ())) != list(FEATURES):
            raise ConfigError(
                f"{where}: the calibration describes networks by other features than this version",
                hint="calibrate again from the table of latencies",
            )
        references, networks = document.get("references", []), document.get("networks", [])
        if not isinstance(references, list) or len(references) > 64:
            raise ConfigError(f"{where}: references must be a list of at most 64 devices")
        if not isinstance(networks, list) or not FEWEST <= len(networks) <= MOST:
            raise ConfigError(f"{where}: a calibration holds {FEWEST} to {MOST:,} networks")
        known = tuple(device_from_json(_table(r, where), f"{where}, reference {i}") for i, r in enumerate(references))
        read = tuple(_network(_table(n, where), len(known), f"{where}, network {i}") for i, n in enumerate(networks, 1))
        return cls(read, known, str(document.get("about", ""))[:300])


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected a table, got {str(value)[:80]!r}")
    return value


def _network(document: Mapping[str, Any], references: int, where: str) -> Network:
    features = _numbers(document.get("features"), len(FEATURES), 0.0, where)
    known = _numbers(document.get("references_ms"), references, 1e-12, where)
    median, log_sd = _numbers([document.get("median_ms"), document.get("log_sd", 0.0)], 2, 0.0, where)
    if median <= 0:
        raise ConfigError(f"{where}: median_ms must be positive, got {median!r}")
    return Network(str(document.get("architecture", ""))[:200], features, known, median, log_sd)


def _numbers(values: object, count: int, least: float, where: str) -> tuple[float, ...]:
    given = values if isinstance(values, (list, tuple)) else ()
    fits = len(given) == count and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and least <= v < 1e300 for v in given
    )
    if not fits:
        raise ConfigError(f"{where}: expected {count} finite numbers from {least:g} on, got {str(values)[:80]!r}")
    return tuple(float(v) for v in given)


@dataclass(frozen=True)
class Calibrated:
    """Foretells by a calibration."""

    calibration: Calibration

    def predict(self, work: Work) -> Prediction:
        """Return what was measured of this very architecture, or what the measured networks say of it."""
        known = self.calibration.measured.get(work.architecture or "")
        if known is not None:
            return known
        import numpy as np

        references = self.calibration.references
        there = np.array([[predictor_for(known).predict(work).median for known in references]])
        mean, sd = self.calibration.posterior.predict(np.array([work.features]), there if references else None)
        return Prediction(float(mean[0]), math.hypot(float(sd[0]), REPEATABLE), "calibrated")


def default_references(of: Device) -> tuple[Device, ...]:
    """Profiles of the package whose rooflines describe networks: all of another name than the device."""
    return tuple(device(name) for name in device_names() if name != of.name)


def calibrated(
    profile: Device,
    measured: Sequence[tuple[MeasuredModel, Work]],
    *,
    name: str | None = None,
    references: Sequence[Device] | None = None,
) -> Device:
    """Return the device with a calibration.

    Args:
        profile: gives memory, flash, power; its roofline is forgotten.
        measured: rows of a table of latencies, each with the work of its model; a model may have several rows.
        name: of the new device; that of the profile by default.
        references: known devices, which may be calibrated themselves; the package's profiles by default.

    Raises:
        ConfigError: fewer than 10 different networks, or all take the same.
    """
    known = default_references(profile) if references is None else tuple(references)
    predictors = [predictor_for(reference) for reference in known]
    rows: dict[tuple[float, ...], list[tuple[MeasuredModel, Work]]] = {}
    for row, work in measured:
        rows.setdefault(work.features, []).append((row, work))
    if not FEWEST <= len(rows) <= MOST:
        raise ConfigError(
            f"a calibration needs {FEWEST} to {MOST:,} different networks, got {len(rows)}",
            hint="searchitect measure --models-for SPACE --task TASK --count 30 writes some",
        )
    networks = []
    for features, alike in rows.items():
        medians = [row.median_ms for row, _ in alike]
        spread = statistics.stdev(map(math.log, medians)) if len(medians) > 1 else alike[0][0].log_sd
        there = tuple(predictor.predict(alike[0][1]).median for predictor in predictors)
        digest = alike[0][1].architecture or ""
        networks.append(Network(digest, features, there, statistics.median(medians), spread))
    first = measured[0][0]
    about = ", ".join(filter(None, (first.device, first.runtime, f"{first.threads} threads" if first.threads else "")))
    return dataclasses.replace(
        profile,
        name=name or profile.name,
        threads=first.threads or profile.threads,
        calibration=Calibration(tuple(networks), known, about),
    )
