"""`Scenario`: a place where a model must serve, as plain data; from Python, or from the tables of a TOML file."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from searchitect.errors import ConfigError, SearchitectError, did_you_mean
from searchitect.objectives import CONFIDENCE, Constraint, Objective, check_consistent, parse_objective
from searchitect.portfolio.units import explained, limit_of, written

__all__ = ["CORRUPTIONS", "DEVICE_QUANTITIES", "MOST_SCENARIOS", "Scenario", "objectives_of", "scenarios_of"]

MAX_FILE = 1_000_000
"""Bytes of a file of scenarios; a larger one is surely something else."""

MOST_SCENARIOS = 64
MOST = 1e300
"""Largest number; an integer of JSON or TOML may have any number of digits."""

MOST_LIMITS = 32

CORRUPTIONS = ("noise", "blur", "contrast")
"""What a scenario can do to images; severities 1 to 5 as in CIFAR-10-C (Hendrycks and Dietterich 2019)."""

DEVICE_QUANTITIES = frozenset({"latency_ms", "energy_joules", "peak_memory_bytes", "flash_bytes"})
"""Measurements that are predicted for a device: a scenario's limit on one is about its own device."""

HERE = frozenset({"this_machine", "here"})
"""Names of the machine that searches: its latency is measured, under the plain name."""

_NAME = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A device, hard limits, what counts there and how much, and optionally data of its own.

    Attributes:
        name: as it stands in tables and as the name of the model's folder.
        device: a device profile; `latency_ms`, `energy_joules`, `peak_memory_bytes` and `flash_bytes` in limits and
            weights are about it.
        limits: hard: no accuracy pays for breaking one. The unit stands in the name: "latency_ms<=20".
        weights: objective -> how much it counts here; the study's first metric alone by default.
        importance: of this scenario among the others.
        confidence: with which a limit must hold where its quantity is a prediction or was measured repeatedly; a limit
            may say its own ("latency_ms<=20@0.9").
        slice: those examples that this place sees: "label == 'shirt'", "age >= 60".
        corruption: "noise", "blur" or "contrast" of `severity` 1..5, applied to the images.
        test: labelled data of this place (a folder or file), opened once with the test split.

    Raises:
        ConfigError: a value that cannot be used; the message names the scenario.
        ConstraintError: a limit cannot be read, has no unit, or contradicts another.
    """

    name: str
    device: str | None = None
    limits: Sequence[str | Constraint] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    importance: float = 1.0
    confidence: float = 0.95
    slice: str | None = None
    corruption: str | None = None
    severity: int = 3
    test: str | None = None

    def __post_init__(self) -> None:
        _check_texts(self)
        where = f"scenario {self.name!r}"
        if isinstance(self.limits, str) or not isinstance(self.limits, (list, tuple)):
            raise ConfigError(f"{where}: limits must be a list, got {self.limits!r}", hint='["latency_ms<=20"]')
        if len(self.limits) > MOST_LIMITS:
            raise ConfigError(f"{where} has {len(self.limits)} limits; {MOST_LIMITS} are allowed")
        try:
            limits = tuple(limit_of(text) for text in self.limits)
            check_consistent(limits)
        except SearchitectError as error:
            raise explained(error, where) from error
        object.__setattr__(self, "limits", limits)
        object.__setattr__(self, "weights", _weights(self.weights, where))
        _check_numbers(self, where)

    @property
    def slug(self) -> str:
        """The name as an identifier and as the name of a folder."""
        return _NAME.sub("_", self.name.lower()).strip("_")

    @property
    def has_own_data(self) -> bool:
        """Whether its accuracy is another than that on the whole validation split."""
        return self.slice is not None or self.corruption is not None

    def measurement(self, name: str) -> str:
        """The measurement that a word of this scenario's limits or weights is about.

        `latency_ms` is that of the scenario's device; anything else is what it is called.
        """
        if name in DEVICE_QUANTITIES and self.device is not None and self.device not in HERE:
            return f"{name}_{self.device}"
        return name

    def metric(self, first: str) -> str:
        """The measurement that tells how good a model is here: the study's metric, on this scenario's own data."""
        return f"{first}_{self.slug}" if self.has_own_data else first

    def constraints(self) -> tuple[Constraint, ...]:
        """The limits, each on the measurement that it is about, and with the confidence it must hold at."""
        return tuple(self._about_here(limit_of(limit)) for limit in self.limits)

    def _about_here(self, limit: Constraint) -> Constraint:
        sure = self.confidence if limit.confidence == CONFIDENCE else limit.confidence
        return dataclasses.replace(limit, name=self.measurement(limit.name), confidence=sure)

    def wanted(self, first: str) -> dict[str, float]:
        """Measurement -> weight, summing to 1: what a model is worth here."""
        given = dict(self.weights) or {first: 1.0}
        named = {self.metric(first) if name == first else self.measurement(name): w for name, w in given.items()}
        total = sum(named.values())
        return {name: weight / total for name, weight in named.items()}

    def to_json(self) -> dict[str, Any]:
        """What is not the default, as plain data; `Scenario(**document)` reads it."""
        document: dict[str, Any] = {"name": self.name}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            default = {} if one.name == "weights" else one.default
            if one.name != "name" and value != default:
                document[one.name] = [written(limit_of(limit)) for limit in value] if one.name == "limits" else value
        return document | ({"weights": dict(self.weights)} if self.weights else {})


def scenarios_of(source: str | Path | Iterable[Scenario | Mapping[str, Any]]) -> tuple[Scenario, ...]:
    """Return the scenarios in a TOML file of `[[scenario]]` tables, or in a list of scenarios or of their fields.

    Raises:
        ConfigError: the file is missing, too large or no TOML, a key is unknown (the nearest is named), a value is
            wrong, two scenarios share a name, or there is none.
    """
    if isinstance(source, (str, Path)):
        return _distinct([_scenario(table, str(source), n) for n, table in enumerate(_tables(Path(source)), 1)])
    entries = [source] if isinstance(source, (Scenario, Mapping)) else list(source)
    found = [e if isinstance(e, Scenario) else _scenario(e, "scenarios", n) for n, e in enumerate(entries, 1)]
    return _distinct(found)


def objectives_of(scenarios: Sequence[Scenario], first: str) -> tuple[Objective, ...]:
    """What one search for all scenarios measures: the metric, the same on own data, then every quantity named."""
    names: dict[str, Objective] = {first: parse_objective(first)}
    direction = names[first].direction
    for scenario in scenarios:
        own = scenario.metric(first)
        names.setdefault(own, Objective(own, direction))
    for scenario in scenarios:
        for name in (*scenario.wanted(first), *(limit.name for limit in scenario.constraints())):
            names.setdefault(name, parse_objective(name))
    return tuple(names.values())


def _tables(path: Path) -> list[Any]:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", hint="a TOML file with one [[scenario]] table for each place")
    if path.stat().st_size > MAX_FILE:
        raise ConfigError(f"{path} has {path.stat().st_size:,} bytes; scenarios have at most {MAX_FILE:,}")
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # a kind of ValueError, or the plain one for too many digits
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    for key in document:
        if key != "scenario":
            raise ConfigError(f"{path}: there is no key {key!r}", hint=did_you_mean(key, ["scenario"]))
    tables = document.get("scenario", [])
    if not isinstance(tables, list):
        raise ConfigError(f"{path}: [scenario] is one table", hint="write [[scenario]], with double brackets")
    return tables


def _scenario(table: Any, where: str, number: int) -> Scenario:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: scenario {number} must be a table, got {table!r}")
    known = [one.name for one in dataclasses.fields(Scenario)]
    for key in table:
        if key not in known:
            named = table.get("name", number)
            raise ConfigError(f"{where}: scenario {named!r} has no key {key!r}", hint=did_you_mean(str(key), known))
    if "name" not in table:
        raise ConfigError(f"{where}: scenario {number} has no name", hint='name = "phone"')
    try:
        return Scenario(**dict(table))
    except SearchitectError as error:
        raise explained(error, where) from error


def _distinct(found: Sequence[Scenario]) -> tuple[Scenario, ...]:
    if not found:
        raise ConfigError("there is no scenario", hint="a TOML file with one [[scenario]] table for each place")
    if len(found) > MOST_SCENARIOS:
        raise ConfigError(f"there are {len(found)} scenarios; {MOST_SCENARIOS} are allowed")
    seen: dict[str, str] = {}
    for scenario in found:
        if scenario.slug in seen:
            raise ConfigError(f"two scenarios are called {seen[scenario.slug]!r} and {scenario.name!r}, which is one")
        seen[scenario.slug] = scenario.name
    return tuple(found)


def _check_texts(scenario: Scenario) -> None:
    if not isinstance(scenario.name, str) or not scenario.slug or len(scenario.name) > 60:
        raise ConfigError(f"a scenario's name must be a short text of letters and digits, got {scenario.name!r}")
    for name in ("device", "slice", "corruption", "test"):
        value = getattr(scenario, name)
        if value is not None and (not isinstance(value, str) or not value or len(value) > 500):
            raise ConfigError(f"scenario {scenario.name!r}: {name} must be a text, got {value!r}")
    if scenario.corruption is not None and scenario.corruption not in CORRUPTIONS:
        raise ConfigError(
            f"scenario {scenario.name!r}: there is no corruption {scenario.corruption!r}",
            hint=did_you_mean(scenario.corruption, CORRUPTIONS),
        )


def _check_numbers(scenario: Scenario, where: str) -> None:
    importance, confidence, severity = scenario.importance, scenario.confidence, scenario.severity
    if not _is_number(importance) or importance <= 0:
        raise ConfigError(f"{where}: importance must be a positive number, got {importance!r}")
    if not _is_number(confidence) or not 0.5 <= confidence < 1:
        raise ConfigError(f"{where}: confidence must be a share from 0.5 to below 1, got {confidence!r}", hint="0.95")
    if isinstance(severity, bool) or not isinstance(severity, int) or not 1 <= severity <= 5:
        raise ConfigError(f"{where}: severity must be a whole number from 1 to 5, got {severity!r}")


def _weights(given: Any, where: str) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: weights must be a table, got {given!r}", hint="weights = { accuracy = 1.0 }")
    for name, weight in given.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ConfigError(f"{where}: {name!r} is no objective", hint="weights = { accuracy = 1.0 }")
        if not _is_number(weight) or weight < 0:
            raise ConfigError(f"{where}: the weight of {name} must be a number from 0, got {weight!r}")
    kept = {name: float(weight) for name, weight in given.items() if weight > 0}
    if given and not kept:
        raise ConfigError(f"{where}: all weights are 0")
    return kept


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= MOST
