"""Every example runs, on a tiny budget, and is short."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
TINY = {"random_search": True, "confirm_seeds": 1, "workers": 0, "store": "memory:"}


def main_of(number):
    (path,) = [path for path in EXAMPLES if path.name.startswith(number)]
    return runpy.run_path(str(path))["main"]


def tiny_recipe(epochs):
    import searchitect as sa

    return sa.Recipe(epochs=epochs)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_at_most_forty_lines(path):
    assert len(path.read_text().splitlines()) <= 40


def test_three_lines_find_a_model_for_digits(tmp_path):
    result = main_of("01")(budget=None, trials=3, recipe=tiny_recipe(2), folder=tmp_path, **TINY)
    assert result.best.model is not None
    assert result.counts["complete"] >= 5
    assert "random" in result.test_models


def test_dictionaries_and_a_condition_of_time_or_accuracy(tmp_path):
    result = main_of("02")(budget="30s", trials=3, recipe=tiny_recipe(4), folder=tmp_path, **TINY)
    assert result.stopped_by in ("until", "trials", "budget")


def test_own_blocks_on_a_folder_of_images_for_two_objectives(tmp_path):
    image = pytest.importorskip("PIL.Image", reason='images need the extra: pip install "searchitect[data]"')
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index in range(300):
        split = "train" if index < 240 else "test"
        folder = tmp_path / "images" / split / str(digits.target[index])
        folder.mkdir(parents=True, exist_ok=True)
        image.fromarray((digits.images[index] * 15).astype("uint8")).save(folder / f"{index}.png")
    result = main_of("03")(
        tmp_path / "images", budget=None, trials=4, recipe=tiny_recipe(2), folder=tmp_path / "out", **TINY
    )
    assert [objective.name for objective in result.objectives] == ["accuracy", "flops"]
    assert result.front


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_own_function_without_torch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = main_of("04")(trials=4, confirm_seeds=2, store="memory:")
    assert result.best.measurements["accuracy"] > 0.5
    assert result.verdict.kind in ("search_helped", "no_difference", "random_better")


def test_own_loop_beats_random_search():
    best = main_of("05")(trials=200)
    assert best["regularized_evolution"].measurements["loss"] <= best["random"].measurements["loss"]
