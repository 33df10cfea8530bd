"""`gradient_search`: from data and a space to ranked architectures, and what they are worth when trained alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.api.supernet_files import base_space, write_gradients
from searchitect.spaces import Architecture, SearchSpace, Value
from searchitect.spaces.fixing import fix, training_defaults
from searchitect.tasks import Task, task as open_task

if TYPE_CHECKING:
    from searchitect.supernet.gradient_result import GradientSearch, SearchEpoch
    from searchitect.supernet.ranks import DiscretisationGap

__all__ = ["Gradients", "gradient_search"]

ALONE_EPOCHS = 10
"""Epochs of the training alone that shows the discretisation gap."""

Options = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Gradients:
    """What a gradient search found.

    Attributes:
        search: runs in the order of a hold-out, with the probabilities of every epoch.
        gap: of the best architecture, in the unit of the task's first metric where that is the accuracy.
    """

    search: GradientSearch
    gap: DiscretisationGap

    @property
    def best(self) -> Architecture:
        """The architecture of the best run."""
        return self.search.best

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Every architecture that was chosen, the best first."""
        return self.search.architectures

    def document(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "method": self.search.method,
            "space": self.search.space.name,
            "best": self.best.to_json(),
            "gap": dataclasses.asdict(self.gap),
            "options": {path: list(options) for path, options in self.search.options.items()},
            "runs": [run.to_json() for run in self.search.runs],
        }


def gradient_search(
    data: Any,
    space: Any,
    *,
    target: str | None = None,
    method: str = "gdas",
    epochs: int | None = None,
    seeds: int = 3,
    fixed: Mapping[str, Any] | None = None,
    guards: bool = True,
    seed: int = 0,
    device: str = "cpu",
    folder: str | Path | None = None,
    save_every: int = 0,
    report: Callable[[SearchEpoch, Options], None] | None = None,
) -> Gradients:
    """Search a space by gradients, then train the best architecture alone for a few epochs to show the gap.

    Args:
        data, target, space: as in `sa.search`; every open decision of the space must be a choice among modules.
        method: "darts", "darts2", "gdas", "snas", "pc_darts", "dr_nas" or "proxyless".
        epochs: of each run; by default 50.
        seeds: runs; the best is chosen on the validation split, which trains nothing.
        fixed: decisions that are not searched, by name. Training decisions take the space's defaults.
        guards: skip watch, eigenvalue stop, entropy, operation dropout on skips, selection by perturbation; False is
            the method as published, with selection by magnitude.
        folder: receives checkpoints and `gradients.json`; run again with the same folder it goes on.
        save_every: steps between checkpoints within an epoch; 0 writes one after every epoch.
        report: called after every epoch with its figures, operation probabilities among them, and the options.

    Raises:
        SearchitectError: something in the request cannot be used; the message says what to type instead.
    """
    from searchitect.supernet.gradient_methods import GradientSettings
    from searchitect.supernet.gradient_search import GUARDED, gradient_search as search

    task = open_task(data, target=target, seed=seed)
    base = base_space(space, task.spec)
    own = SearchSpace.of(fix(base, {**training_defaults(base), **(fixed or {})}))
    settings = GradientSettings()
    if epochs is not None:
        settings = dataclasses.replace(settings, recipe=settings.recipe.updated({"epochs": epochs}))
    kept = None if folder is None else Path(folder)
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    options = {d.path: d.options for d in own.decisions() if d.options is not None}
    found = search(
        own, task, method=method, selection=None if guards else "magnitude", guards=GUARDED if guards else None,
        settings=settings, seeds=seeds, seed=seed, device=device, folder=kept, save_every=save_every,
        report=None if report is None else lambda entry: report(entry, options),
    )  # fmt: skip
    done = Gradients(found, _gap(found, task, seed))
    if kept is not None:
        write_gradients(kept, done.document())
    return done


def _gap(found: GradientSearch, task: Task, seed: int) -> DiscretisationGap:
    """The gap of the best run, with what the architecture reaches when it is trained alone."""
    from searchitect.spaces import Recipe
    from searchitect.supernet.ranks import DiscretisationGap, train_alone
    from searchitect.supernet.scoring import score_model

    best = found.runs[0]
    model = train_alone(found.space, task, best.architecture, Recipe(epochs=ALONE_EPOCHS), seed)
    scores = score_model(model, task)
    # The hold-out is judged by accuracy, a regression by its negative loss: there the metric has another unit.
    retrained = scores["accuracy"] if "accuracy" in scores else -scores["mse"]
    return DiscretisationGap(best.gap.mixed, best.gap.discretised, retrained)
