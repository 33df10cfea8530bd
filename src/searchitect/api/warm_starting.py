"""From what a user has (studies, results, architectures, ranks) to prior trials: the reading side of a warm start."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchitect.api.importing import import_trials, is_import
from searchitect.api.opening import open_result, opened
from searchitect.errors import ConfigError, SearchitectError, SpaceError, StorageError
from searchitect.objectives import Objective
from searchitect.result import Result
from searchitect.spaces import Architecture, SearchSpace
from searchitect.storage.journal import Store
from searchitect.storage.urls import masked, named_store
from searchitect.strategies.prior import PriorTrial, ranked
from searchitect.trial import Trial

__all__ = ["prior_trials", "similarity", "warm_start_label"]

NEAREST = 10
"""Most studies of a whole store that are read: those whose tasks are most like this one."""

LANDMARK_WEIGHT = 4.0
"""A quarter more of the errors that a simple learner avoids counts as much as e times the examples."""

MOST = 20_000
"""Most prior trials that a study keeps in its journal."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the new search is about."""

    space: SearchSpace
    objective: Objective
    task: Mapping[str, Any] | None
    store: str | Path | Store | None


def prior_trials(
    source: Any,
    space: type | SearchSpace,
    *,
    objective: Objective,
    task: Mapping[str, Any] | None = None,
    store: str | Path | Store | None = None,
) -> tuple[PriorTrial, ...]:
    """Return what a search of `space` can start from.

    Args:
        source: one of these, or a list that mixes them:
            the name of a study in `store`, "STUDY@STORE", or "@STORE" for every study there of this space;
            a text for `import_trials` ("optuna:…", "keras_tuner:…", "strings:…");
            a `Result`; a `PriorTrial`;
            an `Architecture` or a typed instance of the space: proposed first, in the order given;
            a pair (architecture or instance, rank), where 1 is the best: all pairs of a list are one source.
        objective: what the new search optimises: earlier trials are ranked by it where they measured it, by their own
            first objective otherwise.
        task: description of the new task (`Task.describe()`, and its "landmarks" where they are known); earlier tasks
            weigh by their likeness to it.

    Raises:
        SpaceError: it is of another space and cannot be carried over; the message names the difference.
        ConfigError: it is none of these, or holds no complete trial.
        StorageError: there is no such study or store.
    """
    asked = _Asked(SearchSpace.of(space), objective, task, store)
    items = list(source) if isinstance(source, (list, tuple)) and not _is_pair(source) else [source]
    pairs = [item for item in items if _is_pair(item)]
    found = [record for item in items if not _is_pair(item) for record in _read(item, asked)]
    if pairs:
        losses = [(_own(architecture, asked), _rank(rank)) for architecture, rank in pairs]
        found += ranked(losses, "given ranks")
    if not found:
        raise ConfigError("the warm start holds no trial to start from", hint="leave warm_start out, or name a study")
    if len(found) > MOST:
        raise ConfigError(f"a warm start takes up to {MOST:,} trials, got {len(found):,}", hint="name fewer studies")
    return tuple(found)


def warm_start_label(source: Any) -> list[str]:
    """Return one text for each part of a warm start: what a study that is opened again must repeat."""
    items = list(source) if isinstance(source, (list, tuple)) and not _is_pair(source) else [source]
    texts = [masked(item) for item in items if isinstance(item, str)]  # a URL may hold a password
    texts += [f"result {item.study}" for item in items if isinstance(item, Result)]
    given = sum(not isinstance(item, (str, Result)) for item in items)
    return texts + ([f"{given} given"] if given else [])


def _is_pair(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and len(item) == 2 and _is_rank(item[1]) and not isinstance(item[0], str)


def _is_rank(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _rank(value: float) -> float:
    if not math.isfinite(value):
        raise ConfigError(f"a rank must be a finite number, got {value!r}", hint="1 is the best")
    return float(value)


def _read(item: Any, asked: _Asked) -> Iterable[PriorTrial]:
    if isinstance(item, PriorTrial):
        return [item]
    if isinstance(item, Result):
        return _of_result(item, asked)
    if isinstance(item, str) and is_import(item):
        return import_trials(item, asked.space, objective=asked.objective)
    if isinstance(item, str) and item.startswith("@"):
        return _of_store(opened(item[1:]), asked)
    if isinstance(item, str):
        name, where = named_store(item)
        return _of_result(open_result(name, where or asked.store), asked)
    return [PriorTrial(_own(item, asked))]


def _own(item: Any, asked: _Asked) -> Architecture:
    """An architecture or a typed instance as one of this space."""
    if isinstance(item, Architecture):
        return item if asked.space.contains(item) else asked.space.migrate(item.to_json())
    if not isinstance(item, asked.space.source):
        raise ConfigError(
            f"a warm start cannot begin from {type(item).__name__}: {str(item)[:60]!r}",
            hint=f"pass the name of a study, a result, an Architecture, or instances of {asked.space.name}",
        )
    return asked.space.architecture(item)


def _of_store(store: Store, asked: _Asked) -> list[PriorTrial]:
    """The nearest studies of this space in a store; those of other spaces are passed over."""
    found: list[tuple[PriorTrial, ...]] = []
    for info in store.studies():
        try:
            found.append(tuple(_of_result(open_result(info.name, store), asked)))
        except (SpaceError, ConfigError):
            continue
    if not found:
        raise StorageError(
            f"none of the {len(store.studies())} studies there has trials that belong to {asked.space.name}",
            hint="searchitect list studies --store …",
        )
    found.sort(key=lambda records: -records[0].similarity)
    return [record for records in found[:NEAREST] for record in records]


def _of_result(result: Result, asked: _Asked) -> tuple[PriorTrial, ...]:
    complete = [t for t in result.trials if t.is_complete and t.reused is None and t.phase in ("search", "random")]
    if not complete:
        raise ConfigError(f"study {result.study!r} has no complete trial to start from", hint="name another study")
    measured = all(asked.objective.name in trial.measurements for trial in complete)
    objective = asked.objective if measured else result.objectives[0]
    carried = list(_carried(result, complete, asked.space))
    losses = [(architecture, objective.loss(trial.measurements[objective.name])) for architecture, trial in carried]
    return ranked(losses, result.study, similarity(_task_of(result), asked.task))


def _task_of(result: Result) -> Mapping[str, Any] | None:
    """The task of a study as it was described, with its landmarks where they were recorded."""
    task = result.manifest["details"].get("task")
    return None if task is None else {**task, "landmarks": result.manifest["recorded"].get("landmarks", {})}


def _carried(result: Result, trials: Sequence[Trial], space: SearchSpace) -> Iterator[tuple[Architecture, Trial]]:
    """Trials as architectures of this space; an error where none of them is.

    Raises:
        SpaceError: names the first difference.
    """
    refusal: SearchitectError | None = None
    any_carried = False
    description = result.manifest["space"]["description"]
    for trial in trials:
        try:
            inside = space.contains(trial.architecture)
            moved = trial.architecture if inside else space.migrate(trial.architecture.to_json(), description)
        except SpaceError as error:
            refusal = refusal or error
            continue
        any_carried = True
        yield moved, trial
    if not any_carried and refusal is not None:
        raise SpaceError(
            f"study {result.study!r} searched another space, {result.manifest['space']['name']}: {refusal.message}",
            hint=refusal.hint or f"a warm start needs trials of {space.name}",
        )


def similarity(earlier: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> float:
    """Return how alike two tasks are, from above 0 to 1, by what is known of them without training.

    exp(−d/4), where d is the distance of the logarithms of examples, input size and outputs, and of four times the
    skill of simple learners where both have landmarks (`tasks.landmarks`); half of that where the kind differs. 1 where
    one of them is not known or both are the same data. What the new search observes soon counts for more than this
    (`predictors.rank_transfer`).
    """
    if not earlier or not now or earlier.get("digest") == now.get("digest"):
        return 1.0
    distance = math.hypot(math.dist(_features(earlier), _features(now)), _landmark_distance(earlier, now))
    same = earlier["spec"].get("kind") == now["spec"].get("kind")
    return math.exp(-distance / 4.0) * (1.0 if same else 0.5)


def _features(task: Mapping[str, Any]) -> tuple[float, ...]:
    spec = task["spec"]
    size = math.prod(spec.get("inputs") or (1,))
    return tuple(math.log(max(1.0, float(n))) for n in (task["sizes"]["train"], size, spec.get("outputs") or 1))


def _landmark_distance(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    one, other = earlier.get("landmarks") or {}, now.get("landmarks") or {}
    common = sorted(set(one) & set(other))
    return LANDMARK_WEIGHT * math.dist([one[name] for name in common], [other[name] for name in common])
