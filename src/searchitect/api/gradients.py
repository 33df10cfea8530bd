"""`gradient_search`: from data and a space to ranked architectures, and what they are worth when trained alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.api.executing import check_device
from searchitect.api.supernet_files import base_space, read_gradients, write_best, write_gradients
from searchitect.errors import ConfigError, StorageError
from searchitect.spaces import Architecture, Recipe, SearchSpace, Value
from searchitect.spaces.fixing import fix, training_defaults
from searchitect.tasks import Task, task as open_task
from searchitect.trial import Proposal, Trial, TrialState

if TYPE_CHECKING:
    from searchitect.result import Result
    from searchitect.storage.journal import Event
    from searchitect.supernet.costs import CostTerm
    from searchitect.supernet.gaps import DiscretisationGap
    from searchitect.supernet.gradient_methods import GradientSettings
    from searchitect.supernet.gradient_result import GradientSearch, SearchEpoch

__all__ = ["Given", "Gradients", "gradient_search", "open_gradients"]

ALONE_EPOCHS = 10
"""Epochs of the training alone that shows the discretisation gap."""

SECONDS = "seconds.json"
"""What a search took so far; random search gets it too."""

Options = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Gradients:
    """What a gradient search found.

    Attributes:
        search: runs in the order of a hold-out, with the probabilities of every epoch.
        gap: of the best architecture, in the unit of the task's first metric where that is the accuracy.
        task: what it was searched on.
        facts: how it was searched, as JSON; `seconds` is what it took.
        folder: where it lies; None where it was kept in no folder.
    """

    search: GradientSearch
    gap: DiscretisationGap
    task: Task
    facts: Mapping[str, Any]
    folder: Path | None = None

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
            "architectures": [architecture.to_json() for architecture in self.architectures],
            "gap": dataclasses.asdict(self.gap),
            "options": {path: list(options) for path, options in self.search.options.items()},
            "runs": [run.to_json() for run in self.search.runs],
            "facts": dict(self.facts),
        }

    def confirm(
        self,
        *,
        recipe: Recipe | None = None,
        workers: int | None = None,
        store: Any = None,
        name: str | None = None,
        folder: str | Path | None = None,
        random_search: bool = True,
        confirm_seeds: int = 3,
        on_event: Callable[[Event], None] | None = None,
    ) -> Result:
        """Train every architecture that was chosen alone, with random search at equal cost beside them.

        A study like any other: its trials are the architectures found, random search in the same space gets the time
        that the gradient search and these trainings took, finalists of both are confirmed on fresh seeds, and the
        verdict says whether the search helped. After a search of less than 20 s there is nothing to compare with, and
        the result says so. The arguments are those of `sa.search`.
        """
        from searchitect.api.preparing import prepare
        from searchitect.api.request import Request, make_parts
        from searchitect.api.running import run

        known = hashlib.blake2b(repr([a.text for a in self.architectures]).encode(), digest_size=3).hexdigest()
        own = f"{self.task.name}-{self.search.space.name}-{self.search.method}-seed{self.facts['seed']}-{known}"
        request = Request(
            data=self.task, space=self.search.space.source, strategy=Given(self.architectures), recipe=recipe,
            trials=len(self.architectures), workers=workers, seed=self.facts["seed"], device=self.facts["device"],
            store=store, name=name or own, folder=folder, random_search=random_search, confirm_seeds=confirm_seeds,
            owed_seconds=self.facts["seconds"],
        )  # fmt: skip
        result = run(prepare(request, make_parts(request)), on_event)
        if self.folder is not None and result.best is not None:
            write_best(self.folder, result.best.architecture)
        return result


class Given:
    """A strategy that proposes these architectures, each once, in their order."""

    def __init__(self, architectures: Sequence[Architecture]) -> None:
        self._architectures, self._next = tuple(architectures), 0

    def ask(self, number: int) -> Proposal | None:
        return Proposal(self._architectures[self._next]) if self._next < len(self._architectures) else None

    def tell(self, trial: Trial) -> None:
        # One step for each: at its start, or at the only word about an infeasible one.
        if trial.state in (TrialState.RUNNING, TrialState.INFEASIBLE):
            self._next += 1


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
    costs: Mapping[str, float] | None = None,
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
        costs: what the search aims at, of "parameters", "flops" and "latency_ms": name to target. The loss of the
            architecture weights becomes loss + 0.1 log(E / target); parts of one's own: `supernet.costs.CostTerm`.
        folder: receives checkpoints and `gradients.json`; run again with the same folder it goes on.
        save_every: steps between checkpoints within an epoch; 0 writes one after every epoch.
        report: called after every epoch with its figures, operation probabilities among them, and the options.

    Raises:
        SearchitectError: something in the request cannot be used; the message says what to type instead.
    """
    from searchitect.supernet.gradient_search import GUARDED, gradient_search as search

    check_device(device)
    task = open_task(data, target=target, seed=seed)
    base = base_space(space, task.spec)
    values = {**training_defaults(base), **(fixed or {})}
    own = SearchSpace.of(fix(base, values))
    settings = _settings(epochs)
    kept = None if folder is None else Path(folder)
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    options = {d.path: d.options for d in own.decisions() if d.options is not None}
    before, start = _seconds(kept), time.monotonic()

    def told(entry: SearchEpoch) -> None:
        _keep_seconds(kept, before + time.monotonic() - start)
        if report is not None:
            report(entry, options)

    found = search(
        own, task, method=method, selection=None if guards else "magnitude", guards=GUARDED if guards else None,
        settings=settings, costs=_terms(costs or {}), seeds=seeds, seed=seed, device=device, folder=kept,
        save_every=save_every, report=told,
    )  # fmt: skip
    seconds = before + time.monotonic() - start
    _keep_seconds(kept, seconds)
    facts = {
        "seconds": seconds, "seed": seed, "device": device, "target": target, "task": task.describe(),
        "data": str(data) if isinstance(data, (str, Path)) else None,
        "space": space if isinstance(space, str) or space is None else False,
        "space_digest": SearchSpace.of(base).digest, "fixed": values, "costs": dict(costs or {}),
    }  # fmt: skip
    done = Gradients(found, _gap(found, task, seed), task, facts, kept)
    if kept is not None:
        write_gradients(kept, done.document())
    return done


def open_gradients(folder: str | Path, *, data: Any = None, space: Any = None) -> Gradients:
    """Open what `gradient_search` left in a folder.

    Args:
        data, space: needed where they were objects that only your program has.

    Raises:
        StorageError: no search has ended there, or its files are damaged.
        ConfigError: data or space are needed, or others.
    """
    from searchitect.supernet.gaps import DiscretisationGap
    from searchitect.supernet.gradient_result import GradientSearch, SearchRun

    document, own, task = read_gradients(Path(folder), data, space)
    try:
        options = {path: tuple(found) for path, found in document["options"].items()}
        runs = tuple(SearchRun.from_json(run) for run in document["runs"])
        found = GradientSearch(SearchSpace.of(own), document["method"], options, runs)
        return Gradients(found, DiscretisationGap(**document["gap"]), task, document["facts"], Path(folder))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(
            f"the gradient search in '{Path(folder).name}' is damaged: {type(error).__name__}: {error}",
            hint="search again in another folder",
        ) from error


def _terms(costs: Mapping[str, float]) -> tuple[CostTerm, ...]:
    from searchitect.supernet.costs import CostTerm

    for name, target in costs.items():
        if isinstance(target, bool) or not isinstance(target, (int, float)):
            raise ConfigError(f"the target of {name} is a number, got {target!r}", hint=f"{name}=1e6")
    return tuple(CostTerm(name, float(target)) for name, target in costs.items())


def _settings(epochs: int | None) -> GradientSettings:
    from searchitect.supernet.gradient_methods import GradientSettings

    settings = GradientSettings()
    if epochs is None:
        return settings
    return dataclasses.replace(settings, recipe=settings.recipe.updated({"epochs": epochs}))


def _seconds(folder: Path | None) -> float:
    """What earlier sessions of a search took."""
    try:
        return 0.0 if folder is None else float(json.loads((folder / SECONDS).read_text("utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _keep_seconds(folder: Path | None, seconds: float) -> None:
    if folder is not None:
        from searchitect.deploy.files import write_json

        write_json(folder / SECONDS, {"seconds": round(seconds, 3)})


def _gap(found: GradientSearch, task: Task, seed: int) -> DiscretisationGap:
    """The gap of the best run, with what the architecture reaches when it is trained alone."""
    from searchitect.supernet.ranks import train_alone
    from searchitect.supernet.scoring import score_model

    best = found.runs[0]
    model = train_alone(found.space, task, best.architecture, Recipe(epochs=ALONE_EPOCHS), seed)
    scores = score_model(model, task)
    # The hold-out is judged by accuracy, a regression by its negative loss: there the metric has another unit.
    retrained = scores["accuracy"] if "accuracy" in scores else -scores["mse"]
    return dataclasses.replace(best.gap, retrained=retrained)
