"""Devices: where a model must run, as small profiles in TOML, and as JSON once they are calibrated.

A profile alone gives a roofline, which is a model and wide (`error_factor`); `searchitect calibrate` narrows it with
measurements. Nothing here needs torch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from searchitect.hardware.calibration import Calibration

__all__ = ["Device", "device", "device_from_json", "device_names"]

PROFILES = Path(__file__).parent / "profiles"
MOST_BYTES = {".toml": 100_000, ".json": 20_000_000}
"""Bytes of a profile, by the ending of its name; a larger file is surely something else."""

ARITHMETICS = ("float32", "int8")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A place where a model must run.

    Attributes:
        name: as in measurements: `latency_ms_<name>`.
        about: one sentence.
        runtime: what runs the model there.
        arithmetic: "float32" or "int8": the type of weights and activations.
        threads: of the runtime.
        flops_per_second: floating-point (or integer) operations per second that large layers reach, 2 per multiply-add.
        bytes_per_second: what main memory delivers.
        operation_seconds: overhead of each operation, whatever its size.
        power_watts: while it computes.
        error_factor: the true latency lies between a roofline's estimate divided and multiplied by this in 95 % of
            cases.
        power_error_factor: the same for the power.
        memory_bytes: for activations; None where it is no limit.
        flash_bytes: for the model's file; None where it is no limit.
        calibration: what was measured there; None for a profile alone.
    """

    name: str
    about: str
    runtime: str
    arithmetic: str
    flops_per_second: float
    bytes_per_second: float
    operation_seconds: float
    power_watts: float
    error_factor: float
    power_error_factor: float = 1.5
    threads: int = 1
    memory_bytes: int | None = None
    flash_bytes: int | None = None
    calibration: Calibration | None = None

    @property
    def bytes_per_value(self) -> int:
        """Of a weight or an activation."""
        return 1 if self.arithmetic == "int8" else 4

    def digest(self) -> str:
        """What a study compares when it is opened again: two devices with one digest predict alike."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain data, as in a profile file."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "calibration"}
        known = {name: value for name, value in plain.items() if value is not None}
        return known if self.calibration is None else known | {"calibration": self.calibration.to_json()}


def device_names() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))


def device(name: str | Path | Device) -> Device:
    """Return a device: a name from `searchitect list devices`, or the path of a profile (.toml) or calibration (.json).

    Raises:
        ConfigError: no such name or file, or the file is no profile; with the nearest name.
    """
    if isinstance(name, Device):
        return name
    if str(name) in device_names():
        return _read(PROFILES / f"{name}.toml")
    path = Path(name)
    if path.suffix in MOST_BYTES:
        return _read(path)
    raise ConfigError(
        f"no device is called {str(name)!r}",
        hint=did_you_mean(str(name), device_names()) + " Or the path of a profile, FILE.toml or FILE.json",
    )


def device_from_json(document: Mapping[str, Any], where: str = "device") -> Device:
    """Return the device of a document; `to_json` wrote it, or a person.

    Raises:
        ConfigError: a field is unknown, missing or out of range.
    """
    names = {f.name for f in dataclasses.fields(Device)}
    for name in document:
        if name not in names:
            raise ConfigError(f"{where}: a device has no field {name!r}", hint=did_you_mean(name, names))
    for f in dataclasses.fields(Device):
        if f.default is dataclasses.MISSING and f.name not in document:
            raise ConfigError(f"{where}: the field {f.name!r} is missing", hint=_example(f.name))
    for name, value in document.items():
        _check(name, value, where)
    plain = {name: value for name, value in document.items() if name != "calibration"}
    calibration = document.get("calibration")
    if calibration is None:
        return Device(**plain)
    from searchitect.hardware.calibration import Calibration

    return Device(**plain, calibration=Calibration.from_json(calibration, where))


def _read(path: Path) -> Device:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES[path.suffix]:
            raise ConfigError(
                f"{path} has {size:,} bytes; a device of this kind has at most {MOST_BYTES[path.suffix]:,}"
            )
        text = path.read_text("utf-8")
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise ConfigError(f"the device {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no {path.suffix[1:].upper()} file: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} holds no device but a {type(document).__name__}")
    return device_from_json({"name": path.stem.lower().replace("-", "_"), **document}, str(path))


_POSITIVE = {
    "flops_per_second": 1e18,
    "bytes_per_second": 1e15,
    "power_watts": 1e5,
    "memory_bytes": 1e15,
    "flash_bytes": 1e15,
}


def _check(name: str, value: object, where: str) -> None:
    """Refuse a value that no device has.

    Raises:
        ConfigError: with what would do.
    """
    problem = _problem(name, value)
    if problem is not None:
        raise ConfigError(f"{where}: {name} must be {problem}, got {value!r}"[:300], hint=_example(name))


def _problem(name: str, value: object) -> str | None:
    """What the value should have been; None where it will do."""
    if name == "calibration":
        return None if isinstance(value, Mapping) else "a table"
    if name == "name":
        return None if isinstance(value, str) and _NAME.fullmatch(value) else "lower-case letters, digits and _"
    if name in ("about", "runtime"):
        return None if isinstance(value, str) and 0 < len(value) <= 300 else "a text of at most 300 letters"
    if name == "arithmetic":
        return None if value in ARITHMETICS else " or ".join(ARITHMETICS)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        return "a number"
    if name in ("threads", "memory_bytes", "flash_bytes") and not isinstance(value, int):
        return "a whole number"
    if name in ("error_factor", "power_error_factor"):
        return None if 1 <= value <= 1000 else "a factor from 1 to 1000"
    if name == "operation_seconds":
        return None if 0 <= value <= 1 else "seconds from 0 to 1"
    if name == "threads":
        return None if 1 <= value <= 1024 else "from 1 to 1024"
    return None if 0 < value <= _POSITIVE[name] else f"positive and at most {_POSITIVE[name]:g}"


_EXAMPLES = {
    "name": 'name = "my_board"',
    "about": 'about = "what it is"',
    "runtime": 'runtime = "ONNX Runtime on the CPU"',
    "arithmetic": 'arithmetic = "float32"',
    "threads": "threads = 4",
    "memory_bytes": "memory_bytes = 256_000",
    "flash_bytes": "flash_bytes = 1_000_000",
    "flops_per_second": "flops_per_second = 1.2e10",
    "bytes_per_second": "bytes_per_second = 3e9",
    "operation_seconds": "operation_seconds = 1e-5",
    "power_watts": "power_watts = 5.5",
    "error_factor": "error_factor = 3.0",
    "power_error_factor": "power_error_factor = 1.5",
}


def _example(name: str) -> str | None:
    return f"write {_EXAMPLES[name]}" if name in _EXAMPLES else None
