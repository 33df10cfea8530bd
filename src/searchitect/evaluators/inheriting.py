"""A trial that starts from the weights of another: Net2Net, network morphism (`supernet.growth`).

The weights lie in the folder of the trial that left them, with its architecture and what it has cost, so that nothing
but the number of that trial has to travel.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from searchitect.errors import EvaluationError, SpaceError
from searchitect.evaluation import Context, trial_folder
from searchitect.evaluators.building import build
from searchitect.nn.pretrained import filled_later
from searchitect.seeding import isolated
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.spaces.task_spec import TaskSpec
from searchitect.tasks import Task, with_preprocessing
from searchitect.training.examples import raw_tensors
from searchitect.training.tensor_files import write_tensors

__all__ = ["WEIGHTS", "Ancestor", "inherit_from", "read_ancestor", "save_weights"]

WEIGHTS = "model.safetensors"
"""Name of the file of weights in a trial's folder."""

EXAMPLES = 256
"""Training examples on which new normalisations count their statistics."""


@dataclass(frozen=True, slots=True, eq=False)
class Ancestor:
    """What an earlier trial left.

    Attributes:
        state: its weights and statistics, by name in the whole model.
        total_epochs: passes over the training data that it cost, with those of its own ancestors.
    """

    architecture: Architecture
    state: dict[str, torch.Tensor]
    total_epochs: float


def save_weights(path: Path, model: nn.Module, architecture: Architecture, total_epochs: float = 0.0) -> None:
    """Write every tensor of the model by name, with its architecture and its cost; complete or not at all.

    Raises:
        StorageError: the file cannot be written; the study halts, since no other candidate would fare better.
    """
    notes = {"format": "pt", "architecture": architecture.digest(), "decisions": architecture.text}
    write_tensors(path, model.state_dict(), notes | {"total_epochs": repr(total_epochs)})


def read_ancestor(context: Context, number: int, space: SearchSpace) -> Ancestor:
    """Read what trial `number` left beside the folder of this trial.

    Raises:
        EvaluationError: it left nothing, or nothing that can be read, or an architecture of another space.
    """
    hint = "proposals whose weights are inherited say so (Proposal.keeps), and the study needs a folder"
    if context.folder is None:
        raise EvaluationError(f"the weights of trial {number} cannot be inherited: this trial has no folder", hint=hint)
    path = context.folder.parent / trial_folder(number) / WEIGHTS
    try:
        with safe_open(path, framework="pt") as stream:
            notes = stream.metadata() or {}
            state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a dictionary
        decisions, cost = json.loads(notes["decisions"]), float(notes["total_epochs"])
        architecture = Architecture.from_json({"space": space.digest, "decisions": decisions})
    except FileNotFoundError:
        raise EvaluationError(f"trial {number} left no weights to inherit", hint=hint) from None
    except (SafetensorError, OSError, KeyError, ValueError, SpaceError) as error:
        raise EvaluationError(f"the weights of trial {number} cannot be read: {type(error).__name__}") from error
    if not space.contains(architecture):
        raise EvaluationError(f"the weights of trial {number} belong to another space than {space.name}")
    return Ancestor(architecture, state, cost)


def inherit_from(ancestor: Ancestor, model: nn.Module, space: Any, task: Task, spec: TaskSpec) -> None:
    """Fill the body of a freshly built model from its ancestor's.

    Args:
        model: `preprocess` and `body`.
        spec: the shape that the model was built for.

    Raises:
        EvaluationError: the ancestor cannot be built any more, or its weights do not fit what is built.
    """
    from searchitect.supernet.growth import inherit

    with isolated(0), filled_later():
        parent = with_preprocessing(task.preprocessing, build(space, ancestor.architecture, spec))
    try:
        parent.body.load_state_dict(_of_body(ancestor.state))  # type: ignore[union-attr]
    except RuntimeError as error:
        raise EvaluationError(
            f"inherited weights do not fit: {str(error).splitlines()[0]}", hint="has `build` changed since?"
        ) from error
    count = min(EXAMPLES, len(task.train))
    with torch.no_grad():
        inputs = model.preprocess(*raw_tensors(task.train, np.arange(count)))  # type: ignore[operator]
    inherit(parent.body, model.body, inputs)  # type: ignore[arg-type]


def _of_body(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix("body."): tensor for name, tensor in state.items() if name.startswith("body.")}
