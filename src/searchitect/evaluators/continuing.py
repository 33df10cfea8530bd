"""A trial that continues another: the checkpoint it goes on from, and the one that it leaves.

The checkpoint lies in the folder of the trial that left it, beside its weights. One that is not there costs no trial:
the training is done afresh, and its measurements say so (`continued_epochs` 0, `total_epochs` with both trainings).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from safetensors import SafetensorError, safe_open

from searchitect.errors import EvaluationError
from searchitect.evaluation import CHECKPOINT, Context, trial_folder
from searchitect.evaluators.inheriting import WEIGHTS
from searchitect.spaces.recipe import Recipe
from searchitect.training.continuing import Checkpoint, Standing, can_continue, read_checkpoint, write_checkpoint
from searchitect.trial import Fidelity, Proposal

__all__ = ["Lineage", "find_lineage"]


@dataclass(frozen=True, eq=False)
class Lineage:
    """What an evaluation has before itself and leaves behind.

    Attributes:
        checkpoint: where its training goes on from; None where it begins.
        spent: epochs that the trial which it continues has cost, whether or not they are of use now.
        keep: writes a checkpoint of its own; None where nobody can go on from it.
    """

    checkpoint: Checkpoint | None = None
    spent: float = 0.0
    keep: Callable[[Standing], None] | None = None


def find_lineage(proposal: Proposal, context: Context, recipe: Recipe, fidelity: Fidelity) -> Lineage:
    """Look for what this trial continues.

    Args:
        fidelity: in epochs.

    Raises:
        EvaluationError: it continues a trial of another architecture, or a file that cannot be read.
    """
    checkpoint, spent = None, 0.0
    if proposal.continues is not None and context.folder is not None:
        folder = context.folder.parent / trial_folder(proposal.continues)
        found = read_checkpoint(folder / CHECKPOINT)
        if found is not None and found.notes["decisions"] != proposal.architecture.text:
            raise EvaluationError(f"trial {proposal.continues} cannot be continued by another architecture")
        epochs = recipe.epochs if fidelity.epochs is None else fidelity.epochs
        checkpoint = found if found is not None and found.fits(recipe, fidelity, epochs) else None
        spent = found.total_epochs if found is not None else _cost(folder / WEIGHTS)
    keep = None
    if context.folder is not None and proposal.keeps and can_continue(recipe):
        begun = 0 if checkpoint is None else checkpoint.epochs
        keep = partial(
            _keep, context=context, proposal=proposal, recipe=recipe, fidelity=fidelity, spent=spent, begun=begun
        )
    return Lineage(checkpoint, spent, keep)


def _keep(
    standing: Standing,
    *,
    context: Context,
    proposal: Proposal,
    recipe: Recipe,
    fidelity: Fidelity,
    spent: float,
    begun: int,
) -> None:
    assert context.folder is not None
    write_checkpoint(
        context.folder / CHECKPOINT,
        standing,
        decisions=proposal.architecture.text,
        recipe=recipe,
        fidelity=fidelity,
        total_epochs=spent + (len(standing.history) - begun) * fidelity.data_fraction,
    )


def _cost(weights: object) -> float:
    """Epochs that a trial without a checkpoint has cost, as its weights tell; 0 where it left none."""
    try:
        with safe_open(weights, framework="pt") as stream:
            return float((stream.metadata() or {}).get("total_epochs", 0.0))
    except (FileNotFoundError, SafetensorError, OSError, ValueError):
        return 0.0
