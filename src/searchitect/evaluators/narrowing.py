"""Trials at a lower width: which model is built, and what is said of its size."""

from __future__ import annotations

from typing import Any

from torch import nn

from searchitect.errors import EvaluationError, SpaceError
from searchitect.evaluators.building import count, inspect_model
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.task_spec import TaskSpec
from searchitect.trial import Proposal

__all__ = ["counted", "narrower_space"]


def narrower_space(space: Any, proposal: Proposal) -> tuple[Any, Architecture]:
    """Return what is built of a proposal: its space and architecture, or those with fewer channels.

    Raises:
        EvaluationError: the space cannot be built narrower, or the weights that it inherits are wider.
    """
    width = proposal.fidelity.width
    if width == 1.0:
        return space, proposal.architecture
    if proposal.inherits is not None:
        raise EvaluationError("a trial of lower width cannot inherit the weights of another")
    from searchitect.catalog.narrowing import narrower

    try:
        return narrower(space, proposal.architecture, width)
    except SpaceError as error:
        raise EvaluationError(error.message, hint=error.hint) from error


def counted(space: Any, body: nn.Module, proposal: Proposal, spec: TaskSpec, names: frozenset[str]) -> dict[str, float]:
    """Return the counts of the architecture, whatever the width at which it was trained: limits are on the whole."""
    if proposal.fidelity.width == 1.0:
        return count(body, spec, names)
    return inspect_model(space, proposal.architecture, spec, names)
