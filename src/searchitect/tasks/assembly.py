"""From what a reader hands over to a `Task`: kind, classes, splits, preprocessing, digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.spaces.task_spec import TaskSpec
from searchitect.tasks.examples import Data, Examples, Part
from searchitect.tasks.keys import check_apart, hold_out_groups, hold_out_latest
from searchitect.tasks.metrics import check_names, default_metrics
from searchitect.tasks.splits import Indices, check_class_sizes, check_fraction, hold_out, strata
from searchitect.tasks.targets import as_targets, encode_classes, encode_values, infer_kind, moments
from searchitect.tasks.task import Task

__all__ = ["Splitting", "assemble"]

Kind = Literal["classification", "regression"]


MOST_HELD_OUT = {"test": 10_000, "validation": 6_000}
"""More examples than this make an estimate hardly sharper and every epoch slower, so they stay for training."""


STRATIFIED_VALUES = 2_000
"""Regressions of so many examples at most are stratified; in larger ones a random cut keeps the distribution anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splitting:
    """How a task is cut and judged; see `tasks.task` for the meaning of each field."""

    kind: Kind | None = None
    seed: int = 0
    test_fraction: float = 0.2
    validation_fraction: float = 0.2
    metrics: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Encoded:
    examples: Examples
    targets: NDArray[Any]
    groups: NDArray[Any] | None = None
    times: NDArray[Any] | None = None

    def cut(self, indices: NDArray[np.int64]) -> _Encoded:
        keys = (None if values is None else values[indices] for values in (self.groups, self.times))
        return _Encoded(self.examples.cut(indices), self.targets[indices], *keys)


def assemble(data: Data, splitting: Splitting) -> Task:
    """Build the task.

    Raises:
        TaskError: the data are empty, of one class, too few for the splits, or of unequal lengths.
    """
    check_fraction("test_fraction", splitting.test_fraction, zero=True)
    check_fraction("validation_fraction", splitting.validation_fraction, zero=False)
    kind, encoded, labels = _encode(data, splitting.kind)
    metrics = check_names(splitting.metrics or default_metrics(kind), kind)
    parts = _cut(encoded, labels, splitting)
    output = moments(parts["train"].targets) if kind == "regression" else ((), ())
    preprocessing = parts["train"].examples.fit(*output)
    spec = TaskSpec(preprocessing.output_shape, len(labels) or len(output[0]), kind, data.train.examples.domain)
    splits = {name: part.examples.split(part.targets, preprocessing) for name, part in parts.items()}
    return Task(
        name=data.name,
        spec=spec,
        train=splits["train"],
        validation=splits["validation"],
        test=splits.get("test"),
        preprocessing=preprocessing,
        metrics=metrics,
        labels=labels,
        digest=_digest(parts, kind, labels),
        source={**data.source, "split_seed": splitting.seed, **_strata_record(encoded, labels, splitting)},
    )


def _encode(data: Data, kind: Kind | None) -> tuple[Kind, dict[str, _Encoded], tuple[str, ...]]:
    given: dict[str, Part] = {"train": data.train}
    given |= {name: part for name, part in (("validation", data.validation), ("test", data.test)) if part is not None}
    raw = {name: _targets(name, part) for name, part in given.items()}
    if kind not in (None, "classification", "regression"):
        raise TaskError(f"the kind of a task is 'classification' or 'regression', got {kind!r}")
    found = kind or ("classification" if data.labels is not None else infer_kind(raw["train"]))
    targets: Mapping[str, NDArray[Any]]
    labels: tuple[str, ...] = ()
    if found == "classification":
        targets, labels = encode_classes(raw, data.labels)
    else:
        targets = encode_values(raw)
    encoded = {name: _Encoded(part.examples, targets[name], part.groups, part.times) for name, part in given.items()}
    return found, encoded, labels


def _targets(name: str, part: Part) -> NDArray[Any]:
    if len(part.examples) == 0 or len(part.targets) == 0:
        raise TaskError(f"the {name} data are empty")
    targets = as_targets(part.targets)
    if len(targets) != len(part.examples):
        raise TaskError(f"the {name} data have {len(part.examples)} examples but {len(targets)} targets")
    return targets


def _cut(encoded: dict[str, _Encoded], labels: tuple[str, ...], splitting: Splitting) -> dict[str, _Encoded]:
    """Hold out test, then validation, where they are not official."""
    parts = dict(encoded)
    missing = _missing(encoded, splitting)
    count, needed = len(parts["train"].targets), ("train", *missing)
    if labels and parts["train"].times is None:
        check_class_sizes(parts["train"].targets, labels, needed)
    elif count < 2 * len(needed):
        raise TaskError(f"{count} examples are too few for {', '.join(needed)}: each part needs two")
    held: dict[str, NDArray[np.int64]] = {}
    kept = np.arange(count)
    for name, share in missing.items():
        share = min(share, MOST_HELD_OUT[name] / len(kept))
        room = len(missing) - len(held) - 1  # parts still to come, which need an example of every class too
        inside, outside = _hold_out(parts["train"], kept, share, (splitting.seed, name), labels, 1 + room)
        held[name], kept = kept[outside], kept[inside]
    train = parts["train"]
    parts |= {name: train.cut(indices) for name, indices in held.items()}
    parts["train"] = train.cut(kept) if missing else train
    parts = {name: parts[name] for name in ("train", "validation", "test") if name in parts}
    _check_keys(parts, labels)
    return parts


def _hold_out(
    train: _Encoded, kept: Indices, share: float, stream: tuple[int, str], labels: tuple[str, ...], keep: int
) -> tuple[Indices, Indices]:
    """Cut what is left of the training data: the latest, whole groups, or stratified by class or target."""
    targets = train.targets[kept]
    if train.times is not None:
        return hold_out_latest(train.times[kept], share, keep=keep)
    seed, name = stream
    if train.groups is not None:
        classes = targets if labels else None
        return hold_out_groups(train.groups[kept], share, seed, name, classes, labels, keep=keep)
    if labels or len(train.targets) > STRATIFIED_VALUES:
        return hold_out(len(kept), share, seed, name, targets if labels else None, keep=keep)
    return hold_out(len(kept), share, seed, name, strata(targets, share), keep=keep)


def _strata_record(encoded: Mapping[str, _Encoded], labels: tuple[str, ...], splitting: Splitting) -> dict[str, str]:
    """A word for the record where a regression was stratified: a study of an older version was cut otherwise."""
    train, wanted = encoded["train"], _missing(encoded, splitting)
    plain = train.groups is None and train.times is None and len(train.targets) <= STRATIFIED_VALUES
    if labels or not plain or all(strata(train.targets, share) is None for share in wanted.values()):
        return {}
    return {"strata": "target"}


def _missing(encoded: Mapping[str, _Encoded], splitting: Splitting) -> dict[str, float]:
    """The splits that are no official ones and have to be cut, with their shares."""
    wanted = {"test": splitting.test_fraction, "validation": splitting.validation_fraction}
    return {name: share for name, share in wanted.items() if name not in encoded and share > 0}


def _check_keys(parts: Mapping[str, _Encoded], labels: tuple[str, ...]) -> None:
    check_apart(
        {name: part.groups for name, part in parts.items() if part.groups is not None},
        {name: part.times for name, part in parts.items() if part.times is not None},
    )
    train = parts["train"]
    absent = sorted(set(range(len(labels))) - set(train.targets.tolist())) if train.times is not None else []
    if absent:
        raise TaskError(
            f"class {labels[absent[0]]!r} comes only after the training split, which could not learn it",
            hint="smaller fractions, or leave this class out",
        )


def _digest(parts: Mapping[str, _Encoded], kind: str, labels: tuple[str, ...]) -> str:
    total = hashlib.blake2b(repr((kind, labels)).encode(), digest_size=16)
    for name, part in parts.items():
        total.update(name.encode())
        total.update(part.examples.digest())
        total.update(np.ascontiguousarray(part.targets).data)
    return total.hexdigest()
