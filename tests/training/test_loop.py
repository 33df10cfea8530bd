from __future__ import annotations

import dataclasses
import itertools
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.spaces.recipe import Recipe
from searchitect.tasks import with_preprocessing
from searchitect.training import loop, predict, train
from searchitect.training.losses import score_validation
from searchitect.trial import Fidelity

Make = Callable[[], nn.Module]
SHORT = Recipe(epochs=3, batch_size=16, learning_rate=1e-2)


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_a_small_model_learns_the_images(images: Any, classifier: Make) -> None:
    model = classifier()
    outcome = train(model, images, SHORT.updated({"epochs": 8}), context=Context(seed=0))
    assert outcome.validation["accuracy"] > 0.9
    assert outcome.stopped == "epochs"
    assert [entry["epoch"] for entry in outcome.history] == list(range(1, 9))


def test_a_regression_is_learned_in_standardised_targets_and_predicted_in_the_users_unit(
    table: Any, regressor: Make
) -> None:
    model = regressor()
    outcome = train(model, table, SHORT.updated({"epochs": 20}), context=Context(seed=0))
    scores = predict(model, table.validation)
    targets = table.validation.targets[:, None]
    assert np.abs(scores - targets).mean() < 0.2 * targets.std()
    mse = float(((scores - targets) ** 2).mean()) / table.preprocessing.output_std[0] ** 2
    assert outcome.validation["loss"] == pytest.approx(mse, rel=1e-3)


def test_the_same_seed_gives_the_same_weights_bit_for_bit(images: Any, classifier: Make) -> None:
    models, outcomes = [classifier(), classifier()], []
    for model in models:
        torch.rand(7)  # the state of the caller's generator must not matter
        recipe = SHORT.updated({"augmentation": "shift_flip"})
        outcomes.append(train(model, images, recipe, context=Context(seed=5)))
    assert _equal(_state(models[0]), _state(models[1]))
    assert outcomes[0].history == outcomes[1].history


def test_another_seed_gives_other_weights(images: Any, classifier: Make) -> None:
    models = [classifier(), classifier()]
    for seed, model in enumerate(models):
        train(model, images, SHORT, context=Context(seed=seed))
    assert not _equal(_state(models[0]), _state(models[1]))


def test_streaming_trains_the_same_weights_as_memory(images: Any, classifier: Make) -> None:
    models = [classifier(), classifier()]
    for budget, model in zip((1 << 30, 0), models, strict=True):
        train(model, images, SHORT, context=Context(seed=0), memory_budget=budget)
    assert _equal(_state(models[0]), _state(models[1]))


def test_the_generators_of_the_caller_stay_as_they_were(images: Any, classifier: Make) -> None:
    model = classifier()
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    train(model, images, SHORT, context=Context(seed=0))
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
    assert before[2] == random.getstate()


def test_the_weights_of_the_best_epoch_are_handed_back(images: Any, classifier: Make) -> None:
    # A rate that grows large after a good start: the best epoch is not the last.
    recipe = Recipe(epochs=6, batch_size=8, optimizer="sgd", learning_rate=0.5, schedule="constant")
    model = classifier()
    outcome = train(model, images, recipe, context=Context(seed=1))
    best = max(outcome.history, key=lambda entry: (entry["accuracy"], -entry["loss"]))
    assert outcome.best_epoch == best["epoch"]
    accuracy = float((predict(model, images.validation).argmax(1) == images.validation.targets).mean())
    assert accuracy == outcome.validation["accuracy"] == best["accuracy"]


def test_without_best_epoch_the_last_weights_are_handed_back(images: Any, classifier: Make) -> None:
    outcome = train(classifier(), images, SHORT.updated({"best_epoch": False}), context=Context(seed=0))
    assert outcome.best_epoch == outcome.epochs == 3
    assert outcome.validation["loss"] == outcome.history[-1]["loss"]


def test_every_epoch_is_reported(images: Any, classifier: Make) -> None:
    reports: list[tuple[int, Mapping[str, float]]] = []
    context = Context(seed=0, send=lambda step, values: reports.append((step, values)))
    outcome = train(classifier(), images, SHORT, context=context)
    assert [step for step, _ in reports] == [1, 2, 3]
    for (_, values), entry in zip(reports, outcome.history, strict=True):
        assert values == {name: entry[name] for name in ("accuracy", "loss", "learning_rate")} | {
            "progress": entry["epoch"] / 3
        }


def test_patience_stops_early(images: Any, classifier: Make) -> None:
    recipe = Recipe(epochs=50, batch_size=16, learning_rate=1e-9, schedule="constant", patience=2)
    model = classifier()
    model.body[1].momentum = 0.0  # nothing changes: the first epoch stays the best
    outcome = train(model, images, recipe, context=Context(seed=0))
    assert outcome.stopped == "patience"
    assert outcome.epochs < 20
    assert outcome.epochs - outcome.best_epoch == 2


def test_a_deadline_ends_training_with_the_best_weights_so_far(
    images: Any, classifier: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()  # every look at the clock takes a second: 6 steps and 2 more an epoch
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    model = classifier()
    recipe = SHORT.updated({"epochs": 100_000, "best_epoch": False})
    outcome = train(model, images, recipe, context=Context(seed=0, deadline=28.0))
    assert outcome.stopped == "deadline"
    assert outcome.epochs == len(outcome.history) == 3
    assert outcome.seconds <= 29  # the last look is after the deadline
    accuracy = float((predict(model, images.validation).argmax(1) == images.validation.targets).mean())
    assert accuracy == outcome.validation["accuracy"] == outcome.history[outcome.best_epoch - 1]["accuracy"]


def test_a_deadline_within_the_first_epoch_is_an_error(images: Any, classifier: Make) -> None:
    with pytest.raises(EvaluationError, match="deadline passed in the first epoch, after 0 of 6 steps"):
        train(classifier(), images, SHORT, context=Context(seed=0, deadline=0.0))


def test_a_loss_that_is_not_finite_names_epoch_and_step(images: Any, classifier: Make) -> None:
    class Poisoned(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner, self.calls = inner, 0

        def forward(self, inputs: Tensor) -> Tensor:
            self.calls += self.training
            scores: Tensor = self.inner(inputs)
            return scores * float("nan") if self.calls == 9 else scores

    model = classifier()
    model.body = Poisoned(model.body)
    with pytest.raises(EvaluationError, match="loss became nan in epoch 2, step 3"):
        train(model, images, SHORT, context=Context(seed=0))


def test_an_exploding_loss_is_divergence(table: Any, regressor: Make) -> None:
    recipe = Recipe(optimizer="sgd", learning_rate=30.0, epochs=3, gradient_clip=None, schedule="constant")
    with pytest.raises(EvaluationError, match=r"diverged in epoch|loss became (nan|inf) in epoch"):
        train(regressor(), table, recipe, context=Context(seed=0))


def test_fidelity_overrides_the_epochs_and_the_schedule_anneals_over_them(images: Any, classifier: Make) -> None:
    outcome = train(classifier(), images, SHORT, fidelity=Fidelity(epochs=2), context=Context(seed=0))
    assert outcome.epochs == 2
    assert outcome.history[-1]["learning_rate"] < 0.1 * SHORT.learning_rate


def test_a_data_fraction_takes_fewer_steps(images: Any, classifier: Make) -> None:
    sizes: list[int] = []
    model = classifier()
    model.body.register_forward_hook(lambda module, inputs, _: sizes.append(len(inputs[0]) * module.training))
    train(model, images, SHORT, fidelity=Fidelity(epochs=1, data_fraction=0.2), context=Context(seed=0))
    assert sum(sizes) == 18


def test_scores_of_another_shape_are_refused_with_both_shapes(images: Any) -> None:
    model = with_preprocessing(images.preprocessing, nn.Sequential(nn.Flatten(), nn.Linear(64, 7)))
    with pytest.raises(EvaluationError, match=r"expected scores of shape \(15, 3\) from the model, got \(15, 7\)"):
        train(model, images, SHORT, context=Context(seed=0))


def test_a_bare_body_is_refused_with_what_to_type(images: Any) -> None:
    with pytest.raises(EvaluationError, match="with_preprocessing"):
        train(nn.Linear(1, 1), images, SHORT, context=Context(seed=0))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"epochs": 0}, "at least one epoch"), ({"batch_size": 0}, "batch"), ({"learning_rate": -1.0}, "above 0")],
)
def test_a_recipe_out_of_range_is_refused(images: Any, classifier: Make, change: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        train(classifier(), images, dataclasses.replace(SHORT, **change), context=Context(seed=0))


def test_mixed_precision_can_be_switched_on(images: Any, classifier: Make) -> None:
    seen: set[torch.dtype] = set()
    model = classifier()
    model.body[0].register_forward_hook(
        lambda module, inputs, output: seen.add(output.dtype) if module.training else None
    )
    train(model, images, SHORT.updated({"mixed_precision": "on"}), context=Context(seed=0))
    assert seen == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_the_model_is_left_in_eval_mode_with_plain_rows(images: Any, classifier: Make) -> None:
    model = classifier()
    train(model, images, SHORT, context=Context(seed=0))
    assert not any(module.training for module in model.modules())
    assert all(p.is_contiguous() for p in model.parameters())


def test_a_trace_of_the_first_steps_is_written(images: Any, classifier: Make, tmp_path: Path) -> None:
    train(classifier(), images, SHORT, context=Context(seed=0), trace=tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert any("conv" in str(event.get("name")) for event in events)


def test_what_a_report_raises_passes_through(images: Any, classifier: Make) -> None:
    def send(step: int, values: Mapping[str, float]) -> None:
        raise InterruptedError("pruned")

    with pytest.raises(InterruptedError, match="pruned"):
        train(classifier(), images, SHORT, context=Context(seed=0, send=send))


def test_validation_scores_agree_with_their_definition(images: Any, classifier: Make) -> None:
    model = classifier()
    train(model, images, SHORT.updated({"label_smoothing": 0.2}), context=Context(seed=0))
    scores = torch.from_numpy(predict(model, images.validation))
    targets = torch.from_numpy(images.validation.targets)

    class Whole:
        def __len__(self) -> int:
            return len(targets)

        def in_order(self, size: int) -> Any:
            return iter([(scores, targets)])

    values = score_validation(nn.Identity(), Whole(), images.spec)  # type: ignore[arg-type]
    assert values["loss"] == pytest.approx(float(nn.functional.cross_entropy(scores, targets)), rel=1e-5)
    assert values["accuracy"] == float((scores.argmax(1) == targets).double().mean())
