from __future__ import annotations

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import TaskError
from searchitect.tasks.views import View, held_view, labelled_split, view_of


@pytest.fixture(scope="module")
def digits():
    return sa.task("digits")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "people.csv"
    rng = np.random.default_rng(0)
    rows = [f"{20 + i % 60},{'red' if i % 3 else 'blue'},{'yes' if rng.random() < 0.5 else 'no'}" for i in range(400)]
    path.write_text("age,colour,label\n" + "\n".join(rows) + "\n")
    return path


def seen(task, **fields):
    return view_of(task, task.validation, View(name="here", metric="accuracy", **fields))


def test_a_slice_by_label_holds_those_classes_only(digits):
    assert set(seen(digits, slice="label in ['3', '5']").targets.tolist()) == {3, 5}
    assert set(seen(digits, slice="label != '3'").targets.tolist()) == set(range(10)) - {3}
    both = len(seen(digits, slice="label == '3'")) + len(seen(digits, slice="label != '3'"))
    assert both == len(digits.validation)


def test_a_slice_of_a_table_is_by_number_or_category(table):
    task = sa.task(str(table))
    old = seen(task, slice="age >= 60")
    (numeric, _) = old.read(np.arange(len(old)))
    assert 0 < len(old) < len(task.validation)
    assert numeric[:, 0].min() >= 60
    blue = seen(task, slice="colour == 'blue'").read(np.arange(5))[1]
    assert set(blue[:, 0].tolist()) == {0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("label == '11'", "never '11'"),
        ("label = '1'", "cannot read"),
        ("label == 1; import os", "cannot read"),
        ("labels == '1'", "images have no column"),
        ("label < '4'", "cannot be compared"),
        ("label in '4'", "goes with a list"),
        ("x" * 600, "cannot read"),
    ],
)
def test_a_slice_that_cannot_be_read_says_why(digits, text, sentence):
    with pytest.raises(TaskError, match=sentence):
        seen(digits, slice=text)


def test_an_unknown_column_names_the_nearest_and_an_empty_slice_is_refused(table):
    task = sa.task(str(table))
    with pytest.raises(TaskError, match="did you mean 'age'"):
        seen(task, slice="agge >= 60")
    with pytest.raises(TaskError, match="leaves no example"):
        seen(task, slice="age >= 600")
    with pytest.raises(TaskError, match="only images"):
        seen(task, corruption="blur")


@pytest.mark.parametrize("corruption", ["noise", "blur", "contrast"])
def test_a_corruption_grows_with_its_severity_and_is_the_same_at_every_read(digits, corruption):
    places = np.arange(20)
    [plain] = digits.validation.read(places)
    changes = []
    for severity in (1, 5):
        view = seen(digits, corruption=corruption, severity=severity)
        [image] = view.read(places)
        assert image.dtype == plain.dtype
        assert image.shape == plain.shape
        assert (view.read(places[5:6])[0] == image[5:6]).all()
        changes.append(np.abs(image.astype(float) - plain.astype(float)).mean())
    assert 0 < changes[0] < changes[1]


def test_contrast_keeps_the_mean_and_shrinks_the_spread(digits):
    [plain] = digits.validation.read(np.arange(10))
    [image] = seen(digits, corruption="contrast", severity=2).read(np.arange(10))
    assert image.std() == pytest.approx(plain.std() / 2, rel=0.1)


def test_a_held_view_is_what_the_view_shows(digits):
    view = View(name="here", metric="accuracy", corruption="noise", slice="label == '3'")
    lazy, held = view_of(digits, digits.validation, view), held_view(digits, digits.validation, view)
    every = np.arange(len(lazy))
    assert (held.read(every)[0] == lazy.read(every)[0]).all()
    assert view.measurement == "accuracy_here"


def test_labelled_data_of_a_place_get_the_class_numbers_of_the_task(tmp_path, table):
    task = sa.task(str(table))
    other = tmp_path / "place.csv"
    lines = table.read_text().splitlines()
    other.write_text("\n".join([lines[0], *lines[1:60]]) + "\n")
    split = labelled_split(task, str(other))
    assert len(split) == 59
    truth = [task.labels.index(line.split(",")[2]) for line in lines[1:60]]
    assert sorted(split.targets.tolist()) == sorted(truth)


def test_images_of_a_place_with_fewer_classes_keep_their_numbers(tmp_path, digits):
    from sklearn.datasets import load_digits

    data = load_digits()
    wanted = np.isin(data.target, [3, 7])
    path = tmp_path / "place.npz"
    np.savez(path, X=data.images[wanted].astype(np.uint8), y=data.target[wanted].astype(str))
    split = labelled_split(digits, str(path))
    assert set(split.targets.tolist()) == {3, 7}
    assert len(split) == wanted.sum()
