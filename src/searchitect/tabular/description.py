"""The description of a benchmark: a TOML file of a few lines, checked word by word."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from searchitect.errors import ConfigError, did_you_mean

__all__ = ["Description", "Documents", "read_description"]

MAX_BYTES = 1_000_000
"""Largest description that is read."""

KEYS: dict[str, type | tuple[type, ...]] = {
    "table": str,
    "about": str,
    "where": dict,
    "missing": str,
    "decisions": (list, dict),
    "architecture": dict,
    "graph": dict,
    "repeats": list,
    "when": dict,
    "signal": str,
    "signals": dict,
    "truth": str,
    "measurements": (list, dict),
    "directions": dict,
    "units": dict,
    "cost": (str, dict),
    "epochs": (int, str, dict),
    "continues": bool,
    "replicates": (str, bool),
    "complete": bool,
    "joins": list,
    "scores": dict,
}
SPOKEN = {str: "text", list: "list", dict: "table", int: "whole number", bool: "true or false"}
REQUIRED = ("table",)
INNER = {
    "architecture": ("column", "pattern", "kind"),
    "graph": ("adjacency", "operations", "vertices", "edges"),
    "cost": ("column", "per_epoch", "unit", "cumulative"),
    "epochs": ("column", "first", "every"),
    "repeats": ("name", "length", "items"),
    "joins": ("table", "on", "columns", "optional"),
}
ALLOWED = {"missing": ("refuse", "drop")}

TOML = 'texts stand in quotes, lists in brackets: signal = "val acc", decisions = ["depth", "op_*"]; see docs/tables.md'


@dataclass(frozen=True)
class Description:
    """One benchmark: what the keys of docs/tables.md say, with the variant filled in.

    Attributes:
        name: as a user types it, such as "nasbench201/cifar10".
        folder: of the file it was read from; the table may lie beside it.
        packaged: whether it came with the library.
        cost: a column, or a table of the words of `INNER`.
        epochs: of the full training, where the description says a number.
        epoch_column: of a long table, with one row for each epoch; empty for other tables.
        first_epoch: what that column calls the first epoch; or the epoch of the first item of a list.
        every: epochs between two items of a list.
        continues: whether columns by epoch are of one training that was carried on.
    """

    name: str
    folder: Path
    packaged: bool
    table: str
    about: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    missing: str = "refuse"
    decisions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    architecture: Mapping[str, str] | None = None
    graph: Mapping[str, Any] | None = None
    repeats: tuple[Mapping[str, Any], ...] = ()
    when: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    signals: Mapping[str, Any] = field(default_factory=dict)
    truth: str = ""
    measurements: list[str] | Mapping[str, Any] | None = None
    directions: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    cost: str | Mapping[str, Any] | None = None
    epochs: int | None = None
    epoch_column: str = ""
    first_epoch: int = 1
    every: int = 1
    continues: bool = False
    replicates: str | bool = False
    complete: bool = False
    joins: tuple[Mapping[str, Any], ...] = ()
    scores: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Documents:
    """A description file: one document, and the variants it can be filled in with.

    Attributes:
        variants: name to what stands for `{word}` in every text; {"": {}} where there are none.
    """

    name: str
    path: Path
    packaged: bool
    document: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, str]]

    def names(self) -> list[str]:
        """Return what a user types for each benchmark of the file."""
        return [f"{self.name}/{variant}" if variant else self.name for variant in self.variants]

    def variant(self, name: str | None) -> Description:
        """Return one benchmark; the first where none is named.

        Raises:
            ConfigError: there is no such variant, or a key or value is wrong.
        """
        chosen = next(iter(self.variants)) if name is None else name
        if chosen not in self.variants:
            raise ConfigError(f"{self.name} has no variant {chosen!r}", hint=did_you_mean(chosen, self.variants))
        filled = _filled(self.document, self.variants[chosen])
        return _checked(f"{self.name}/{chosen}" if chosen else self.name, self, filled)


def read_description(path: Path, *, packaged: bool = False) -> Documents:
    """Read a description file.

    Raises:
        ConfigError: it is not there, too large, no TOML, or its variants are of another form.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} is too large for a description of a table: {path.stat().st_size:,} bytes")
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        beside = [str(path.with_name(other.name)) for other in path.parent.glob("*.toml")][:200]
        near = did_you_mean(str(path), beside) if beside else "docs/tables.md shows how to write one"
        raise ConfigError(f"cannot read the description {path}: {error.strerror}", hint=near) from error
    except (ValueError, RecursionError) as error:  # a kind of ValueError, or the plain one for too many digits
        raise ConfigError(f"{path.name} is no TOML: {error}", hint=TOML) from error
    variants = _variants(document.pop("variants", None), path.name)
    return Documents(path.stem, path, packaged, document, variants)


def _variants(given: Any, where: str) -> dict[str, dict[str, str]]:
    if given is None:
        return {"": {}}
    if not isinstance(given, dict) or len(given) != 1:
        raise ConfigError(
            f"{where}: [variants] takes one word and its values", hint='[variants]\ndataset = ["cifar10", "cifar100"]'
        )
    [(word, values)] = given.items()
    if isinstance(values, list):
        values = {value: {} for value in values}
    if not isinstance(values, dict) or not values or not all(isinstance(more, dict) for more in values.values()):
        raise ConfigError(f"{where}: the variants of {word!r} are a list of names, or a table for each name")
    return {
        str(name): {word: str(name), **{key: str(text) for key, text in more.items()}} for name, more in values.items()
    }


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    """Put the words of a variant in place of `{word}`, in every text, keys included."""
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace("{" + word + "}", text)
        return value
    if isinstance(value, list):
        return [_filled(item, words) for item in value]
    if isinstance(value, dict):
        return {_filled(key, words): _filled(item, words) for key, item in value.items()}
    return value


def _checked(name: str, documents: Documents, given: dict[str, Any]) -> Description:
    where = documents.path.name
    for key, value in given.items():
        _check_key(where, key, value)
    for key in REQUIRED:
        if key not in given:
            raise ConfigError(f"{where} does not say {key!r}", hint='table = "my_table.parquet"')
    given["decisions"] = _decisions(given.get("decisions", {}))
    if not any(given.get(key) for key in ("decisions", "architecture", "graph", "repeats")):
        raise ConfigError(
            f"{where} does not say which columns are decisions",
            hint='decisions = ["depth", "op_*"], or architecture = { column = "arch", pattern = "{depth}-{width}" }',
        )
    given["signals"] = _signals(where, given)
    given.pop("signal", None)
    given |= _epochs(where, given.get("epochs"))
    given["repeats"], given["joins"] = tuple(given.get("repeats", ())), tuple(given.get("joins", ()))
    return Description(name, documents.path.parent, documents.packaged, **given)


def _check_key(where: str, key: str, value: Any) -> None:
    if key not in KEYS:
        raise ConfigError(f"{where}: a description has no {key!r}", hint=did_you_mean(key, [*KEYS, "variants"]))
    kinds = KEYS[key]
    if not isinstance(value, kinds) or (
        key == "epochs" and isinstance(value, int) and (value is True or not 0 < value < 10**6)
    ):
        wanted = " or ".join(SPOKEN[kind] for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise ConfigError(
            f"{where}: {key} is a {wanted}, got {str(value)[:60]!r}", hint="docs/tables.md shows each key"
        )
    if key == "table" and isinstance(value, str) and (len(value) > 200 or not value.isprintable()):
        raise ConfigError(f"{where}: table is the name of a file, got {value[:60]!r}")
    if key in ALLOWED and value not in ALLOWED[key]:
        raise ConfigError(f"{where}: {key} is one of {', '.join(ALLOWED[key])}, got {value!r}")
    for inner in value if isinstance(value, list) else [value]:
        for word in inner if key in INNER and isinstance(inner, dict) else ():
            if word not in INNER[key]:
                raise ConfigError(f"{where}: {key} has no {word!r}", hint=did_you_mean(word, INNER[key]))
        if key in ("repeats", "joins") and not isinstance(inner, dict):
            raise ConfigError(f"{where}: {key} is a list of tables, written [[{key}]]")


def _epochs(where: str, given: int | str | dict[str, Any] | None) -> dict[str, Any]:
    """Read either the epochs of the full training, or the column of a long table that says them."""
    if given is None or isinstance(given, int):
        return {"epochs": given}
    words = {"column": given} if isinstance(given, str) else given
    if "every" in words:
        return _every(where, words)
    column, first = words.get("column"), words.get("first", 1)
    if not isinstance(column, str) or not column or type(first) is not int or first not in (0, 1):
        raise ConfigError(
            f"{where}: epochs is a whole number or a column, which counts from 1 or from 0, got {str(given)[:80]}",
            hint='epochs = 200; or, for a table with one row for each epoch, epochs = "epoch" '
            'or { column = "epoch", first = 0 }; or, for lists with one item for every fifth epoch, { every = 5 }',
        )
    return {"epochs": None, "epoch_column": column, "first_epoch": first}


def _every(where: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Read which epochs the items of lists stand for."""
    every, first = words["every"], words.get("first", words["every"])
    whole = type(every) is int and type(first) is int
    if not whole or "column" in words or not 0 < every < 10**6 or not 0 <= first < 10**6:
        raise ConfigError(
            f"{where}: epochs tells how many lie between two items of a list, and the first, got {str(words)[:80]}",
            hint="epochs = { every = 5 } for items after 5, 10, 15 … epochs; { every = 5, first = 1 } for 1, 6, 11 …",
        )
    return {"epochs": None, "every": every, "first_epoch": first}


def _decisions(given: list[Any] | dict[str, Any]) -> dict[str, Mapping[str, Any]]:
    known = ("options", "kind", "log", "role")
    if isinstance(given, list):
        given = {name: {} for name in given}
    for name, more in given.items():
        if not isinstance(name, str) or not isinstance(more, dict):
            raise ConfigError(f"decisions: expected column names, or a table for each, got {name!r}: {more!r}"[:200])
        for word in more:
            if word not in known:
                raise ConfigError(f"decisions.{name} has no {word!r}", hint=did_you_mean(word, known))
        if more.get("kind", "choice") not in ("choice", "integer", "real"):
            raise ConfigError(f"decisions.{name}: kind is choice, integer or real, got {more['kind']!r}")
    return given


def _signals(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    signals = {"valid": given["signal"]} if "signal" in given else given.get("signals", {})
    if not signals or ("signal" in given and "signals" in given):
        raise ConfigError(
            f"{where} says no signal, or two: a search is led by one measurement",
            hint='signal = "valid_accuracy", or signals = { valid = "valid_accuracy", test = "test_accuracy" }',
        )
    return dict(signals)
