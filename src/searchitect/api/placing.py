"""Where a model must run: the devices of a request, and what their predictions are called."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.objectives import CONFIDENCE, Constraint, parse_constraint

if TYPE_CHECKING:
    from searchitect.hardware.devices import Device
    from searchitect.spaces import TaskSpec

__all__ = [
    "device_details",
    "device_measurement_names",
    "devices_of",
    "find_devices",
    "limits_of",
    "names_a_device",
    "placed",
    "predicted_names",
    "recorded_devices",
]

_QUANTITIES = ("latency_ms_", "energy_joules_", "peak_memory_bytes_", "flash_bytes_")


def find_devices(wanted: Iterable[Any], named: Iterable[str] = ()) -> tuple[Device, ...]:
    """Return the devices that are asked for, and those of the package that a measurement's name refers to.

    Args:
        wanted: names, paths or devices.
        named: measurements that objectives and limits refer to, such as "latency_ms_raspberry_pi_4".

    Raises:
        ConfigError: an unknown device, or two of one name.
    """
    names = list(named)
    given = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Iterable) else list(wanted)
    referred = [name.removeprefix(start) for name in names for start in _QUANTITIES if name.startswith(start)]
    if not given and not referred:
        return ()
    from searchitect.hardware.devices import device, device_names

    found: dict[str, Device] = {}
    for one in map(device, given):
        if one.name in found:
            raise ConfigError(
                f"two devices are called {one.name!r}", hint="searchitect calibrate --name NAME gives another name"
            )
        found[one.name] = one
    for name in referred:
        if name in device_names():
            found.setdefault(name, device(name))
    return tuple(found.values())


def predicted_names(devices: Sequence[Device]) -> tuple[str, ...]:
    """Names of the measurements that are predicted for these devices."""
    return tuple(f"{start}{device.name}" for device in devices for start in _QUANTITIES)


def names_a_device(name: str) -> bool:
    """Whether a measurement is that of a device, as "latency_ms_phone" is."""
    return name.startswith(_QUANTITIES)


def device_measurement_names() -> tuple[str, ...]:
    """Names of the measurements that are predicted for the devices of the package."""
    from searchitect.hardware.devices import device_names

    return tuple(f"{start}{name}" for name in device_names() for start in _QUANTITIES)


def limits_of(texts: Iterable[str | Constraint], confidence: float | None) -> tuple[Constraint, ...]:
    """Return the limits, each with the confidence asked for where it names none.

    Raises:
        ConstraintError: a text cannot be read. ConfigError: the confidence is no share.
    """
    if confidence is None:
        return tuple(parse_constraint(text) for text in texts)
    sound = isinstance(confidence, (int, float)) and not isinstance(confidence, bool) and math.isfinite(confidence)
    if not sound or not 0.5 <= confidence < 1.0:
        raise ConfigError(
            f"confidence must be a share from 0.5 to below 1, got {confidence!r}", hint=f"confidence={CONFIDENCE}"
        )
    return tuple(
        limit if "@" in str(text) else dataclasses.replace(limit, confidence=float(confidence))
        for text in texts
        for limit in [parse_constraint(text)]
    )


def placed(evaluator: Any, space: Any, spec: TaskSpec | None, devices: Sequence[Device]) -> Any:
    """Return the evaluator, with predictions for the devices beside what it measures.

    Raises:
        ConfigError: there is no task whose shapes the models are built for.
    """
    if not devices:
        return evaluator
    if spec is None:
        raise ConfigError(
            "a prediction for a device needs the shapes of a task, and there is none",
            hint="give data beside evaluate, or let your function return latency_ms_DEVICE itself",
        )
    from searchitect.evaluators.on_devices import OnDevices

    return OnDevices(evaluator, space, spec, tuple(devices))


def device_details(devices: Sequence[Device]) -> dict[str, Any]:
    """What a resumed study must repeat: another profile predicts other latencies."""
    return {"devices": {device.name: device.digest() for device in devices}} if devices else {}


def recorded_devices(devices: Sequence[Device]) -> dict[str, Any]:
    """The devices as they were, calibrations included, so that `resume` needs none of their files."""
    return {"devices": [device.to_json() for device in devices]} if devices else {}


def devices_of(recorded: Mapping[str, Any]) -> tuple[Device, ...]:
    """The devices of a study that exists."""
    documents = recorded.get("devices", ())
    if not documents:
        return ()
    from searchitect.hardware.devices import device_from_json

    return tuple(device_from_json(document, "the study's device") for document in documents)
