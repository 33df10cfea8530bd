"""`task`: the one way from data to a `Task`."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from searchitect.errors import TaskError, did_you_mean
from searchitect.tasks.assembly import Splitting, assemble
from searchitect.tasks.examples import Data, Reading
from searchitect.tasks.keys import as_groups, as_times
from searchitect.tasks.pairs import read_pair
from searchitect.tasks.task import Task

__all__ = ["TASKS", "task"]

TASKS: dict[str, str] = {
    "digits": "searchitect.tasks.embedded:digits",
    "breast_cancer": "searchitect.tasks.embedded:breast_cancer",
    "wine": "searchitect.tasks.embedded:wine",
    "iris": "searchitect.tasks.embedded:iris",
    "diabetes": "searchitect.tasks.embedded:diabetes",
}
"""Name -> function without arguments that returns `Data`."""


def task(
    source: Any,
    *,
    target: str | None = None,
    groups: Any = None,
    time: Any = None,
    kind: Literal["classification", "regression"] | None = None,
    test: Any = None,
    validation: Any = None,
    seed: int = 0,
    test_fraction: float = 0.2,
    validation_fraction: float = 0.2,
    metrics: Iterable[str] | None = None,
    name: str | None = None,
    ignore: Iterable[str] = (),
    categorical: Iterable[str] = (),
    layout: Literal["nchw", "nhwc"] | None = None,
    image_size: int | tuple[int, int] | None = None,
    skip_unreadable: bool = False,
    follow_links: bool = False,
    memory_bytes: int = 2 << 30,
    max_bytes: int = 16 << 30,
) -> Task:
    """Read data, split them, learn the preprocessing.

    `docs/data.md` describes every accepted form.

    Args:
        source: a name in `TASKS`; the path of a folder or file; a pair `(X, y)`; a torch `Dataset`; or a `Task`, which
            is returned as it is.
        target: the target column of a table. Default: a column named target, label, class or y, otherwise the last.
        groups: a column of a table, or one value for each example: examples of one group (a patient, a document) stay
            in one split. Such a column is no input.
        time: a column of a table, or one value for each example: training comes before validation, and that before the
            test. Such a column is no input.
        kind: overrides what the targets suggest: text, booleans and few whole numbers are classes, others values.
        test, validation: official splits in the same form as `source`; a path may bring its own.
        seed: of the splits.
        test_fraction: share of all examples held out for the test, at most 10,000; 0 makes no test split.
        validation_fraction: share of the rest held out for validation, at most 6,000 examples.
        metrics: names from `tasks.metrics.METRICS`; the first is the default objective.
        name: default: from the source.
        ignore: columns of a table to leave out.
        categorical: columns of numbers that are categories.
        layout: where the channels of an array of images are, if its shape does not tell.
        image_size: height and width (or one number for both) to which image files are brought. Default: their median.
        skip_unreadable: leave out image files that cannot be read, instead of refusing the folder.
        follow_links: read images and folders of classes through links that lead out of the folder.
        memory_bytes: image files that take more than this when decoded are read on demand.
        max_bytes: files (unpacked) larger than this are refused.

    Raises:
        TaskError: the data cannot serve; the message says where and what to do.
        MissingExtraError: images or parquet without the extra `data`.
    """
    if isinstance(source, Task):
        return _as_it_is(source, groups, time)
    reading = Reading(
        target=target,
        group=groups if isinstance(groups, str) else None,
        time=time if isinstance(time, str) else None,
        ignore=_names("ignore", ignore),
        categorical=_names("categorical", categorical),
        layout=layout,
        image_size=_size(image_size),
        skip_unreadable=skip_unreadable,
        follow_links=follow_links,
        memory_bytes=memory_bytes,
        max_bytes=max_bytes,
    )
    splitting = Splitting(
        kind=kind,
        seed=seed,
        test_fraction=test_fraction,
        validation_fraction=validation_fraction,
        metrics=None if metrics is None else _names("metrics", metrics),
    )
    data = _with_keys(_read(source, test, validation, reading), groups, time)
    return assemble(data if name is None else replace(data, name=_short(name)), splitting)


def _as_it_is(task: Task, groups: Any, time: Any) -> Task:
    if groups is not None or time is not None:
        raise TaskError("a Task has its splits already", hint="name groups or time where it is made: sa.task(DATA, …)")
    return task


def _with_keys(data: Data, groups: Any, time: Any) -> Data:
    """The data with their groups or times, and a word about them for the record.

    Raises:
        TaskError: both are given, or they do not fit the data.
    """
    if groups is None and time is None:
        return data
    if groups is not None and time is not None:
        raise TaskError(
            "a split is by groups or by time, not by both: a group may last longer than a split",
            hint="time, where the model will serve later than it learns; groups, where it will serve new ones",
        )
    by, given = ("groups", groups) if time is None else ("time", time)
    train = data.train
    if isinstance(given, str):
        if train.groups is None and train.times is None:
            raise TaskError(
                f"there is no column {given!r}: these data are no table", hint=f"{by}=ARRAY, one value for each example"
            )
    else:
        count = len(train.examples)
        if by == "groups":
            train = replace(train, groups=as_groups(given, count, by))
        else:
            train = replace(train, times=as_times(given, count, by))
    record = {"by": by, "column": given if isinstance(given, str) else None}
    return replace(data, train=train, source={**data.source, "split": record})


def _names(argument: str, value: Iterable[str]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(item, str) for item in names):
        raise TaskError(f"{argument} must be names, got {names!r}")
    return names


def _size(value: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if value is None:
        return None
    size = (value, value) if isinstance(value, int) else tuple(value)
    if len(size) != 2 or not all(isinstance(side, int) and 1 <= side <= 4096 for side in size):
        raise TaskError(f"image_size is a number of pixels, or (height, width), each 1 to 4096; got {value!r}")
    return (size[0], size[1])


def _short(text: str) -> str:
    """A name that can be a folder's name everywhere."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")[:60] or "task"


def _read(source: Any, test: Any, validation: Any, reading: Reading) -> Data:
    if isinstance(source, str | Path):
        if isinstance(source, str) and source in TASKS:
            return _embedded(source, test, validation)
        return _from_path(str(source), test, validation, reading)
    return read_pair(source, test, validation, reading)


def _from_path(source: str, test: Any, validation: Any, reading: Reading) -> Data:
    from searchitect.tasks.paths import read_path

    try:
        path = Path(source)
        if source.startswith("~/"):
            path = path.expanduser()
        if not path.exists():
            raise _unknown(source)
        data = read_path(path, test, validation, reading)
    except OSError as error:  # no permission, a name too long, …
        raise TaskError(f"cannot read {source[:200]!r}: {error}") from error
    return replace(data, name=_short(data.name))


def _embedded(name: str, test: Any, validation: Any) -> Data:
    if test is not None or validation is not None:
        raise TaskError(f"the task {name!r} is split by its seed and takes no other test or validation data")
    module, function = TASKS[name].split(":")
    read: Callable[[], Data] = getattr(importlib.import_module(module), function)
    return read()


def _unknown(source: str) -> TaskError:
    looks_like_path = any(mark in source for mark in "/\\.")
    if looks_like_path:
        return TaskError(f"there is no file or folder {source!r}", hint="check the path; relative paths start here")
    return TaskError(f"there is no task and no file or folder {source!r}", hint=did_you_mean(source, TASKS))
