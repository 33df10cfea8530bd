"""A study whose space has since grown or shrunk: its trials are carried over into a new study, one by one, or refused.

Carried over are the finished trials of the search, in the order of the journal, with their measurements and seeds.
Random search, confirmation, baselines and the test split speak of the old space; the new study runs them anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from searchitect.api.opening import opened
from searchitect.api.preparing import folder_name
from searchitect.config import load_space
from searchitect.errors import ConfigError, SpaceError, StorageError
from searchitect.spaces import Architecture, SearchSpace
from searchitect.spaces.architecture import Value
from searchitect.storage.journal import Event, Store
from searchitect.strategies import PriorTrial
from searchitect.study.manifest import (
    MIGRATED,
    is_cut_off,
    prior_entry,
    prior_of,
    refuse_cut_off,
    refuse_newer,
    space_entry,
    unusual,
    versions,
)

__all__ = ["Migration", "migrate"]

SHOWN = 3
"""Reasons that the message of a refusal lists."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What became of the trials of a study.

    Attributes:
        study: the new study.
        source: the old one, which stays as it is.
        carried: how many trials were carried over.
        refused: number and reason of every trial that does not exist in the new space.
        left_out: numbers of trials that hold no result of their own: those that were running, and repeats of a trial
            that was not carried over or is no repeat any more.
    """

    study: str
    source: str
    carried: int
    refused: tuple[tuple[int, str], ...]
    left_out: tuple[int, ...]

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"study {self.study}: {_trials(self.carried)} carried over from {self.source}",
            *([f"left behind: {_trials(len(self.refused))}"] if self.refused else []),
            *_reasons(self.refused),
            *([f"left out, without a result of their own: {_trials(len(self.left_out))}"] if self.left_out else []),
        ]

    def document(self) -> dict[str, Any]:
        """For a program; its keys are described in docs/cli.md."""
        refused = [{"trial": number, "reason": reason} for number, reason in self.refused]
        return {
            "study": self.study,
            "source": self.source,
            "carried": self.carried,
            "refused": refused,
            "left_out": list(self.left_out),
        }


def migrate(
    study: str,
    new_name: str,
    *,
    space: Any,
    store: str | Path | Store | None = None,
    values: Mapping[str, Value] | None = None,
    drop: bool = False,
) -> Migration:
    """Carry the search of a study over into a new study, in the same store, of a space that has changed.

    `resume`, or `sa.search` with the new name, goes on from there. What carrying over means for a single decision
    stands in docs/spaces.md.

    Args:
        study: the old study; it is only read.
        space: the space as it is now: a class, a catalogue name, `FILE.py:CLASS`, or a file of layers.
        values: what earlier architectures had in decisions that are new, by path or pattern ("blocks.*.kernel").
        drop: leave trials behind that cannot be carried over.

    Raises:
        ConfigError: the new study exists, or there is nothing to carry over.
        SpaceError: some trials cannot be carried over, and `drop` is false. Nothing has been written.
        StorageError: there is no such study.
    """
    where = opened(store)
    events = [event for _, event in where.journal(study).read()]
    _refuse_unreadable(study, events)
    _refuse_existing(where, new_name)
    found = SearchSpace.of(load_space(space) if isinstance(space, str) else space)
    carrier = _carried(events, found, values)
    _refuse(study, carrier, drop)
    manifest = _manifest(events[0], new_name, found, space if isinstance(space, str) else False, carrier)
    _write(where, new_name, [manifest, *carrier.events])
    return Migration(new_name, study, len(carrier.numbers), tuple(carrier.refused.items()), tuple(carrier.left_out))


@dataclass(slots=True)
class _Carrier:
    """The events of the new study, grown event by event.

    Attributes:
        finished: old numbers of the trials that have ended.
        numbers: old to new number of the trials carried over.
        refused, left_out: as in `Migration`.
        advice: what to do about the first refusal.
    """

    space: SearchSpace
    description: Mapping[str, Any]
    values: Mapping[str, Value] | None
    finished: frozenset[int]
    numbers: dict[int, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    advice: str | None = None
    left_out: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    _keys: dict[int, str] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Carry one event over, or note why not."""
        kind = event["kind"]
        if kind == "end" and event["number"] in self.numbers:
            self.events.append({**event, "number": self.numbers[event["number"]]})
        elif kind in ("start", "infeasible", "reused") and event["phase"] == "search":
            self._open(event)

    def _open(self, event: Event) -> None:
        number, kind = event["number"], event["kind"]
        if kind == "start" and number not in self.finished:
            self.left_out.append(number)
            return
        try:
            moved = self._moved(event)
        except SpaceError as error:
            if kind == "reused":
                self.left_out.append(number)
            else:
                self.refused[number] = error.message
                self.advice = self.advice or error.hint
            return
        if kind == "reused" and moved["key"] != self._keys.get(event["of"]):
            self.left_out.append(number)  # the new space tells the two apart, or the first one is not there
            return
        self.numbers[number] = moved["number"]
        self._keys[number] = moved["key"]
        self.events.append(moved)

    def _moved(self, event: Event) -> dict[str, Any]:
        architecture = self.space.migrate(event["architecture"], self.description, self.values)
        changed = {"number": len(self.numbers), **self._architecture(architecture), **self._lineage(event)}
        return {name: value for name, value in {**event, **changed}.items() if value is not None}

    def _architecture(self, architecture: Architecture) -> dict[str, Any]:
        return {"architecture": architecture.to_json(), "key": self.space.key(architecture)}

    def _lineage(self, event: Event) -> dict[str, int | None]:
        """The trials that a trial goes back to, by their new numbers; None where a mere parent is not there."""
        lineage: dict[str, int | None] = {}
        for name in ("continues", "inherits", "parent", "of"):
            if event.get(name) is None:
                continue
            lineage[name] = self.numbers.get(event[name])
            if lineage[name] is None and name != "parent":
                raise SpaceError(f"it builds on trial {event[name]}, which is not carried over")
        return lineage


def _carried(events: Sequence[Event], space: SearchSpace, values: Mapping[str, Value] | None) -> _Carrier:
    finished = frozenset(event["number"] for event in events if event["kind"] == "end")
    carrier = _Carrier(space, events[0]["space"]["description"], values, finished)
    for event in events:
        carrier.take(event)
    return carrier


def _manifest(old: Event, name: str, space: SearchSpace, typed: str | bool, carrier: _Carrier) -> Event:
    """The old manifest with another name and space; what it was is recorded.

    Args:
        typed: the text that names the space; False where it is a class of the user's own program.
    """
    recorded = dict(old["recorded"])
    folder = recorded.get("folder")
    if folder is not None:
        recorded["folder"] = str(Path(folder).with_name(folder_name(name)))  # beside the old one, which stays
    if "space" in recorded:
        recorded["space"] = typed
    recorded["warnings"] = [*recorded.get("warnings", ()), _warning(old, carrier)]
    recorded[MIGRATED] = {
        "study": old["study"],
        "space_digest": old["space"]["digest"],
        "versions": old["clock"].get("versions"),
        "numbers": list(carrier.numbers),
        "refused": list(carrier.refused),
        "events": 1 + len(carrier.events),
    }
    prior = _carried_prior(old, carrier)
    recorded = {k: v for k, v in recorded.items() if k != "prior"} | prior_entry(prior)
    settings = {k: v for k, v in old["settings"].items() if k not in ("workers", "prior")}
    settings |= unusual(old["settings"].get("workers", 1), prior)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    clock = {"created": created, "versions": versions()}
    described = {"study": name, "space": space_entry(space), "settings": settings, "recorded": recorded}
    return {**old, **described, "clock": clock}


def _carried_prior(old: Event, carrier: _Carrier) -> list[PriorTrial]:
    """The prior trials of the study in the new space; those that do not exist there are left out."""
    found = []
    for record in prior_of(old):
        with contextlib.suppress(SpaceError):
            document = record.architecture.to_json()
            moved = carrier.space.migrate(document, carrier.description, carrier.values)
            found.append(dataclasses.replace(record, architecture=moved))
    return found


def _warning(old: Event, carrier: _Carrier) -> str:
    behind = f"; left behind: {_trials(len(carrier.refused))}" if carrier.refused else ""
    return f"measured in study {old['study']!r}, in an earlier space: {_trials(len(carrier.numbers))}{behind}"


def _refuse_unreadable(study: str, events: Sequence[Event]) -> None:
    if not events or events[0]["kind"] != "manifest":
        raise StorageError(f"study {study!r} has no events yet, so there is nothing to carry over")
    refuse_newer(events[0])
    refuse_cut_off(events[0], len(events))


def _refuse_existing(store: Store, name: str) -> None:
    """Let no study be overwritten; what a migration that was cut off left there is removed."""
    if all(info.name != name for info in store.studies()):
        return
    events = [event for _, event in store.journal(name).read()]
    if events and not is_cut_off(events[0], len(events)):
        raise _exists(name)
    store.delete(name)


def _exists(name: str) -> ConfigError:
    return ConfigError(f"there is a study {name!r} already", hint="choose another name for the migrated study")


def _refuse(study: str, carrier: _Carrier, drop: bool) -> None:
    refused, carried = carrier.refused, len(carrier.numbers)
    if refused and not drop:
        reasons = "\n  ".join(_reasons(tuple(refused.items())))
        raise SpaceError(
            f"{len(refused)} of the {_trials(len(refused) + carried)} of study {study!r} cannot be carried over:"
            f"\n  {reasons}",
            hint="; ".join(filter(None, (carrier.advice, "drop=True (--drop) leaves them behind"))),
        )
    if not carried:
        raise ConfigError(
            f"study {study!r} has no trial that can be carried over", hint="start a new study in the new space"
        )


def _reasons(refused: Sequence[tuple[int, str]]) -> list[str]:
    more = len(refused) - SHOWN
    return [
        *(f"trial {number}: {reason}" for number, reason in refused[:SHOWN]),
        *([f"… and {more} more"] if more > 0 else []),
    ]


def _write(store: Store, name: str, events: Sequence[Event]) -> None:
    """Write a new study. Cut off halfway, it has fewer events than its manifest says, and nothing goes on with it."""
    with store.lock(name):
        journal = store.journal(name, create=True)
        if any(True for _ in journal.read()):  # another process was quicker
            raise _exists(name)
        for event in events:
            journal.append(event)


def _trials(count: int) -> str:
    return f"{count} trial" if count == 1 else f"{count} trials"
