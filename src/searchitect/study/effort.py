"""What a trial has spent, in full evaluations: the coin in which searches by different fidelities are compared."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from searchitect.strategies.strategy import Setting
from searchitect.trial import Fidelity, Trial, TrialState

__all__ = ["described", "effort", "full_evaluations", "is_full"]


def described(fidelity: Fidelity) -> str:
    """A fidelity in words: "20 epochs on 50% of the training data"."""
    if fidelity.epochs is None:
        return "a full evaluation"
    if fidelity.seconds is not None:
        return f"about {fidelity.seconds:.3g} s of training, at most {fidelity.epochs} epochs"
    share = "" if fidelity.data_fraction == 1.0 else f" on {fidelity.data_fraction:.0%} of the training data"
    narrow = "" if fidelity.width == 1.0 else f" at {fidelity.width:.0%} of the width"
    return f"{fidelity.epochs} epochs{share}{narrow}"


def is_full(trial: Trial, full: Fidelity) -> bool:
    """Whether a trial is no rung below the full evaluation: its figures can be compared with those of others.

    One that inherits weights is trained for a share only, and stands for all its lineage.
    """
    own = trial.proposal.fidelity
    if own == full or trial.proposal.inherits is not None:
        return True
    return (full.epochs is not None or own.epochs is None) and _amount(own, full) >= _amount(full, full)


def effort(trial: Trial, trials: Sequence[Trial], setting: Setting) -> float:
    """Return what a trial spent as a share of a full evaluation; what continues pays for the increment alone.

    An evaluator that trained afresh all the same says so (`continued_epochs` 0), and then everything counts.

    Args:
        trials: by number, of the study.
    """
    full = setting.fidelity
    if full.epochs is None and setting.recorded_epochs:
        full = dataclasses.replace(full, epochs=setting.recorded_epochs[-1])
    own = 1.0 if trial.proposal.fidelity == setting.fidelity else _share(trial.proposal.fidelity, full)
    own *= _done(trial, full)
    before = trial.proposal.continues
    if before is None:
        return own
    continued = trial.measurements.get("continued_epochs")
    if continued is None:
        return max(0.0, own - _share(trials[before].proposal.fidelity, full))
    taken = trial.measurements.get("epochs", 0.0 if continued else 1.0) / trial.proposal.fidelity.data_fraction
    return own * taken / max(taken + continued, 1e-9)


def full_evaluations(spent: Iterable[Trial], trials: Sequence[Trial], setting: Setting) -> int:
    """How many full evaluations cost as much as these trials; reused and infeasible ones were free."""
    paid = [t for t in spent if t.reused is None and t.state is not TrialState.INFEASIBLE]
    return math.ceil(sum(effort(trial, trials, setting) for trial in paid) - 1e-9)


def _done(trial: Trial, full: Fidelity) -> float:
    """The share of its training that a pruned trial was given."""
    if trial.state is not TrialState.PRUNED or not trial.reports:
        return 1.0
    step, told = trial.reports[-1]
    epochs = trial.proposal.fidelity.epochs or full.epochs
    return min(1.0, told.get("progress", step / epochs if epochs else 1.0))


def _share(fidelity: Fidelity, full: Fidelity) -> float:
    return _amount(fidelity, full) / max(_amount(full, full), 1e-9)


def _amount(fidelity: Fidelity, full: Fidelity) -> float:
    """Seconds, or passes over the data at full resolution; epochs that are not given are those of the full training."""
    if fidelity.seconds is not None:
        return fidelity.seconds
    epochs = fidelity.epochs if fidelity.epochs is not None else full.epochs
    return (epochs or 1) * fidelity.data_fraction * (fidelity.resolution * fidelity.width) ** 2
