"""Put the explanations of a search together: each part alone, so that one that cannot be given takes no other along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from searchitect.errors import ConfigError
from searchitect.explain.searches.attention import read_attention
from searchitect.explain.searches.behaviour import behaviour
from searchitect.explain.searches.counterfactuals import Counterfactual, counterfactuals, suggested_limits
from searchitect.explain.searches.evidence import Evidence, figures, study_evidence
from searchitect.explain.searches.importance import importance
from searchitect.explain.searches.incumbents import replicate_noise
from searchitect.explain.searches.motifs import motif_effects
from searchitect.explain.searches.neighbourhood import Neighbourhood, code_neighbourhood, neighbourhood
from searchitect.explain.searches.paths import AblationPath, ablation_path, measured_values
from searchitect.explain.searches.response import Response, codes_of, fit_response
from searchitect.explain.searches.rules import rules
from searchitect.explain.wording import Words, reason, words
from searchitect.objectives import Constraint
from searchitect.strategies.cell_graphs import graph_reader
from searchitect.trial import Trial

if TYPE_CHECKING:
    from searchitect.result import Result
    from searchitect.spaces.architecture import Architecture
    from searchitect.spaces.search_space import SearchSpace

__all__ = ["Gathered", "explain_evidence", "explain_motifs", "explain_winner", "winner_of"]

Part = TypeVar("Part")

COUNTED = ("latency_ms", "parameters", "flops", "peak_memory_bytes")
"""Measurements that another limit is asked of, where nobody says which: the first two that trials tell."""


@dataclass(slots=True)
class Gathered:
    """Parts by name, why others are missing, and the texts of the language in which that is said."""

    parts: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    say: Words = field(default_factory=words)

    def run(self, name: str, make: Callable[[], Part]) -> Part | None:
        """Make a part; where it cannot be made keep the reason."""
        try:
            made = make()
        except ConfigError as error:
            self.refuse(error, name)
            return None
        self.parts[name] = made
        return made

    def refuse(self, error: ConfigError, *names: str) -> None:
        """Keep the reason why some parts are missing."""
        why = reason(error, self.say)
        self.refused.update(dict.fromkeys(names, why))


def explain_evidence(evidence: Evidence, into: Gathered, seed: int = 0) -> None:
    """What a table of rows alone tells: which decisions matter, rules, what a predictor attends to."""
    found = into.run("importances", lambda: importance(evidence, seed=seed, say=into.say))
    into.run("rules", lambda: rules(evidence, seed=seed, say=into.say))
    shares = {} if found is None else {one.name: one.share for one in found.everywhere.decisions}
    into.run("attention", lambda: read_attention(evidence, shares, seed=seed))


def explain_motifs(
    architectures: Sequence[Architecture], evidence: Evidence, space: SearchSpace | None, into: Gathered
) -> None:
    """Which small patterns of operations go with good results, in spaces of cells; elsewhere nothing is missing."""
    if space is None or graph_reader(space) is None:
        return
    values = evidence.targets.tolist()
    into.run("motifs", lambda: motif_effects(architectures, values, evidence.objective, space, say=into.say))


def winner_of(result: Result, trial: int | None) -> Trial:
    """The trial that is explained: that number, or the best; of a confirmation the trial of the search it confirms.

    Raises:
        ConfigError: there is no such trial, or it has no measurements.
    """
    if trial is None:
        if result.best is None:
            raise ConfigError("no trial is complete and within the limits, so there is no winner to explain")
        trial = result.best.trial
    if not 0 <= trial < len(result.trials):
        raise ConfigError(
            f"study {result.study!r} has no trial {trial}", hint=f"it has trials 0 to {len(result.trials) - 1}"
        )
    found = result.trials[trial]
    if not found.is_complete:
        raise ConfigError(f"trial {trial} is {found.state}: {found.reason or 'it has not ended'}")
    same = (t for t in result.trials if t.is_complete and t.phase != "confirm" and t.reused is None)
    return next((t for t in same if t.architecture == found.architecture), found)


def explain_winner(
    result: Result,
    evidence: Evidence,
    winner: Trial,
    baseline: Architecture,
    into: Gathered,
    *,
    space: SearchSpace | None = None,
    limits: Sequence[Constraint] = (),
    seed: int = 0,
) -> None:
    """How the winner came about and what lies around it: path, neighbourhood, other limits."""
    into.parts["search"] = behaviour(result.trials, evidence.objective, evidence, winner=winner.number, seed=seed)
    try:
        response = fit_response(evidence, noise=replicate_noise(result.trials, evidence.objective.name))
    except ConfigError as error:
        into.refuse(error, "path", "around")
        return
    into.parts["path_trust"] = response.rank_correlation
    known = measured_values(result.trials, evidence.objective.name)
    into.run("path", lambda: _path(baseline, winner, response, space, known, seed))
    into.run("around", lambda: _around(winner, response, space, known, seed))
    into.run("otherwise", lambda: _otherwise(result, winner, response, space, limits, seed))


def _path(
    baseline: Architecture, winner: Trial, response: Response, space: SearchSpace | None, known: Any, seed: int
) -> AblationPath:
    objective = response.evidence.objective
    return ablation_path(baseline, winner.architecture, response, objective, space=space, measured=known, seed=seed)


def _around(winner: Trial, response: Response, space: SearchSpace | None, known: Any, seed: int) -> Neighbourhood:
    objective = response.evidence.objective
    if space is None:
        return code_neighbourhood(
            response.evidence, codes_of(response.evidence.factors, [winner.architecture])[0], response
        )
    return neighbourhood(winner.architecture, response, objective, space, measured=known, seed=seed)


def _otherwise(
    result: Result,
    winner: Trial,
    response: Response,
    space: SearchSpace | None,
    limits: Sequence[Constraint],
    seed: int,
) -> tuple[Counterfactual, ...]:
    """Answers to the limits that were named, or to three quarters and half of what the winner takes."""
    asked = list(limits) or _suggested(result, winner)
    found: list[Counterfactual] = []
    sides = {name: _side(result, name, space) for name in {limit.name: None for limit in asked}}
    for limit in asked:
        side = sides[limit.name]
        found += counterfactuals(
            winner, _searched(result), response.evidence.objective, limit,
            response=response, space=space if side is not None else None, side=side, seed=seed,
        )  # fmt: skip
    return tuple(found)


def _searched(result: Result) -> list[Trial]:
    return [t for t in result.trials if t.phase != "confirm" and t.reused is None]


def _suggested(result: Result, winner: Trial) -> list[Constraint]:
    first = result.objectives[0].name
    limited = [c.name for c in result.constraints if c.relation == "<="]
    wanted = [o.name for o in result.objectives[1:] if o.direction == "minimize"]
    names = [n for n in dict.fromkeys((*wanted, *limited, *COUNTED)) if n in figures(winner) and n != first]
    return [limit for name in names[:2] for limit in suggested_limits(figures(winner), _searched(result), name)]


def _side(result: Result, name: str, space: SearchSpace | None) -> Response | None:
    """A model of the limited measurement; None where it cannot be had, so that only trials are candidates."""
    try:
        return fit_response(study_evidence(result, name, space=space), noise=replicate_noise(result.trials, name))
    except ConfigError:
        return None
