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
from searchitect.tasks.metrics import check_names, default_metrics
from searchitect.tasks.splits import check_class_sizes, check_fraction, hold_out
from searchitect.tasks.targets import as_targets, encode_classes, encode_values, infer_kind, moments
from searchitect.tasks.task import Task

__all__ = ["Splitting", "assemble"]

Kind = Literal["classification", "regression"]


MOST_HELD_OUT = {"test": 10_000, "validation": 6_000}
"""More examples than this make an estimate hardly sharper and every epoch slower, so they stay for training."""


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

    def cut(self, indices: NDArray[np.int64]) -> _Encoded:
        return _Encoded(self.examples.cut(indices), self.targets[indices])


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
        source={**data.source, "split_seed": splitting.seed},
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
    return found, {name: _Encoded(part.examples, targets[name]) for name, part in given.items()}, labels


def _targets(name: str, part: Part) -> NDArray[Any]:
    if len(part.examples) == 0 or len(part.targets) == 0:
        raise TaskError(f"the {name} data are empty")
    targets = as_targets(part.targets)
    if len(targets) != len(part.examples):
        raise TaskError(f"the {name} data have {len(part.examples)} examples but {len(targets)} targets")
    return targets


def _cut(encoded: dict[str, _Encoded], labels: tuple[str, ...], splitting: Splitting) -> dict[str, _Encoded]:
    """Hold out test, then validation, where they are not official; both stratified by class."""
    parts = dict(encoded)
    wanted = {"test": splitting.test_fraction, "validation": splitting.validation_fraction}
    missing = {name: share for name, share in wanted.items() if name not in parts and share > 0}
    count, needed = len(parts["train"].targets), ("train", *missing)
    if labels:
        check_class_sizes(parts["train"].targets, labels, needed)
    elif count < 2 * len(needed):
        raise TaskError(f"{count} examples are too few for {', '.join(needed)}: each part needs two")
    held: dict[str, NDArray[np.int64]] = {}
    kept = np.arange(count)
    for name, share in missing.items():
        share = min(share, MOST_HELD_OUT[name] / len(kept))
        room = len(missing) - len(held) - 1  # parts still to come, which need an example of every class too
        classes = parts["train"].targets[kept] if labels else None
        inside, outside = hold_out(len(kept), share, splitting.seed, name, classes, keep=1 + room)
        held[name], kept = kept[outside], kept[inside]
    train = parts["train"]
    parts |= {name: train.cut(indices) for name, indices in held.items()}
    parts["train"] = train.cut(kept) if missing else train
    return {name: parts[name] for name in ("train", "validation", "test") if name in parts}


def _digest(parts: Mapping[str, _Encoded], kind: str, labels: tuple[str, ...]) -> str:
    total = hashlib.blake2b(repr((kind, labels)).encode(), digest_size=16)
    for name, part in parts.items():
        total.update(name.encode())
        total.update(part.examples.digest())
        total.update(np.ascontiguousarray(part.targets).data)
    return total.hexdigest()
