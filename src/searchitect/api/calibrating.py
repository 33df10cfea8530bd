"""`calibrate`: a device that is known by measurements, from a table of latencies.

searchitect measure --models-for plain_cnn --task digits --out networks
(on the board)  searchitect measure networks --out pi.csv     or measure_onnx.py, which needs ONNX Runtime alone
searchitect calibrate pi.csv networks --device raspberry_pi_4 --out my_pi.json
searchitect run digits --devices my_pi.json --constraint 'latency_ms_my_pi<=20'
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError

if TYPE_CHECKING:
    from searchitect.hardware.devices import Device

__all__ = ["CalibrationReport", "calibrate", "calibrate_with_report"]


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A calibrated device, and what to say of it.

    Attributes:
        lines: for a person; document: for a program.
    """

    device: Device
    lines: tuple[str, ...]
    document: dict[str, Any]


def calibrate(
    latencies: str | Path,
    networks: str | Path,
    *,
    device: Any,
    name: str | None = None,
    references: Sequence[Any] | None = None,
    out: str | Path | None = None,
) -> Device:
    """Return a device that is known by measurements.

    Args:
        latencies: the table that `searchitect measure` wrote on it.
        networks: the folder of what was measured, with its `probes.json`, as `searchitect measure --models-for` writes
            it.
        device: the profile that is nearest: gives memory, flash and power.
        name: of the new device; by default that of `out`, else that of the profile.
        references: devices that are known already, calibrated ones among them; by default the package's profiles.
        out: receives the device as JSON; `sa.device(out)` reads it.

    Raises:
        ConfigError: the table is of other models, holds a latency that is no number, or fewer than 10 networks.
    """
    return calibrate_with_report(latencies, networks, device=device, name=name, references=references, out=out).device


def calibrate_with_report(
    latencies: str | Path,
    networks: str | Path,
    *,
    device: Any,
    name: str | None = None,
    references: Sequence[Any] | None = None,
    out: str | Path | None = None,
) -> CalibrationReport:
    """Calibrate, and say how well the device is known; arguments as for `calibrate`."""
    from searchitect.hardware.calibration import calibrated
    from searchitect.hardware.devices import device as open_device, device_from_json
    from searchitect.hardware.latency_file import read_latencies
    from searchitect.hardware.probes import matched, read_probes

    rows = read_latencies(latencies)
    found, others = matched(rows, read_probes(networks), str(latencies))
    known = None if references is None else [open_device(one) for one in references]
    called = name or (None if out is None else Path(out).stem.lower().replace("-", "_"))
    made = calibrated(open_device(device), found, name=called, references=known)
    made = device_from_json(made.to_json(), "the calibration")  # its name is checked as that of a profile is
    if out is not None:
        _save(made, Path(out))
    return _report(made, others)


def _save(made: Device, path: Path) -> None:
    if path.suffix != ".json":
        raise ConfigError(f"a calibrated device is a JSON file, got {str(path)!r}", hint=f"--out {path.stem}.json")
    try:
        path.write_text(json.dumps(made.to_json()), "utf-8")
    except OSError as error:
        raise ConfigError(f"the device {path} cannot be written: {error.strerror}") from error


def _report(made: Device, others: Sequence[str]) -> CalibrationReport:
    assert made.calibration is not None
    quality = made.calibration.quality()
    check, ranks = quality.additivity, quality.rank_correlation
    leading = ", ".join(f"{name} {share:.0%}" for name, share in quality.shares.items() if share >= 0.01)
    lines = [
        f"{made.name}: {quality.networks} networks measured ({made.calibration.about or 'runtime not said'})",
        f"left out one by one, they were foretold within a factor of {quality.error_factor:.2f} (root mean square)"
        + ("" if ranks is None else f", rank correlation {ranks:.2f}"),
        f"costs {'add up' if check.passes else 'do not add up'}: R² {check.r2:.2f}, bias {check.bias:+.1%} on whole "
        "networks",
        f"what predicts: {leading}",
    ]
    if others:
        lines.append(f"{len(others)} measured models are not in that folder and were left out, such as {others[0]}")
    document = {
        "device": made.name,
        "networks": quality.networks,
        "error_factor": quality.error_factor,
        "rank_correlation": ranks,
        "additivity": {"r2": check.r2, "bias": check.bias, "passes": check.passes},
        "shares": dict(quality.shares),
        "left_out": list(others),
        "measurements": [f"latency_ms_{made.name}", f"energy_joules_{made.name}"],
    }
    return CalibrationReport(made, tuple(lines), document)
