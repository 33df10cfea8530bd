"""Splits by group and by time: no group in two splits, nobody learns from the future."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import searchitect as sa
from searchitect.errors import TaskError
from searchitect.tasks import Task
from searchitect.tasks.keys import as_groups, as_times, hold_out_groups, hold_out_latest

SPLITS = ("train", "validation", "test")


def first_column(task: Task) -> dict[str, Any]:
    """What the first input column, which tests number by row, holds in each split."""
    splits = {name: getattr(task, name) for name in SPLITS if getattr(task, name) is not None}
    return {name: split.read(np.arange(len(split)))[0][:, 0].astype(int) for name, split in splits.items()}


def rows(count: int) -> Any:
    """Inputs whose first column is the number of the row."""
    return np.stack([np.arange(count), np.random.default_rng(0).normal(size=count)], axis=1)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=30), st.floats(0.05, 0.9), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_cut_by_groups_is_complete_and_divides_none(sizes: list[int], fraction: float, seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(str)
    kept, held = hold_out_groups(groups, fraction, seed, "test")
    assert sorted([*kept, *held]) == list(range(len(groups)))
    assert len(kept) > 0 < len(held)
    assert not set(groups[kept]) & set(groups[held])
    assert abs(len(held) - fraction * len(groups)) <= max(sizes)


def test_of_all_draws_the_one_is_taken_that_keeps_size_and_classes() -> None:
    """Twenty groups of one size, half of them mostly of class 1: a random fifth may hold one kind only."""
    groups = np.repeat(np.arange(20), 10).astype(str)
    classes = np.array([int(i % 10 < (8 if i // 10 < 10 else 2)) for i in range(200)])
    for seed in range(5):
        _, held = hold_out_groups(groups, 0.2, seed, "test", classes, ("a", "b"))
        assert len(held) == 40
        assert abs(classes[held].mean() - 0.5) <= 0.05


def test_the_same_seed_draws_the_same_groups_and_another_others() -> None:
    groups = np.repeat(np.arange(50), 4).astype(str)
    first, again, other = (hold_out_groups(groups, 0.2, seed, "test")[1] for seed in (1, 1, 2))
    assert (first == again).all()
    assert not np.array_equal(first, other)


def test_a_task_by_groups_has_none_in_two_splits_and_every_class_in_each() -> None:
    patients = np.repeat(np.arange(30), 5)
    task = sa.task((rows(150), np.arange(150) % 3), groups=patients, seed=4)
    found = {name: set(patients[numbers]) for name, numbers in first_column(task).items()}
    assert set(found) == set(SPLITS)
    assert sum(len(g) for g in found.values()) == 30
    assert set.union(*found.values()) == set(range(30))
    assert {len(getattr(task, name)) for name in ("test", "validation")} <= {25, 30, 35}
    for name in SPLITS:
        assert set(getattr(task, name).targets.tolist()) == {0, 1, 2}
    assert task.source["split"] == {"by": "groups", "column": None}


@pytest.mark.parametrize("order", ["rising", "shuffled"])
def test_a_task_by_time_learns_from_the_past_whatever_the_order_of_the_rows(order: str) -> None:
    days = np.arange(200) if order == "rising" else np.random.default_rng(1).permutation(200)
    task = sa.task((rows(200), np.sin(np.arange(200.0))), time=days)
    found = {name: days[numbers] for name, numbers in first_column(task).items()}
    assert [len(found[name]) for name in SPLITS] == [128, 32, 40]
    assert found["train"].max() < found["validation"].min()
    assert found["validation"].max() < found["test"].min()


def test_examples_of_one_moment_stay_together() -> None:
    weeks = np.arange(100) // 15
    kept, held = hold_out_latest(weeks, 0.2)
    assert set(weeks[held]) == {5, 6}
    assert set(weeks[kept]) == {0, 1, 2, 3, 4}


def table(path: Path, count: int = 120) -> Path:
    lines = ["row,patient,day,x,target"]
    for i in range(count):
        lines.append(f"{i},p{i // 6},2024-{1 + i // 28:02}-{1 + i % 28:02},{i * 7 % 5},{'ab'[i % 2]}")
    path.write_text("\n".join(lines))
    return path


def test_a_column_of_groups_or_times_is_no_input_and_is_recorded(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv")
    grouped, timed, plain = sa.task(path, groups="patient"), sa.task(path, time="day"), sa.task(path)
    assert grouped.preprocessing.to_json()["numeric"] == ["row", "day", "x"]
    assert "day" not in timed.preprocessing.to_json()["numeric"]
    numbers = first_column(grouped)
    found = [{i // 6 for i in numbers[name]} for name in SPLITS]
    assert sum(len(groups) for groups in found) == 20 == len(set.union(*found))
    assert first_column(timed)["test"].min() == 96
    assert grouped.source["split"] == {"by": "groups", "column": "patient"}
    assert timed.source["split"] == {"by": "time", "column": "day"}
    assert "split" not in plain.source
    assert len({grouped.digest, timed.digest, plain.digest}) == 3


def test_a_column_of_a_matrix_or_a_mapping_serves_too(tmp_path: Path) -> None:
    matrix = np.column_stack([rows(60), np.repeat(np.arange(12), 5)])
    by_matrix = sa.task((matrix, np.arange(60) % 2), groups="x2")
    columns = {"n": matrix[:, 0], "v": matrix[:, 1], "who": np.repeat(np.arange(12), 5).astype(str)}
    by_mapping = sa.task((columns, np.arange(60) % 2), groups="who")
    np.savez(tmp_path / "d.npz", X=matrix, y=np.arange(60) % 2, feature_names=np.array(["n", "v", "who"]))
    by_npz = sa.task(tmp_path / "d.npz", groups="who")
    for task in (by_matrix, by_mapping, by_npz):
        assert task.spec.inputs == (2,)
        groups = [{i // 5 for i in numbers} for numbers in first_column(task).values()]
        assert sum(len(g) for g in groups) == 12


def test_images_and_data_sets_take_an_array() -> None:
    images = np.random.default_rng(0).integers(0, 255, (60, 6, 6), dtype=np.uint8)
    images[:, 0, 0] = np.arange(60)
    writers = np.repeat(np.arange(12), 5)
    task = sa.task((images, np.arange(60) % 2), groups=writers)
    found = [set(getattr(task, n).read(np.arange(len(getattr(task, n))))[0][:, 0, 0, 0] // 5) for n in SPLITS]
    assert sum(len(groups) for groups in found) == 12

    class Rows:
        targets = np.arange(60) % 2

        def __len__(self) -> int:
            return 60

        def __getitem__(self, i: int) -> tuple[Any, int]:
            return np.array([i, 1.0], dtype=np.float32), i % 2

    timed = sa.task(Rows(), time=np.arange(60)[::-1])
    assert first_column(timed)["test"].max() == 11


def test_times_may_be_dates_of_any_library() -> None:
    days = np.array(["2024-03-01", "2023-01-01", "2024-01-01"])
    for values in (days, days.astype("datetime64[D]"), days.astype(object), ["2024-03-01 00:00", *days[1:]]):
        assert np.argsort(as_times(values, 3, "time")).tolist() == [1, 2, 0]


def test_an_official_split_that_shares_a_group_or_comes_too_early_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    table(folder / "train.csv")
    table(folder / "test.csv", 12)
    with pytest.raises(TaskError, match="group 'p0' is in the train split and in the official test split"):
        sa.task(folder, groups="patient")
    with pytest.raises(TaskError, match="the official test split begins before the validation split ends"):
        sa.task(folder, time="day")


GROUPS, TIMES = np.repeat(np.arange(10), 6), np.arange(60.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": GROUPS, "time": TIMES}, "by groups or by time, not by both"),
        ({"groups": np.repeat([0, 1], 30)}, r"2 group\(s\) cannot be split into 3 parts"),
        ({"groups": GROUPS[:5]}, r"groups must be one value for each of the 60 examples, got the shape \(5,\)"),
        ({"groups": np.where(TIMES < 3, np.nan, GROUPS)}, "3 of 60 values of groups are missing"),
        ({"groups": [None, *GROUPS[1:]]}, "1 of 60 values of groups are missing"),
        ({"groups": "x7"}, "X has no column 'x7' for the groups"),
        ({"time": np.where(TIMES < 2, np.nan, TIMES)}, "2 of 60 values of time are missing, so their place in time"),
        ({"time": np.zeros(60)}, r"1 different time\(s\) cannot be split into 3 parts"),
        ({"time": np.where(TIMES < 2, np.inf, TIMES)}, "time has infinite values"),
        ({"time": ["soon"] * 60}, "time must be times, got 'soon'"),
        ({"time": "when"}, "X has no column 'when' for the times"),
    ],
)
def test_what_cannot_be_split_says_why_and_what_to_do(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message) as refused:
        sa.task((rows(60), np.arange(60) % 2), **arguments)
    assert refused.value.hint or "shape" in message


def test_a_class_in_too_few_groups_or_only_in_the_future_is_named() -> None:
    rare = np.where(GROUPS == 3, 2, np.arange(60) % 2)
    with pytest.raises(TaskError, match=r"needs a group in each of 3 parts: class '2' is in 1 group\(s\) only"):
        sa.task((rows(60), rare), groups=GROUPS)
    late = np.where(TIMES >= 50, 2, np.arange(60) % 2)
    with pytest.raises(TaskError, match="class '2' comes only after the training split"):
        sa.task((rows(60), late), time=TIMES)


def test_a_name_is_no_use_where_there_are_no_columns() -> None:
    images = np.zeros((20, 4, 4), dtype=np.uint8)
    with pytest.raises(TaskError, match="only a table has columns of groups"):
        sa.task((images, np.arange(20) % 2), groups="writer")
    with pytest.raises(TaskError, match="these data are no table"):
        sa.task("digits", groups="writer")
    with pytest.raises(TaskError, match="a Task has its splits already"):
        sa.task(sa.task("iris"), groups=np.arange(150))


def test_groups_are_compared_as_text() -> None:
    assert as_groups([1, "1", 2], 3, "groups").tolist() == ["1", "1", "2"]


def test_a_search_keeps_to_the_groups_and_goes_on_with_them(tmp_path: Path) -> None:
    from searchitect import api

    common = {"trials": 2, "confirm_seeds": 1, "random_search": False, "workers": 0, "recipe": sa.Recipe(epochs=1)}
    path, store = table(tmp_path / "t.csv"), tmp_path / "s.db"
    first = sa.search(path, "mlp", groups="patient", store=store, folder=tmp_path / "o", name="g", **common)
    assert first.manifest["details"]["task"]["source"]["split"]["column"] == "patient"
    assert api.resume("g", store).best is not None
    with pytest.raises(sa.SearchitectError, match="exists with another task"):
        sa.search(path, "mlp", store=store, folder=tmp_path / "o", name="g", **common)
    array = np.repeat(np.arange(20), 6)
    sa.search(path, "mlp", groups=array, store=store, folder=tmp_path / "p", name="a", **common)
    with pytest.raises(sa.SearchitectError, match="split by an array of your own program"):
        api.resume("a", store)
    assert api.resume("a", store, data=sa.task(path, groups=array)).best is not None
