"""`measure`: latencies of ONNX files on this machine; and the networks that are worth measuring on a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from searchitect.errors import ConfigError, EvaluationError, SpaceError
from searchitect.hardware import measure_onnx
from searchitect.hardware.measure_onnx import Measured, MeasuringError
from searchitect.seeding import derive, isolated, stream
from searchitect.spaces import Architecture, SearchSpace

__all__ = ["measure", "write_models"]

POOL = 6
"""Architectures that are drawn for each that is written."""

SAMPLE = 4


def measure(
    models: Sequence[str | Path],
    out: str | Path,
    *,
    repeats: int = measure_onnx.REPEATS,
    threads: int = 1,
    device: str | None = None,
) -> tuple[tuple[Measured, ...], tuple[tuple[str, str], ...]]:
    """Measure ONNX files on this machine, in turn, and write the table of latencies.

    Args:
        models: files, or folders in which every `*.onnx` is taken.
        out: the table; its columns are explained in `hardware.measure_onnx`.
        repeats: timed passes of each model; all are kept.
        threads: within one operation.
        device: what to call this machine; None for what it calls itself.

    Returns:
        What was measured, and the models that cannot run here, each with the reason.

    Raises:
        ConfigError: there are no models, a number makes no sense, or the table cannot be written.
        EvaluationError: no model can run here, or another process measures all the time.
    """
    if device is not None and (not device.strip() or not device.isprintable()):
        raise ConfigError(f"a device has a name of printable characters, got {device!r}")
    try:
        found = measure_onnx.find_models([str(path) for path in models])
        measured, refused = measure_onnx.measure_models(found, repeats=repeats, threads=threads)
        if not measured:
            raise EvaluationError(f"no model could be measured; {refused[0][0]}: {refused[0][1]}")
        measure_onnx.write_latencies(Path(out), measured, device or measure_onnx.device_name())
    except MeasuringError as error:
        raise ConfigError(str(error)) from error
    return tuple(measured), tuple(refused)


def write_models(
    space: Any, folder: str | Path, *, task: Any = None, count: int = 30, seed: int = 0
) -> tuple[tuple[str, Architecture], ...]:
    """Write networks of a space as ONNX files to be measured on another machine, and `probes.json` about them.

    Of six times as many random architectures, those are taken that are spread evenly by FLOPs, so that small and large
    ones are among them. They are untrained: latency does not depend on the values of the weights.

    Args:
        space: a class, a catalogue name, `FILE.py:CLASS`, or a file of layers.
        folder: is made; files of the same names in it are overwritten.
        task: whose inputs the networks take, preprocessing included: a name, a path, or a `Task`; digits by default.
        count: how many networks, at most as many as the space has.

    Returns:
        Name of the file and architecture of each.

    Raises:
        ConfigError: `count` is not positive, or the folder cannot be written.
        SpaceError: no architecture of the space can be built for this task.
        ExportError, MissingExtraError: a network cannot be written as ONNX.
    """
    from searchitect.config import load_space
    from searchitect.hardware.probes import Probe, write_note
    from searchitect.hardware.recording import work_of
    from searchitect.tasks import Task, task as open_task

    if count < 1:
        raise ConfigError(f"at least one network is written, got {count}")
    found = SearchSpace.of(load_space(space) if isinstance(space, str) else space)
    opened = task if isinstance(task, Task) else open_task("digits" if task is None else task)
    folder, written, probes = Path(folder), [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, architecture in enumerate(_spread(found, opened, count, seed), 1):
            data, body = _onnx(found, architecture, opened, seed)
            name = f"network-{number:03d}.onnx"
            (folder / name).write_bytes(data)
            work = work_of(body, opened.spec.inputs, architecture.digest())
            probes.append(Probe(name, hashlib.sha256(data).hexdigest(), work))
            written.append((name, architecture))
        keys = {name: found.key(architecture) for name, architecture in written}
        write_note(folder, probes, {"space": found.name, "task": opened.name, "seed": seed, "keys": keys})
    except OSError as error:
        raise ConfigError(f"the folder {folder} cannot be written: {error.strerror}") from error
    return tuple(written)


def _spread(space: SearchSpace, task: Any, count: int, seed: int) -> list[Architecture]:
    """Different architectures that can be built, from the fewest FLOPs to the most in even steps."""
    from searchitect.evaluators.building import inspect_model

    rng, drawn, costs = stream(seed, "measured models"), dict[str, Architecture](), dict[str, float]()
    wrong: EvaluationError | None = None
    for _ in range(POOL * count):
        architecture = space.sample(rng)
        key = space.key(architecture)
        if key in drawn:
            continue
        try:
            costs[key] = inspect_model(space, architecture, task.spec, frozenset({"flops"}))["flops"]
            drawn[key] = architecture
        except EvaluationError as error:
            wrong = error
    if not drawn:
        raise SpaceError(f"no architecture of {space.name} can be built for {task.name}: {wrong}")
    ordered = sorted(drawn, key=lambda key: (costs[key], key))
    chosen = np.unique(np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(int))
    return [drawn[ordered[index]] for index in chosen]


def _onnx(space: SearchSpace, architecture: Architecture, task: Any, seed: int) -> tuple[bytes, Any]:
    """The file, from raw inputs to scores as a run folder's, and the model without its preprocessing."""
    from searchitect.deploy.onnx_file import graph_notes, make_onnx
    from searchitect.evaluators.building import build
    from searchitect.tasks import with_preprocessing

    with isolated(derive(seed, "weights")):
        body = build(space, architecture, task.spec)
    model = with_preprocessing(task.preprocessing, body).eval()
    sample = task.validation.read(np.arange(min(SAMPLE, len(task.validation))))
    notes = graph_notes(task.describe().get("labels", ()), sample, architecture.digest())
    data, _ = make_onnx(model, sample, classification=task.spec.kind == "classification", notes=notes)
    return data, body
