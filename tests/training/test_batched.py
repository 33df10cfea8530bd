from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.seeding import isolated
from searchitect.spaces.recipe import Recipe
from searchitect.tasks import with_preprocessing
from searchitect.training import Training, train
from searchitect.training.batched import Together, obstacle, train_together
from tests.training.conftest import SmallTask

RECIPE = Recipe(epochs=3, batch_size=16, mixed_precision="off")


def cnn() -> nn.Module:
    unit = [nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()]
    return nn.Sequential(*unit, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, 3))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.GELU(), nn.Linear(8, 1))


def models(task: SmallTask, build: Callable[[], nn.Module], seeds: Sequence[int]) -> list[nn.Module]:
    found = []
    for seed in seeds:
        with isolated(seed):
            found.append(with_preprocessing(task.preprocessing, build()))
    return found


def both(
    task: SmallTask, build: Callable[[], nn.Module], recipes: Sequence[Recipe]
) -> tuple[list[nn.Module], list[Training], list[nn.Module], Together]:
    """The same trainings one after the other, and at once."""
    seeds = range(len(recipes))
    alone, stacked = models(task, build, seeds), models(task, build, seeds)
    contexts = [Context(seed) for seed in seeds]
    records = [train(m, task, r, context=c) for m, r, c in zip(alone, recipes, contexts, strict=True)]
    return alone, records, stacked, train_together(stacked, task, recipes, contexts=contexts)


RECIPES = {
    "seeds": [RECIPE] * 3,
    "rates and decay": [replace(RECIPE, learning_rate=r, weight_decay=d) for r, d in ((1e-3, 0.0), (1e-2, 0.1))],
    "optimisers and schedules": [
        replace(RECIPE, optimizer="sgd", learning_rate=0.05, schedule="cosine"),
        replace(RECIPE, optimizer="adam", schedule="constant", gradient_clip=None),
        replace(RECIPE, optimizer="adamw", schedule="step", gradient_clip=0.5, augmentation="shift"),
    ],
    "averages": [replace(RECIPE, averaging="ema", schedule="constant"), RECIPE],
}


@pytest.mark.parametrize("name", RECIPES)
def test_losses_and_weights_are_those_of_trainings_one_after_the_other(images: SmallTask, name: str) -> None:
    alone, records, stacked, together = both(images, cnn, RECIPES[name])
    assert together.sequential is None
    for record, outcome in zip(records, together.outcomes, strict=True):
        assert isinstance(outcome, Training)
        assert len(record.history) == len(outcome.history) == 3
        for expected, got in zip(record.history, outcome.history, strict=True):
            assert got == pytest.approx(expected, abs=1e-5)
        assert outcome.best_epoch == record.best_epoch
    for one, other in zip(alone, stacked, strict=True):
        for expected, got in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.allclose(expected.double(), got.double(), atol=1e-4)
        assert not other.training


def test_a_regression_on_a_table_agrees_too(table: SmallTask) -> None:
    _, records, _, together = both(table, mlp, [RECIPE, replace(RECIPE, learning_rate=1e-2)])
    assert together.sequential is None
    for record, outcome in zip(records, together.outcomes, strict=True):
        assert isinstance(outcome, Training)
        assert outcome.validation == pytest.approx(record.validation, abs=1e-5)


def test_one_that_diverges_does_not_end_the_others(images: SmallTask) -> None:
    wild = replace(RECIPE, optimizer="sgd", learning_rate=1e6, schedule="constant", gradient_clip=None)
    seeds = range(2)
    found = train_together(models(images, cnn, seeds), images, [wild, RECIPE], contexts=[Context(s) for s in seeds])
    assert found.sequential is None
    assert isinstance(found.outcomes[0], EvaluationError)
    assert isinstance(found.outcomes[1], Training)
    assert math.isfinite(found.outcomes[1].validation["loss"])


def test_one_that_loses_patience_keeps_the_weights_it_had(images: SmallTask) -> None:
    hasty = replace(RECIPE, epochs=6, patience=1, learning_rate=1e-9, best_epoch=False)
    alone, records, stacked, together = both(images, cnn, [hasty, replace(RECIPE, epochs=6)])
    outcome = together.outcomes[0]
    assert isinstance(outcome, Training)
    assert (outcome.stopped, outcome.epochs) == (records[0].stopped, records[0].epochs)
    for expected, got in zip(alone[0].state_dict().values(), stacked[0].state_dict().values(), strict=True):
        assert torch.allclose(expected.double(), got.double(), atol=1e-4)


def dropping() -> nn.Module:
    return nn.Sequential(cnn(), nn.Dropout(0.2))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = cnn()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.body(x)
        return scores if scores.sum() > 0 else 2 * scores


@pytest.mark.parametrize("build", [dropping, lambda: nn.Sequential(Branching())])
def test_what_cannot_be_stacked_is_trained_one_after_the_other_with_equal_results(
    images: SmallTask, build: Callable[[], nn.Module]
) -> None:
    _, records, _, together = both(images, build, [RECIPE, RECIPE])
    assert together.sequential is not None
    assert "stacked weights" in together.sequential
    for record, outcome in zip(records, together.outcomes, strict=True):
        assert isinstance(outcome, Training)
        assert outcome.history == record.history


@pytest.mark.parametrize(
    ("recipes", "contexts", "words"),
    [
        ([RECIPE], [Context(0)], "one model"),
        ([RECIPE, replace(RECIPE, batch_size=8)], [Context(0), Context(1)], "differ in batch_size"),
        ([RECIPE, RECIPE], [Context(0, deadline=9.0), Context(1)], "deadline"),
        ([replace(RECIPE, mixed_precision="on")] * 2, [Context(0), Context(1)], "mixed precision"),
    ],
)
def test_what_stands_in_the_way_is_said(
    images: SmallTask, recipes: list[Recipe], contexts: list[Context], words: str
) -> None:
    why = obstacle(models(images, cnn, range(len(recipes))), recipes, contexts, images)
    assert why is not None
    assert words in why


def test_models_of_two_architectures_are_not_stacked(images: SmallTask) -> None:
    pair = [*models(images, cnn, [0]), *models(images, dropping, [1])]
    assert "layers or shapes" in str(obstacle(pair, [RECIPE] * 2, [Context(0), Context(1)], images))


def test_every_model_needs_a_recipe_and_a_context(images: SmallTask) -> None:
    with pytest.raises(EvaluationError, match="got 2, 1 and 2"):
        train_together(models(images, cnn, [0, 1]), images, [RECIPE], contexts=[Context(0), Context(1)])
