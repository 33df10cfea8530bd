"""How long one epoch takes here: measured on a few architectures before a time budget is split."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING

from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.executors.memory import is_memory_error
from searchitect.seeding import stream
from searchitect.spaces import Architecture, SearchSpace
from searchitect.trial import Fidelity, Proposal

if TYPE_CHECKING:
    from searchitect.evaluators import TrainingEvaluator
    from searchitect.evaluators.pace import Pace

__all__ = ["measure_pace"]

PROBES = 6
EXAMPLES = 1_024
"""Training examples of the smaller rehearsal; the larger one has twice as many."""

CROWDING = 1.15
"""How much slower a training is while its neighbours train too; measured on two cores."""

Probe = tuple[float, Mapping[str, float]]


def measure_pace(
    evaluator: TrainingEvaluator, workers: int, device: str, *, at_most: float
) -> tuple[Pace, float] | None:
    """Time one epoch, with its validation, of the default and some random architectures on one thread.

    Two short trainings on different shares of the data separate what grows with the training data from what does not.

    Args:
        at_most: seconds after which no further architecture is timed.

    Returns:
        The pace, and the mean seconds of one epoch; None where not one of them can be trained.
    """
    import torch

    from searchitect.evaluators.pace import fit_pace

    space = SearchSpace.of(evaluator.space)
    rng = stream(0, "pacing")
    probes = [space.default(), *(space.sample(rng) for _ in range(PROBES - 1))]
    threads, start = torch.get_num_threads(), time.perf_counter()
    found: list[Probe] = []
    if workers:
        torch.set_num_threads(1)
    try:
        for probe in probes:
            timed = _epoch(evaluator, probe, device)
            found += [] if timed is None else [timed]
            if time.perf_counter() - start > at_most:
                break
    finally:
        torch.set_num_threads(threads)
    if not found:
        return None
    crowding = CROWDING if workers > 1 else 1.0
    crowded = [(crowding * seconds, counts) for seconds, counts in found]
    return fit_pace(crowded), fmean(seconds for seconds, _ in crowded)


def _epoch(evaluator: TrainingEvaluator, architecture: Architecture, device: str) -> Probe | None:
    from searchitect.evaluators.pace import COUNTS

    share = min(0.5, EXAMPLES / len(evaluator.task.train))

    def rehearse(part: float) -> float:
        proposal = Proposal(architecture, Fidelity(epochs=1, data_fraction=part))
        return evaluator.rehearse(proposal, Context(seed=0, device=device))

    try:
        counts = evaluator.check(architecture, COUNTS)
        rehearse(share)  # pays for warming up
        small, large = rehearse(share), rehearse(2 * share)
    except Exception as error:
        if isinstance(error, EvaluationError) or is_memory_error(error):
            return None
        raise
    # A noisy machine can make the larger part look free: a third of its time is taken to grow with the data anyway.
    slope = max((large - small) / share, large / (6 * share))
    return slope + max(0.0, small - slope * share), counts
