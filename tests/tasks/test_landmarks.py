"""Simple learners tell tasks apart: each planted task is easy for one of them."""

import numpy as np

import searchitect as sa
from searchitect.tasks.landmarks import LEARN, WIDEST, landmarks

X = np.random.Generator(np.random.PCG64(0)).standard_normal((600, 6))


def test_one_column_that_decides_is_found_by_a_cut():
    found = landmarks(sa.task((X, (X[:, 2] > 0).astype(int))))
    assert found["stump"] > 0.95
    assert found["line"] > 0.8


def test_two_columns_that_decide_together_are_for_the_neighbour_alone():
    found = landmarks(sa.task((X[:, :2], (X[:, 0] * X[:, 1] > 0).astype(int))))
    assert found["neighbour"] > 0.8
    assert max(found["stump"], found["line"], found["centroids"]) < 0.35


def test_labels_by_chance_are_for_nobody():
    found = landmarks(sa.task((X, np.random.Generator(np.random.PCG64(1)).integers(0, 2, 600))))
    assert max(found.values()) < 0.3


def test_values_on_a_line_are_for_the_line():
    found = landmarks(sa.task((X, X @ np.arange(1.0, 7.0))))
    assert set(found) == {"neighbour", "line", "stump"}
    assert found["line"] > 0.95 > found["neighbour"] > found["stump"] > 0


def test_the_same_task_has_the_same_landmarks_and_the_test_split_stays_closed():
    one, other = sa.task("digits"), sa.task("digits")
    object.__setattr__(other, "test", None)
    assert landmarks(one) == landmarks(other)


def test_of_many_and_wide_examples_a_part_is_read(monkeypatch):
    wide = np.random.Generator(np.random.PCG64(2)).standard_normal((500, WIDEST + 100)).astype(np.float32)
    asked = sa.task((wide, (wide[:, 0] > 0).astype(int)))
    sizes = []
    read = type(asked.train).read
    monkeypatch.setattr(type(asked.train), "read", lambda self, places: sizes.append(len(places)) or read(self, places))
    assert set(landmarks(asked)) == {"neighbour", "centroids", "line", "stump"}
    assert max(sizes) <= LEARN
