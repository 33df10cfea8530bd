"""`train_supernet`: one set of weights for a whole space, trained once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.api.executing import check_device, check_ranks
from searchitect.api.supernet_files import base_space, write_facts
from searchitect.api.trained_supernet import TrainedSupernet
from searchitect.config import parse_budget
from searchitect.errors import ConfigError
from searchitect.spaces import Recipe, SearchSpace
from searchitect.spaces.fixing import fix, training_defaults
from searchitect.tasks import Task, task as open_task

if TYPE_CHECKING:
    from searchitect.supernet import SharedData, Supernet
    from searchitect.training.ranks import Ranks

__all__ = ["DEFAULT_EPOCHS", "train_supernet"]

DEFAULT_EPOCHS = 60
"""Passes over the training data where nothing else is said: an architecture sees a part of each only."""


def train_supernet(
    data: Any,
    space: Any = None,
    *,
    target: str | None = None,
    method: str = "spos",
    epochs: int | None = None,
    recipe: Recipe | None = None,
    fixed: Mapping[str, Any] | None = None,
    budget: str | float | None = None,
    seed: int = 0,
    device: str = "cpu",
    folder: str | Path | None = None,
    save_every: int = 0,
    report: Callable[[int, Mapping[str, float]], None] | None = None,
    ranks: int = 1,
) -> TrainedSupernet:
    """Train one set of weights for all architectures of a space. Run again with the same folder it goes on.

    Args:
        data, target, space: as in `sa.search`.
        method: "spos", "fairnas", "sandwich", "ofa" or "enas".
        epochs: passes over the training data; by default the recipe's, or 60.
        fixed: decisions that are not shared, by name. Training decisions take the space's defaults where nothing else
            is said: all members are trained alike.
        budget: time after which the training stops: "10min".
        folder: receives the weights and checkpoints; None keeps none.
        save_every: steps between checkpoints within an epoch; 0 writes one after every epoch.
        report: called with the number of every finished epoch and its figures.
        ranks: programs that train the weights together on the CPU, data-parallel; see docs/reliability.md.

    Raises:
        SearchitectError: something in the request cannot be used; the message says what to type instead.
    """
    from searchitect.supernet.training import train_supernet as train
    from searchitect.training.rank_programs import accompanied

    check_ranks(ranks, device)
    check_device(device)
    if ranks > 1 and method == "enas":
        raise ConfigError("the controller of 'enas' is trained by one program", hint="leave ranks out")
    task = open_task(data, target=target, seed=seed)
    base = base_space(space, task.spec)
    values = {**training_defaults(base), **(fixed or {})}
    own = SearchSpace.of(fix(base, values))
    full = _recipe(own, recipe, epochs)
    kept = None if folder is None else Path(folder)
    seconds = parse_budget(budget).seconds
    if budget is not None and seconds is None:
        raise ConfigError(f"a supernet is trained for a time, got the budget {budget!r}", hint="write 90s, 5min or 2h")
    opened = partial(_opened, base, values, task, method, seed, device)
    training = partial(
        train, method=method, recipe=full, seed=seed, folder=kept, save_every=save_every, deadline=seconds
    )
    with accompanied(ranks, partial(_accompany, opened, training)) as group:
        supernet, examples = opened()
        found = training(supernet, examples, report=report, ranks=group)
    facts = {
        "method": method, "recipe": full.to_json(), "seed": seed, "seconds": found.seconds,
        "epochs": found.epochs, "stopped": found.stopped, "history": [dict(entry) for entry in found.history],
        "data": str(data) if isinstance(data, (str, Path)) else None, "target": target, "task": task.describe(),
        "space": space if isinstance(space, str) or space is None else False,
        "space_digest": SearchSpace.of(base).digest, "fixed": values,
    }  # fmt: skip
    if kept is not None:
        write_facts(kept, facts)
    return TrainedSupernet(supernet, task, facts, kept)


def _opened(
    base: type, values: Mapping[str, Any], task: Task, method: str, seed: int, device: str
) -> tuple[Supernet, SharedData]:
    """The shared weights before their training, and the examples."""
    from searchitect.supernet import load, open_build

    supernet = open_build(SearchSpace.of(fix(base, values)), task.spec, seed=seed)
    return supernet, load(task, search_share=0.2 if method == "enas" else 0.0, device=device)


def _accompany(opened: Callable[[], tuple[Supernet, SharedData]], training: Callable[..., Any], ranks: Ranks) -> None:
    """What another rank does: the same training, of which nothing is reported or kept."""
    training(*opened(), ranks=ranks)


def _recipe(space: SearchSpace, recipe: Recipe | None, epochs: int | None) -> Recipe:
    base = Recipe(epochs=DEFAULT_EPOCHS) if recipe is None else recipe
    full = space.recipe(space.default(), base)
    return full if epochs is None else full.updated({"epochs": epochs})
