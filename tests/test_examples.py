"""Every example runs, on a tiny budget, and is short."""

import runpy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import searchitect as sa
from searchitect.nn.pretrained import Frozen

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


def test_a_plain_model_made_elastic_serves_four_sizes():
    accuracies = main_of("06")(epochs=2)
    assert len(accuracies) == 4
    assert max(accuracies) > 10 * min(accuracies)
    assert accuracies[max(accuracies)] > 0.8


def test_a_pretrained_stem_is_in_every_model_and_saved_with_it(tmp_path):
    path, folder = tmp_path / "stem.safetensors", tmp_path / "out"
    result = main_of("07")(path, budget=None, trials=3, recipe=tiny_recipe(2), folder=folder, **TINY)
    given = load_file(path)
    path.unlink()  # the saved model needs it no more
    model = sa.load(folder, space=type(result.best.instance)).model
    (stem,) = [module for module in model.modules() if isinstance(module, Frozen)]
    assert all(torch.equal(tensor, given[name]) for name, tensor in stem.body.state_dict().items())
    assert result.best.measurements["accuracy"] > 0.3


def test_four_devices_get_their_models_from_one_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "four_devices" / "run.py"))["main"]
    result = run("digits", budget=None, trials=4, recipe=tiny_recipe(1), folder=tmp_path / "out", **TINY)
    portfolio = result.portfolio()
    served = [service for service in portfolio.services if service.member is not None]
    assert len(served) >= 3
    for service in served:
        assert (tmp_path / "out" / service.folder / "model.onnx").is_file()
        assert sa.load(tmp_path / "out" / service.folder).model is not None
    page = (tmp_path / "out" / "portfolio.html").read_text("utf-8")
    assert all(scenario.name in page for scenario in portfolio.scenarios)
    assert len(portfolio.members) <= 3
    assert result.document()["portfolio"]["members"]


def test_an_explanation_names_the_decision_that_was_planted(tmp_path):
    why = main_of("08")(page=str(tmp_path / "why.html"), trials=24, store="memory:")
    assert why.importances.everywhere.decisions[0].name == "depth"
    assert why.otherwise
    assert (tmp_path / "why.html").is_file()
