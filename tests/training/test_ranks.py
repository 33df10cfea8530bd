"""Ranks as threads of one program: what they learn together is what one program learns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from torch import nn

from searchitect.evaluation import Context
from searchitect.spaces.recipe import Recipe
from searchitect.tasks import with_preprocessing
from searchitect.training import Training, train
from searchitect.training.ranks import Ranks, join

T = TypeVar("T")
RECIPE = Recipe(epochs=3, batch_size=16, learning_rate=1e-2, optimizer="sgd", augmentation="shift")


def in_ranks(size: int, place: Path, work: Callable[[Ranks], T]) -> list[T]:
    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(lambda rank: work(join(place / "meeting", rank, size)), range(size)))


def plain(images: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 3))
    return with_preprocessing(images.preprocessing, body)


def trained(images: Any, models: Sequence[nn.Module], recipe: Recipe, place: Path) -> list[Training]:
    def work(ranks: Ranks) -> Training:
        return train(models[ranks.rank], images, recipe, context=Context(seed=3), ranks=ranks)

    return in_ranks(len(models), place, work)


@pytest.mark.parametrize(("size", "batch"), [(2, 16), (3, 31), (3, 2)], ids=["halves", "uneven", "fewer than ranks"])
def test_ranks_end_with_the_weights_of_one_program(images: Any, tmp_path: Path, size: int, batch: int) -> None:
    recipe = RECIPE.updated({"batch_size": batch, "epochs": 3 if batch > 2 else 1})
    alone = plain(images)
    models = [copy.deepcopy(alone) for _ in range(size)]
    expected = train(alone, images, recipe, context=Context(seed=3))
    found = trained(images, models, recipe, tmp_path)
    for model in models:
        for mine, theirs in zip(alone.parameters(), model.parameters(), strict=True):
            torch.testing.assert_close(theirs, mine, rtol=1e-5, atol=1e-6)
    for training in found:
        assert training.history == found[0].history
        for mine, theirs in zip(expected.history, training.history, strict=True):
            assert dict(theirs) == pytest.approx(dict(mine), rel=1e-5)


def test_batch_normalisation_sees_its_part_and_all_ranks_hold_the_same_model(images: Any, tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    models = [with_preprocessing(images.preprocessing, copy.deepcopy(body)) for _ in range(2)]
    first, second = trained(images, models, RECIPE, tmp_path)
    assert first.history == second.history
    for mine, theirs in zip(models[0].state_dict().values(), models[1].state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
    assert first.validation["accuracy"] > 0.5


def test_a_path_that_no_rank_took_has_no_gradient_and_one_that_some_took_has(tmp_path: Path) -> None:
    def work(ranks: Ranks) -> list[float | None]:
        body = nn.ParameterList([torch.ones(1) for _ in range(3)])
        loss = (body[0] * 2 + (body[1] * 4 if ranks.rank else 0.0)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        ranks.add_up(body, loss.detach(), 0.5)
        return [None if p.grad is None else float(p.grad) for p in body]

    assert in_ranks(2, tmp_path, work) == [[2.0, 2.0, None]] * 2


def test_one_rank_that_is_stopped_or_late_stops_all(tmp_path: Path) -> None:
    assert in_ranks(2, tmp_path, lambda ranks: (ranks.any(ranks.rank == 1), ranks.any(False))) == [(True, False)] * 2
