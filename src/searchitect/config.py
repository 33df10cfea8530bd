"""From text to objects: durations, spaces by name or file, and the settings of a run from a TOML file.

A file only fills arguments: an unknown key is an error that names the nearest, and what is given on the command line
wins over what stands in the file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import math
import re
import sys
import tomllib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from searchitect.errors import ConfigError, SpaceError, did_you_mean

__all__ = [
    "EXECUTION",
    "Budget",
    "RunSettings",
    "load_space",
    "parse_budget",
    "parse_duration",
    "parse_memory",
    "parse_options",
    "read_settings",
]

MAX_FILE = 1_000_000
"""Bytes of a settings file; a larger one is surely something else."""

_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
LEAST_MEMORY = 10_000_000
"""Bytes below which a limit of memory is surely a slip: 2 for 2GB."""

_ENERGIES = {"j": 1.0, "kj": 1e3, "mj": 1e6, "wh": 3.6e3, "kwh": 3.6e6}
_ENERGY = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_TRIALS = re.compile(r"(\d+)\s*trials?")


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a study may spend. None is no bound.

    Attributes:
        seconds: wall time of everything: search, comparison, confirmation, export.
        trials: evaluations of everything.
        joules: energy of everything.
    """

    seconds: float | None = None
    trials: int | None = None
    joules: float | None = None


def parse_duration(text: str | float) -> float:
    """Return the seconds in "90s", "5min", "2h", "1h30m" or a plain number (which is seconds already).

    Raises:
        ConfigError: the text has another form, or the duration is not positive and finite.
    """
    if isinstance(text, str):
        compact = text.strip().lower()
        parts = _PART.findall(compact)
        known = parts and "".join(n + unit for n, unit in parts) == re.sub(r"\s", "", compact)
        if not known or any(unit not in _UNITS for _, unit in parts):
            raise ConfigError(f"cannot read the duration {text!r}", hint="write 90s, 5min, 2h or 1h30m")
        text = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if isinstance(text, bool) or not math.isfinite(text) or text <= 0:
        raise ConfigError(f"a duration must be positive, got {text!r}", hint="write 90s, 5min, 2h or 1h30m")
    return float(text)


def parse_budget(text: str | float | None) -> Budget:
    """Return the budget in "500trials", "2kWh" (Wh, kWh, J, kJ, MJ) or what `parse_duration` reads; none for None.

    Raises:
        ConfigError: the text has another form, or asks for nothing.
    """
    if text is None:
        return Budget()
    if isinstance(text, str):
        energy = _ENERGY.fullmatch(text.strip().lower())
        if energy is not None and energy[2] in _ENERGIES:
            if float(energy[1]) <= 0:
                raise ConfigError("a budget of no energy leaves nothing to do", hint="write 2kWh, 500Wh or 300kJ")
            return Budget(joules=float(energy[1]) * _ENERGIES[energy[2]])
    match = _TRIALS.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    if match is None:
        try:
            return Budget(seconds=parse_duration(text))
        except ConfigError as error:
            if not isinstance(text, str):
                raise
            raise ConfigError(
                f"cannot read the budget {text!r}", hint="write 90s, 5min or 1h30m; 500trials; 2kWh, 500Wh or 300kJ"
            ) from error
    if int(match[1]) == 0:
        raise ConfigError("a budget of no trials leaves nothing to do", hint="write 50trials or 5min")
    return Budget(trials=int(match[1]))


def parse_memory(value: str | int) -> int:
    """Return the bytes in "2GB", "512MB", "1.5GiB" or a plain number (which is bytes already).

    kB, MB, GB and TB count by 1,000; KiB, MiB, GiB and TiB by 1,024; case does not matter.

    Raises:
        ConfigError: the text has another form, or asks for less than 10 MB.
    """
    hint = "write 2GB, 512MB or 1.5GiB"
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip().lower())
        if match is None or match[2] not in _SIZES:
            raise ConfigError(f"cannot read the size {value!r}", hint=hint)
        count = round(float(match[1]) * _SIZES[match[2]])
    elif isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"memory must be a text such as '2GB' or a whole number of bytes, got {value!r}", hint=hint)
    else:
        count = value
    if count < LEAST_MEMORY:
        raise ConfigError(f"a limit of {count:,} bytes of memory lets no model train, got {value!r}", hint=hint)
    return count


def load_space(text: str) -> type:
    """Return the search space that a text names.

    Args:
        text: the name of a catalogue family ("plain_cnn"), `FILE.py:CLASS`, or a `.toml` / `.json` file of layers.
            A Python file is your own code and is run; name only files that you trust.

    Raises:
        ConfigError: no such name or file, with the nearest name as a hint.
        SpaceError: what is found there is no search space.
    """
    path, colon, name = text.rpartition(":")
    if colon and path.endswith(".py"):
        return _class_from_file(Path(path), name)
    from searchitect import catalog

    if text.endswith((".toml", ".json")):
        return catalog.read_layers(_existing(Path(text)))
    if text.endswith(".py"):
        raise ConfigError(f"which class in {text}?", hint=f"write {text}:CLASS")
    if text not in catalog.FAMILIES:
        raise ConfigError(f"no search space is called {text!r}", hint=did_you_mean(text, catalog.FAMILIES))
    return catalog.get(text)


def _class_from_file(path: Path, name: str) -> type:
    from searchitect.spaces import SearchSpace

    module = _run_file(_existing(path))
    found = {key: value for key, value in vars(module).items() if isinstance(value, type)}
    if name not in found:
        own = [key for key, value in found.items() if value.__module__ == module.__name__]
        hint = did_you_mean(name, own) if own else "the file defines no class"
        raise ConfigError(f"{path} has no class {name!r}", hint=hint)
    SearchSpace.of(found[name])  # raises where the class is no space
    return found[name]


def _run_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, so that its classes can be found again and sent to workers."""
    name = f"searchitect_user_{path.stem}_{hashlib.blake2b(str(path.resolve()).encode(), digest_size=4).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be imported as Python", hint="name a file that ends in .py")
    import cloudpickle

    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))  # it may import its neighbours, as `python FILE.py` would
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        place = _place_in(path, error)
        raise SpaceError(f"{place}: {type(error).__name__}: {error}", hint=f"try: python {path}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    cloudpickle.register_pickle_by_value(module)  # no worker could import this name
    return module


def _place_in(path: Path, error: BaseException) -> str:
    """The file and, where the error came through it, the line."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _existing(path: Path) -> Path:
    if path.is_file():
        return path
    folder = path.parent
    near = [entry.name for entry in folder.iterdir() if entry.suffix == path.suffix] if folder.is_dir() else []
    raise ConfigError(f"there is no file {path}", hint=did_you_mean(path.name, near) if near else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What one run is asked to do: the arguments of `searchitect.search` as plain data. None leaves the choice to it.

    Attributes:
        task: name of a task, or a path to data.
        target: column to predict, for a table.
        group: column whose values stay together in one split.
        time: column by which training comes before validation, and that before the test.
        space: catalogue name, FILE.py:CLASS, or a file of layers.
        strategy: name from `searchitect list strategies`.
        option: the strategy's own arguments, name to value.
        warm_start: studies, or trials of other tools, to start from; see docs/warm_starts.md.
        proxies: zero-cost proxies to start from: "default", a group, or names such as "nwot,flops".
        prune_space: leave options out of most proposals that are not worth trying.
        stopping: "median" or "curve": end trials early that fall behind while they train.
        scenarios: TOML file of the places where a model must serve; size: how many models for them, at most.
        reference: folder of a deployed model that new ones are compared with.
        trials: evaluations of the search, at most.
        budget: for everything: a time such as "5min", "500trials", or an energy such as "2kWh".
        until: stop once this holds, such as "accuracy>=0.95".
        workers: processes that train at the same time; 0 trains in this one.
        memory: what one evaluation may take, such as "2GB".
        objective: what to optimise, most important first.
        constraint: limits, such as "parameters<=100000".
        devices: where the model must run; latency and energy are predicted for each.
        confidence: how probable it must be that a limit on a prediction is kept.
        device: torch device.
        store: URL or file of the store of studies.
        out: folder that receives the model and its report.
        name: name of the study.
        epochs: passes over the data for each evaluation.
        deterministic: same seed and workers, same journal.
        profile: write a profiler trace of one trial.
        random: compare with random search at equal cost.
        confirm_seeds: fresh seeds on which each finalist is trained again.
        allow_changed_code: go on with a study although its space's source has changed.
        recipe: fields of `Recipe`, such as {"optimizer": "sgd"}.
        executor: "serial", "processes" or "ray"; ray_address: of its cluster.
        trial_cpus, trial_gpus: what a trial needs of the cluster.
        trial_seconds: a trial is stopped after so long; hang_seconds: after so long without a sign of life.
        retries: how often a trial is run again whose worker or machine was lost.
        ranks: programs that train each model together.
        max_failures: share of the trials that may fail.
        disk: what weights of trials may take, such as "10GB"; artifacts: URL below which they are kept.
    """

    task: str | None = None
    target: str | None = None
    group: str | None = None
    time: str | None = None
    space: str | None = None
    strategy: str = "auto"
    option: Mapping[str, Any] = field(default_factory=dict)
    warm_start: tuple[str, ...] = ()
    proxies: str | None = None
    stopping: str | None = None
    prune_space: bool = False
    scenarios: str | None = None
    size: int | None = None
    reference: str | None = None
    trials: int | None = None
    budget: str | float | None = None
    until: str | None = None
    workers: int | None = None
    memory: str | int | None = None
    seed: int = 0
    objective: tuple[str, ...] = ()
    constraint: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    confidence: float | None = None
    device: str = "cpu"
    store: str | None = None
    out: str | None = None
    name: str | None = None
    epochs: int | None = None
    deterministic: bool = False
    profile: bool = False
    random: bool = True
    confirm_seeds: int = 3
    allow_changed_code: bool = False
    recipe: Mapping[str, Any] = field(default_factory=dict)
    executor: str | None = None
    ray_address: str | None = None
    trial_cpus: float = 1.0
    trial_gpus: float = 0.0
    trial_seconds: float | None = None
    hang_seconds: float | None = None
    retries: int = 2
    max_failures: float = 0.8
    disk: str | int | None = None
    artifacts: str | None = None
    ranks: int = 1

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all settings, in order: the keys of a settings file."""
        return tuple(f.name for f in dataclasses.fields(cls))

    def updated(self, values: Mapping[str, Any], *, where: str = "") -> RunSettings:
        """Return a copy with some settings replaced.

        Args:
            values: setting to value; lists become tuples.
            where: prefix of an error message, such as the file's name.

        Raises:
            ConfigError: a name is no setting (the nearest is named), or a value has the wrong type.
        """
        prefix = f"{where}: " if where else ""
        for name, value in values.items():
            if name not in self.names():
                raise ConfigError(f"{prefix}there is no setting {name!r}", hint=did_you_mean(name, self.names()))
            if not _fits(name, value):
                raise ConfigError(f"{prefix}{name} must be {_WANTED[name]}, got {value!r}")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return dataclasses.replace(self, **plain)


_FIGURES = ("trial_cpus", "trial_gpus", "trial_seconds", "hang_seconds", "max_failures")
EXECUTION = ("executor", "ray_address", *_FIGURES, "retries", "disk", "ranks")
"""Settings about where trials run and what is done when that goes wrong; arguments of `search` have the same names."""

_WANTED = {
    **dict.fromkeys(
        ("task", "target", "group", "time", "space", "strategy", "stopping", "scenarios", "until", "device"), "a text"
    ),
    **dict.fromkeys(("store", "out", "name", "proxies", "reference", "executor", "ray_address", "artifacts"), "a text"),
    **dict.fromkeys(("trials", "epochs", "size", "ranks"), "a positive whole number"),
    **dict.fromkeys(("workers", "confirm_seeds", "retries"), "a whole number from 0"),
    **dict.fromkeys(_FIGURES, "a number"),
    **dict.fromkeys(("deterministic", "profile", "prune_space", "random", "allow_changed_code"), "true or false"),
    **dict.fromkeys(("objective", "constraint", "devices", "warm_start"), "a list of texts"),
    "option": "a table of the strategy's options",
    "seed": "a whole number",
    "confidence": "a share from 0.5 to below 1",
    "disk": "a text such as '10GB', or a number of bytes",
    "memory": "a text such as '2GB', or a number of bytes",
    "budget": "a text such as '5min', or a number of seconds",
    "recipe": "a table of recipe fields",
}


def _fits(name: str, value: object) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return {
        "a text": isinstance(value, str),
        "a positive whole number": whole and isinstance(value, int) and value > 0,
        "a whole number from 0": whole and isinstance(value, int) and value >= 0,
        "true or false": isinstance(value, bool),
        "a list of texts": isinstance(value, (list, tuple)) and all(isinstance(entry, str) for entry in value),
        "a whole number": whole,
        "a number": isinstance(value, float) or whole,
        "a share from 0.5 to below 1": isinstance(value, float) and 0.5 <= value < 1,
        "a table of recipe fields": isinstance(value, Mapping),
        "a table of the strategy's options": isinstance(value, Mapping),
    }.get(_WANTED[name], isinstance(value, (str, int, float)) and not isinstance(value, bool))


def parse_options(texts: Sequence[str]) -> dict[str, Any]:
    """Return the options in texts such as "population_size=20": name to number, true, false, list or text.

    Raises:
        ConfigError: a text has another form, or names an option twice.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier() or name.strip() in options:
            problem = "is given twice" if name.strip() in options else "cannot be read"
            raise ConfigError(f"the option {text!r} {problem}", hint="write NAME=VALUE, as in population_size=20")
        try:
            options[name.strip()] = json.loads(value)
        except ValueError:
            options[name.strip()] = value.strip()
    return options


def read_settings(path: Path) -> RunSettings:
    """Read a settings file: TOML, one key for each field of `RunSettings`, `[recipe]` as a table.

    Raises:
        ConfigError: the file is missing, too large, no TOML, or has an unknown key or a wrong value.
    """
    size = _existing(path).stat().st_size
    if size > MAX_FILE:
        raise ConfigError(f"{path} has {size:,} bytes; a settings file has at most {MAX_FILE:,}")
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # a kind of ValueError, or the plain one for too many digits
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    return RunSettings().updated(document, where=str(path))
