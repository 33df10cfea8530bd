from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from searchitect.errors import EvaluationError, TrialStopped
from searchitect.evaluation import Context
from searchitect.spaces.recipe import Recipe
from searchitect.tasks import with_preprocessing
from searchitect.training import continuing, train
from searchitect.trial import Fidelity

Make = Callable[[], nn.Module]
CONSTANT = Recipe(schedule="constant", batch_size=16, learning_rate=1e-2)
WHOLE = Fidelity()


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


def run(model: nn.Module, task: Any, recipe: Recipe, epochs: int, seed: int = 0, **settings: Any) -> Any:
    return train(model, task, recipe, fidelity=Fidelity(epochs=epochs), context=Context(seed), **settings)


def kept(path: Path, recipe: Recipe) -> Callable[[continuing.Standing], None]:
    def keep(standing: continuing.Standing) -> None:
        continuing.write_checkpoint(
            path, standing, decisions="{}", recipe=recipe, fidelity=WHOLE, total_epochs=float(len(standing.history))
        )

    return keep


def wild(images: Any) -> nn.Module:
    """Draws from every generator while it trains, and has a buffer of its own."""

    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(()), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                x = x + 0.01 * random.random() + 0.01 * float(np.random.standard_normal()) + 0.01 * torch.randn(())
                self.seen += 1
            return x

    torch.manual_seed(0)
    body = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), Noisy(), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Flatten(), nn.Linear(512, 3)),
    )
    return with_preprocessing(images.preprocessing, body)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adagrad", "rmsprop"])
@pytest.mark.parametrize("averaging", ["none", "ema"])
def test_three_epochs_and_six_more_are_nine_bit_for_bit(
    images: Any, tmp_path: Path, optimizer: str, averaging: str
) -> None:
    recipe = CONSTANT.updated({"optimizer": optimizer, "averaging": averaging, "augmentation": "shift_flip"})
    recipe = recipe.updated({"learning_rate": 3e-3})
    whole, parts = wild(images), wild(images)
    expected = run(whole, images, recipe, 9)
    path = tmp_path / "checkpoint.safetensors"
    run(parts, images, recipe, 3, keep=kept(path, recipe))
    found = continuing.read_checkpoint(path)
    assert found is not None
    assert (found.epochs, found.fits(recipe, WHOLE, 9)) == (3, True)
    other = wild(images)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()  # whatever was built, the checkpoint counts
    outcome = run(other, images, recipe, 9, seed=77, begin=found)
    assert outcome.history == expected.history
    assert (outcome.epochs, outcome.continued, outcome.best_epoch) == (9, 3, expected.best_epoch)
    assert same(state(other), state(whole))


def test_three_rungs_are_one_training_too(images: Any, tmp_path: Path) -> None:
    recipe = CONSTANT.updated({"averaging": "ema", "best_epoch": False})
    whole = wild(images)
    expected = run(whole, images, recipe, 6)
    found, model = None, wild(images)
    for epochs in (1, 3, 6):
        path = tmp_path / f"{epochs}.safetensors"
        model = wild(images)
        outcome = run(model, images, recipe, epochs, seed=epochs - 1, begin=found, keep=kept(path, recipe))
        found = continuing.read_checkpoint(path)
    assert same(state(model), state(whole))
    assert outcome.history == expected.history


def test_keeping_a_checkpoint_changes_nothing(images: Any, classifier: Make, tmp_path: Path) -> None:
    first, second = classifier(), classifier()
    run(first, images, CONSTANT, 2)
    run(second, images, CONSTANT, 2, keep=kept(tmp_path / "c.safetensors", CONSTANT))
    assert same(state(first), state(second))


def test_the_caller_s_generators_stay_as_they_were(images: Any, classifier: Make, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    run(classifier(), images, CONSTANT, 1, keep=kept(path, CONSTANT))
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    run(classifier(), images, CONSTANT, 2, begin=continuing.read_checkpoint(path))
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def test_a_regression_goes_on_too(table: Any, regressor: Make, tmp_path: Path) -> None:
    whole, parts, path = regressor(), regressor(), tmp_path / "c.safetensors"
    run(whole, table, CONSTANT, 4)
    run(parts, table, CONSTANT, 2, keep=kept(path, CONSTANT))
    run(parts, table, CONSTANT, 4, begin=continuing.read_checkpoint(path))
    assert same(state(parts), state(whole))


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "step"])
def test_an_annealed_schedule_cannot_be_continued(schedule: str) -> None:
    assert not continuing.can_continue(CONSTANT.updated({"schedule": schedule}))
    assert not continuing.can_continue(CONSTANT.updated({"warmup": 0.1}))


def test_only_the_same_training_but_for_its_length_fits(images: Any, classifier: Make, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    run(classifier(), images, CONSTANT, 2, keep=kept(path, CONSTANT))
    found = continuing.read_checkpoint(path)
    assert found is not None
    assert found.fits(CONSTANT.updated({"epochs": 50}), WHOLE, 3)
    assert not found.fits(CONSTANT, WHOLE, 2)
    assert not found.fits(CONSTANT.updated({"learning_rate": 0.5}), WHOLE, 3)
    assert not found.fits(CONSTANT, Fidelity(data_fraction=0.5), 3)
    assert not found.fits(CONSTANT, Fidelity(resolution=0.5), 3)


def test_patience_that_has_run_out_stays_so(images: Any, classifier: Make, tmp_path: Path) -> None:
    path, recipe = tmp_path / "c.safetensors", CONSTANT.updated({"patience": 1, "learning_rate": 1e-9})
    whole = run(classifier(), images, recipe, 9)
    assert whole.stopped == "patience"
    run(classifier(), images, recipe, whole.epochs, keep=kept(path, recipe))
    outcome = run(classifier(), images, recipe, 9, begin=continuing.read_checkpoint(path))
    assert (outcome.stopped, outcome.epochs, outcome.continued) == ("patience", whole.epochs, whole.epochs)


def test_a_stop_ends_the_training_with_its_best_weights_so_far(images: Any, classifier: Make) -> None:
    def send(step: int, measurements: Mapping[str, float]) -> None:
        if step == 2:
            raise TrialStopped("behind")

    stopped, short = classifier(), classifier()
    outcome = train(stopped, images, CONSTANT, fidelity=Fidelity(epochs=9), context=Context(0, send=send))
    assert (outcome.stopped, outcome.epochs) == ("stopped", 2)
    run(short, images, CONSTANT, 2)
    assert same(state(stopped), state(short))


def test_an_average_is_better_than_where_a_constant_rate_happens_to_stand(images: Any, classifier: Make) -> None:
    recipe = CONSTANT.updated({"optimizer": "sgd", "learning_rate": 0.2, "best_epoch": False, "augmentation": "shift"})

    def loss(averaging: str, seed: int) -> float:
        return float(run(classifier(), images, recipe.updated({"averaging": averaging}), 6, seed).validation["loss"])

    gains = [loss("none", seed) - loss("ema", seed) for seed in range(5)]
    assert float(np.median(gains)) > 0


def test_an_unknown_averaging_is_refused(images: Any, classifier: Make) -> None:
    with pytest.raises(EvaluationError, match="no averaging is called 'swa'"):
        run(classifier(), images, dataclasses.replace(CONSTANT, averaging="swa"), 1)


def test_a_missing_file_is_none_and_a_damaged_one_an_error(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    assert continuing.read_checkpoint(path) is None
    path.write_bytes(b"\x00" * 64)
    with pytest.raises(EvaluationError, match="cannot be read"):
        continuing.read_checkpoint(path)
    save_file({"a": torch.zeros(1)}, path, metadata={"notes": json.dumps({"version": 99})})
    with pytest.raises(EvaluationError, match="another version"):
        continuing.read_checkpoint(path)


def test_a_checkpoint_of_another_model_is_refused(images: Any, classifier: Make, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    run(classifier(), images, CONSTANT, 1, keep=kept(path, CONSTANT))
    other = with_preprocessing(images.preprocessing, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    with pytest.raises(EvaluationError, match="does not fit what is built"):
        run(other, images, CONSTANT, 2, begin=continuing.read_checkpoint(path))


def test_a_checkpoint_is_safetensors_and_json(images: Any, classifier: Make, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    run(classifier(), images, CONSTANT.updated({"averaging": "ema"}), 1, keep=kept(path, CONSTANT))
    with safe_open(path, framework="pt") as stream:
        notes = json.loads(stream.metadata()["notes"])
        parts = {name.partition("/")[0] for name in stream.keys()}  # noqa: SIM118
    assert parts == {"body", "best", "average", "optimizer", "generator"}
    assert len(notes["history"]) == 1
