"""What a search does with a trained supernet: its task and space, who judges what, and what a reader must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.api.trained_supernet import TrainedSupernet
from searchitect.errors import ConfigError
from searchitect.spaces import SearchSpace
from searchitect.tasks import Task

if TYPE_CHECKING:
    from searchitect.evaluators.supernet_evaluator import SearchByShared

__all__ = ["check_space", "check_supernet", "check_task", "judged_by", "recorded_supernet", "shared_warning"]


def check_supernet(trained: object) -> TrainedSupernet:
    """Return it where it is a trained supernet.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(trained, TrainedSupernet):
        return trained
    raise ConfigError(
        f"supernet must be a trained supernet, got {str(trained)[:80]!r}",
        hint="supernet=sa.train_supernet(task, space), or sa.TrainedSupernet.open(folder)",
    )


def check_task(trained: TrainedSupernet, task: Task) -> None:
    """Refuse another task than the one it was trained on."""
    if task.describe() != trained.task.describe():
        raise ConfigError(
            f"the supernet was trained on the task {trained.task.name!r} as it was then, not on this {task.name!r}",
            hint="leave the data out: the supernet knows them; or train one on these",
        )


def check_space(trained: TrainedSupernet, space: Any) -> None:
    """Refuse another space than the one it was trained on."""
    found, own = SearchSpace.of(space), trained.supernet.space
    if found.digest not in (trained.facts["space_digest"], own.digest):
        raise ConfigError(
            f"the supernet was trained on the space {own.name!r}, not on this {found.name!r}",
            hint="leave the space out: the supernet knows it",
        )


def judged_by(trained: TrainedSupernet, alone: Any) -> SearchByShared:
    """Judge trials of the search by shared weights and leave everything else to `alone`."""
    from searchitect.evaluators.supernet_evaluator import SearchByShared, SupernetEvaluator

    return SearchByShared(SupernetEvaluator(trained.supernet, alone.task, trained.recipe, alone.measure), alone)


def shared_warning(trained: TrainedSupernet) -> str:
    """What a reader of a result must know."""
    found, known = trained.ranked, ""
    if found is not None:
        known = f" (Kendall's τ {found.tau:.2f}, 95 % interval {found.interval[0]:.2f} to {found.interval[1]:.2f})"
    return (
        f"trials of the search were judged by weights shared in a supernet{known}; random search and the "
        "confirmation trained alone"
    )


def recorded_supernet(trained: TrainedSupernet) -> dict[str, Any]:
    """What a study keeps of it, for `resume` and for the report."""
    found = trained.ranked
    return {
        "folder": None if trained.folder is None else str(trained.folder),
        "method": trained.method,
        "seconds": trained.seconds,
        "trust": trained.trust,
        "ranks": None if found is None else {"tau": found.tau, "interval": list(found.interval)},
    }
