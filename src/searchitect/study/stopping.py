"""Which running trials are not worth their end: rules that read curves and say why, or nothing.

A rule is a pure function of records in the journal: the reports of the running trial and those of complete trials of
the same fidelity. It reads validation results that the trainings reported, and only of first evaluations in the
search: replicates and confirmations, whose figures decide who wins, are never stopped, or their means would be those
of lucky seeds; nor is random search beside it. A trial that was stopped is never chosen.

Curves are compared at the same *progress*, the share of a training that is done, so that trainings of different
lengths can stand beside one another.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError, did_you_mean
from searchitect.evaluation import Facts
from searchitect.objectives import Objective
from searchitect.pareto import dominates
from searchitect.predictors.learning_curves import probability_of_beating
from searchitect.seeding import derive
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Trial

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = [
    "STOPPING",
    "Rule",
    "curve_rule",
    "is_stoppable",
    "judged",
    "median_rule",
    "peers_of",
    "rule_name",
    "stopping_rule",
    "with_known",
]

Rule = Callable[[Trial, Sequence[Trial], Sequence[Objective]], str | None]
"""From a running trial with its reports, complete trials of its fidelity and the objectives to a reason, or None."""

Report = tuple[int, Mapping[str, float]]

FEWEST_PEERS = 5
"""Complete trials below which nobody is stopped."""

EARLIEST = 0.2
"""Share of a training before which nobody is stopped: small models learn fast at first and are overtaken."""

FEWEST_REPORTS = 3
"""Points of a curve below which it is not extrapolated."""

HOPELESS = 0.05
"""Chance of beating the incumbent below which a training is not worth its end."""

CALIBRATING = 10
"""Complete trials, the latest, whose own ends the extrapolation must not have ruled out."""


def median_rule(trial: Trial, peers: Sequence[Trial], objectives: Sequence[Objective]) -> str | None:
    """Stop a trial whose best result so far is worse than the median of the running averages of complete trials.

    Golovin et al., "Google Vizier: a service for black-box optimization", KDD 2017, section 3.2.2. With several
    objectives the vector of medians must dominate the trial's vector of bests, over all objectives: what is known
    without training counts as it is, and an objective that nobody knows yet saves the trial.
    """
    at = _progress_now(trial, peers)
    if not EARLIEST <= at < 1.0:
        return None
    own = _best(trial, objectives)
    averages = [mean for peer in peers if (mean := _running_average(peer, at, peers, objectives)) is not None]
    if own is None or len(averages) < FEWEST_PEERS:
        return None
    middle = [statistics.median(column) for column in zip(*averages, strict=True)]
    if not dominates(middle, own):
        return None
    values = _shown(objectives, own, middle)
    return (
        f"median rule at step {trial.reports[-1][0]} ({at:.0%}): best so far {values}, "
        f"the median of the running averages of {len(averages)} complete trials"
    )


def curve_rule(trial: Trial, peers: Sequence[Trial], objectives: Sequence[Objective]) -> str | None:
    """Stop a trial whose curve, drawn out to its end, will hardly beat the incumbent.

    Domhan et al. 2015 (`predictors.learning_curves`). The incumbent is the best complete trial; the value to beat is
    what it reported last, not the best of all its epochs, by which it was chosen. With several objectives some member
    of the front must be hardly beaten in each. The rule says nothing where the same extrapolation would have ruled out
    the ends of more than one in ten of the latest complete trials at this point: an annealed schedule, say, gains at
    its end what no curve foretells.
    """
    at = _progress_now(trial, peers)
    if not EARLIEST <= at < 1.0 or len(trial.reports) < FEWEST_REPORTS or len(peers) < FEWEST_PEERS:
        return None
    if _best(trial, objectives) is None:
        return None
    for rival in _front(peers, objectives):
        chance = _chance(trial, rival, at, peers, objectives)
        if chance is not None and chance < HOPELESS and _is_calibrated(peers, at, objectives):
            return (
                f"curve rule at step {trial.reports[-1][0]} ({at:.0%}): the chance of beating trial {rival.number} "
                f"({_shown(objectives, _ends(trial, objectives), _ends(rival, objectives))}) is {chance:.3f}, "
                f"below {HOPELESS:g}"
            )
    return None


STOPPING: dict[str, Rule] = {"median": median_rule, "curve": curve_rule}
"""Name to rule."""


def stopping_rule(rule: str | Rule | None) -> Rule | None:
    """Return the rule of this name; a rule of your own as it is.

    Raises:
        ConfigError: no rule has this name.
    """
    if rule is None or callable(rule):
        return rule
    if rule not in STOPPING:
        raise ConfigError(f"there is no stopping rule {rule!r}", hint=did_you_mean(str(rule), STOPPING))
    return STOPPING[rule]


def rule_name(rule: Rule) -> str:
    """What the manifest calls a rule."""
    known = next((name for name, one in STOPPING.items() if one is rule), None)
    return known or f"{rule.__module__}.{getattr(rule, '__qualname__', type(rule).__qualname__)}"


def judged(study: Study, trial: Trial, report: Report, *, seen: int | None = None) -> tuple[Trial | None, str | None]:
    """What one more report of a running trial means; nothing is written.

    Args:
        trial: with its earlier reports.
        seen: only so many of the trials that have ended are compared with.

    Returns:
        The trial with this report, and why it should stop, or None. No trial where this step was reported before: the
        verdict of then holds.
    """
    stop, (step, measurements) = study.state.stops.get(trial.number), report
    if step in {earlier for earlier, _ in trial.reports}:
        return None, stop[1] if stop is not None and stop[0] <= step else None
    told = with_known(measurements, trial.architecture, study.objectives, study.setting.facts)
    trial = dataclasses.replace(trial, reports=(*trial.reports, (step, told)))
    if study.stopping is None or not is_stoppable(trial):
        return trial, None
    ended = [study.state.trials[number] for number in study.state.ended[:seen]]
    return trial, study.stopping(trial, peers_of(trial, ended), study.objectives)


def is_stoppable(trial: Trial) -> bool:
    """Whether a trial may be stopped at all: a first evaluation of the search."""
    return trial.phase == "search" and trial.proposal.replicate == 0 and trial.reused is None


def peers_of(trial: Trial, ended: Sequence[Trial]) -> list[Trial]:
    """The trials that one is compared with, in order of their ends: complete, reported, of the same fidelity."""
    wanted = trial.proposal.fidelity
    return [
        other
        for other in ended
        if other.is_complete and other.reports and is_stoppable(other) and other.proposal.fidelity == wanted
    ]


def with_known(
    measurements: Mapping[str, float], architecture: Architecture, objectives: Sequence[Objective], facts: Facts | None
) -> dict[str, float]:
    """A report with those objectives that are known without training: only they let several objectives be compared."""
    missing = frozenset(o.name for o in objectives if o.name not in measurements)
    known = facts(architecture, missing) if facts is not None and missing and len(objectives) > 1 else {}
    return {**measurements, **{name: known[name] for name in sorted(missing & set(known))}}


# ---- curves


def _progress(trial: Trial, step: int, measured: Mapping[str, float], last: float) -> float:
    told = measured.get("progress")
    fidelity = trial.proposal.fidelity
    whole = last if fidelity.epochs is None or fidelity.seconds is not None else fidelity.epochs
    return float(step / max(whole, 1) if told is None else told)


def _last_step(peers: Sequence[Trial]) -> float:
    """Steps of a whole training, where neither reports nor fidelity tell: those of the longest complete one."""
    return max((float(peer.reports[-1][0]) for peer in peers), default=1.0)


def _progress_now(trial: Trial, peers: Sequence[Trial]) -> float:
    if not trial.reports or not peers:
        return 0.0
    return _progress(trial, *trial.reports[-1], _last_step(peers))


def _best(trial: Trial, objectives: Sequence[Objective]) -> list[float] | None:
    """The smallest loss so far of each objective; None where one was never reported."""
    columns = [[o.loss(told[o.name]) for _, told in trial.reports if o.name in told] for o in objectives]
    return [min(column) for column in columns] if all(columns) else None


def _running_average(
    peer: Trial, at: float, peers: Sequence[Trial], objectives: Sequence[Objective]
) -> list[float] | None:
    """Mean loss of each objective over the reports up to a progress; what was not reported, as it was measured."""
    last = _last_step(peers)
    told = [measured for step, measured in peer.reports if _progress(peer, step, measured, last) <= at + 1e-9]
    means = []
    for objective in objectives:
        values = [measured[objective.name] for measured in told if objective.name in measured]
        if not values and objective.name in peer.measurements and told:
            values = [peer.measurements[objective.name]]
        if not values:
            return None
        means.append(objective.loss(statistics.fmean(values)))
    return means


# ---- extrapolation


def _front(peers: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """Complete trials that none dominates, by what they were measured at; with one objective the incumbent."""
    losses = [[o.loss(peer.measurements[o.name]) for o in objectives] for peer in peers]
    kept = [
        (row, peer)
        for row, peer in zip(losses, peers, strict=True)
        if not any(dominates(other, row) for other in losses)
    ]
    return [peer for _, peer in sorted(kept, key=lambda pair: (pair[0], pair[1].number))]


def _chance(
    trial: Trial, rival: Trial, at: float, peers: Sequence[Trial], objectives: Sequence[Objective]
) -> float | None:
    """The largest chance, over the objectives, that a trial will end better than a rival; None where one is unknown."""
    chances = []
    last, ends = _last_step(peers), _ends(rival, objectives)
    for place, objective in enumerate(objectives):
        curve = [
            (_progress(trial, step, told, last), -objective.loss(told[objective.name]))
            for step, told in trial.reports
            if objective.name in told
        ]
        curve = [(progress, value) for progress, value in curve if progress <= at + 1e-9]
        if not curve:
            return None
        incumbent = -ends[place]
        if len({value for _, value in curve}) == 1 and objective.name not in rival.reports[-1][1]:
            chances.append(float(curve[-1][1] > incumbent))  # known without training: it will not move
        else:
            chances.append(_beats(tuple(curve), incumbent, derive(trial.seed, "stopping", objective.name)))
    return max(chances)


@functools.lru_cache(maxsize=4096)
def _beats(curve: tuple[tuple[float, float], ...], incumbent: float, seed: int) -> float:
    """`probability_of_beating` with the progress as percent; remembered, since every verdict asks it of the peers."""
    return probability_of_beating([(100.0 * at, value) for at, value in curve], 100.0, incumbent, seed=seed)


def _ends(trial: Trial, objectives: Sequence[Objective]) -> list[float]:
    """The loss that was reported last of each objective; of one that was not reported, the measured one."""
    ends = []
    for objective in objectives:
        told = [measured[objective.name] for _, measured in trial.reports if objective.name in measured]
        ends.append(objective.loss(told[-1] if told else trial.measurements[objective.name]))
    return ends


def _is_calibrated(peers: Sequence[Trial], at: float, objectives: Sequence[Objective]) -> bool:
    """Whether the ends of the latest complete trials were within reach of what is extrapolated from so far."""
    latest = peers[-CALIBRATING:]
    refuted = 0
    for peer in latest:
        chance = _chance(peer, peer, at, peers, objectives)
        refuted += chance is not None and chance < HOPELESS
    return refuted <= 0.1 * len(latest)


def _shown(objectives: Sequence[Objective], own: Sequence[float], other: Sequence[float]) -> str:
    pairs = [
        f"{objective.name} {objective.loss(first):.4g} against {objective.loss(second):.4g}"
        for objective, first, second in zip(objectives, own, other, strict=True)
    ]
    return ", ".join(pairs)
