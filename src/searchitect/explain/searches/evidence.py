"""`Evidence`: what is known of a space, as a table: a row per trial, a column per decision, a target.

Everything in this room reads this table and nothing else, so that a study, a published table or two plain arrays
are explained alike. Columns hold codes, not values: a decision becomes one `Factor` of a few levels.

- an option, a truth value or a small number of whole numbers: a level each, numbers in ascending order;
- numbers with more than `MAX_LEVELS` different values: at most `BINS` levels of about equally many rows;
- a subset: one factor per element, "out" or "in";
- a decision that is not active in some rows gets one more level, the last: `INACTIVE`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.explain.searches.members import described_members, members_of
from searchitect.explain.wording import UnexplainedError
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.trial import Fidelity, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.result import Result

    Vector = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["BINS", "DRAWS", "INACTIVE", "MAX_LEVELS", "Evidence", "Factor", "evidence_of", "figures", "study_evidence"]

INACTIVE = "(not there)"
"""Label of the level of rows in which a decision is not active."""

MAX_LEVELS, BINS = 8, 6

DRAWS = 4_000
"""Architectures drawn from a space to learn how likely each level is."""

NEARLY_ALL = 0.9
"""Share of the architectures of a space that counts as all of them."""

MEMBER = "∋"
"""Between the path of a subset and one of its elements: "inputs∋2"."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One decision as a column of codes.

    Attributes:
        name: path of the decision; `path∋element` for an element of a subset.
        levels: what each code stands for, in words a person reads; `INACTIVE` last, where it occurs.
        shares: how likely each level is in an architecture that is drawn at random; they sum to 1.
        ordered: whether levels (but `INACTIVE`) are numbers in ascending order, so that "≥" has a meaning.
        values: the option of each level; None for `INACTIVE` and for a range of numbers.
        edges: where numbers are parted into ranges: level i holds edges[i-1] ≤ v < edges[i]; else empty.
    """

    name: str
    levels: tuple[str, ...]
    shares: tuple[float, ...]
    ordered: bool = False
    values: tuple[Any, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def inactive(self) -> int | None:
        """The code of `INACTIVE`, None where the decision is always active."""
        return len(self.levels) - 1 if self.levels and self.levels[-1] == INACTIVE else None

    def code(self, architecture: Architecture) -> int:
        """The code of an architecture in this column.

        Raises:
            ConfigError: the architecture holds a value that no row had.
        """
        path, _, element = self.name.partition(MEMBER)
        decisions = architecture.decisions
        if path not in decisions:
            if self.inactive is not None:
                return self.inactive
        elif element:
            return int(element in map(str, decisions[path]))  # type: ignore[arg-type]
        elif self.edges:
            return bisect_right(self.edges, decisions[path])  # type: ignore[type-var]
        elif decisions[path] in self.values:
            return self.values.index(decisions[path])
        value = repr(decisions.get(path, INACTIVE))
        raise UnexplainedError(
            "unknown_option", decision=self.name, value=value, hint=f"known: {', '.join(self.levels)}"
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """Rows of codes with a target each.

    Attributes:
        factors: the d columns: only decisions that differ between rows.
        codes: (n, d) codes, `0 <= codes[:, j] < len(factors[j].levels)`.
        targets: (n,) values of the objective, in its own unit, all finite.
        objective: name and direction of the target.
        uniform: (n,) whether a row was drawn at random from the space, free of a searcher's preference.
        numbers: (n,) what a row is called: the trial's number.
        members: how many architectures there are to try; None where that is not known or many.
    """

    factors: tuple[Factor, ...]
    codes: Codes
    targets: Vector
    objective: Objective
    uniform: Flags
    numbers: Codes
    members: int | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def tried(self) -> int:
        """How many rows differ."""
        import numpy as np

        return len(np.unique(self.codes, axis=0)) if self.codes.size else min(1, len(self))

    @property
    def is_whole(self) -> bool:
        """Whether these are all architectures that there are, or nearly all."""
        return self.members is not None and self.tried >= NEARLY_ALL * self.members

    def rows(self, chosen: Flags | Codes) -> Evidence:
        """Only some rows; the factors stay as they are."""
        return Evidence(
            self.factors,
            self.codes[chosen],
            self.targets[chosen],
            self.objective,
            self.uniform[chosen],
            self.numbers[chosen],
            self.members,
        )


def evidence_of(
    architectures: Sequence[Architecture],
    targets: Sequence[float],
    objective: Objective,
    *,
    space: SearchSpace | None = None,
    uniform: Sequence[bool] | None = None,
    numbers: Sequence[int] | None = None,
    members: int | None = None,
) -> Evidence:
    """Make the table of n architectures and their n targets.

    Args:
        space: tells all options of a decision and how likely each is; without it levels are those that occur, and
            their shares those among uniform rows where there are at least thirty, otherwise all alike.
        uniform: which rows were drawn at random; by default none.
        members: how many architectures there are; by default what the space says.

    Raises:
        ConfigError: the lengths differ, or a target is not finite.
    """
    import numpy as np

    values = np.asarray(targets, dtype=np.float64)
    marked = np.zeros(len(values), dtype=bool) if uniform is None else np.asarray(uniform, dtype=bool)
    called = np.arange(len(values)) if numbers is None else np.asarray(numbers, dtype=np.int64)
    if not len(architectures) == len(values) == len(marked) == len(called):
        raise ConfigError(f"expected one target per architecture, got {len(architectures)} and {len(values)}")
    if not np.isfinite(values).all():
        raise ConfigError("expected finite targets", hint="leave failed trials out")
    drawn = _drawn(space)
    reference = drawn or [a for a, free in zip(architectures, marked, strict=True) if free]
    factors = _factors(architectures, reference if len(reference) >= 30 else (), space)
    codes = np.array([[f.code(a) for f in factors] for a in architectures], dtype=np.int64)
    counted = members if members is not None or space is None else members_of(space)
    return Evidence(factors, codes.reshape(len(values), len(factors)), values, objective, marked, called, counted)


def study_evidence(
    result: Result, objective: str | None = None, *, space: SearchSpace | None = None, phase: str | None = None
) -> Evidence:
    """The table of a study: its complete trials at full fidelity, each result once, without confirmations.

    Args:
        objective: name of an objective, by default the first; any other measurement is taken as minimised.
        space: of the study, where its class is known.
        phase: "search" or "random" alone; by default both.

    Raises:
        ConfigError: no trial tells the measurement.
    """
    full = Fidelity.from_json(result.manifest["settings"]["fidelity"])
    wanted = _objective(result, objective)
    told = [t for t in result.trials if _counts(t, full, phase) and wanted.name in figures(t)]
    if not told:
        known = sorted({name for t in result.trials for name in figures(t)})
        raise UnexplainedError(
            "no_trial",
            metric=repr(wanted.name),
            hint=f"measured were: {', '.join(known)}" if known else "all trials failed: `searchitect show` says why",
        )
    free = _is_random(result)
    described = described_members(result.manifest["space"].get("description", {})) if space is None else None
    return evidence_of(
        [t.architecture for t in told],
        [figures(t)[wanted.name] for t in told],
        wanted,
        space=space,
        uniform=[free or t.phase == "random" for t in told],
        numbers=[t.number for t in told],
        members=described,
    )


def figures(trial: Trial) -> dict[str, float]:
    """All that a trial measured, what the wall clock decided too, such as a latency that was no objective."""
    timed = {name: value for name, value in trial.clock.items() if name not in ("elapsed", "seconds")}
    return {**trial.measurements, **timed}


def _is_random(result: Result) -> bool:
    return (result.manifest.get("strategy") or {}).get("name") == "random"


def _counts(trial: Trial, full: Fidelity, phase: str | None) -> bool:
    chosen = trial.phase in ("search", "random") if phase is None else trial.phase == phase
    return chosen and trial.is_complete and trial.reused is None and trial.proposal.fidelity == full


def _objective(result: Result, name: str | None) -> Objective:
    if name is None:
        return result.objectives[0]
    return next((o for o in result.objectives if o.name == name), Objective(name, "minimize"))


def _drawn(space: SearchSpace | None) -> list[Architecture]:
    if space is None:
        return []
    rng = stream(0, "explain shares", 0)
    return [space.sample(rng) for _ in range(DRAWS)]


def _factors(
    architectures: Sequence[Architecture], reference: Sequence[Architecture], space: SearchSpace | None
) -> tuple[Factor, ...]:
    """A factor per decision that differs between the rows, in the order of the space."""
    everywhere = [*architectures, *reference]
    seen: dict[str, list[Any]] = {}
    for architecture in everywhere:
        for path, value in architecture.decisions.items():
            seen.setdefault(path, []).append(value)
    order = [d.path for d in space.decisions() if d.path in seen] if space is not None else list(seen)
    made = []
    for path in order:
        absent = len(seen[path]) < len(everywhere)
        for factor in _columns(path, seen[path], absent):
            if len({factor.code(a) for a in architectures}) > 1:
                made.append(_with_shares(factor, reference))
    return tuple(made)


def _columns(path: str, values: Sequence[Any], absent: bool) -> Iterable[Factor]:
    """The factors of one decision, shares still to come."""
    if any(isinstance(value, tuple) for value in values) and all(isinstance(value, tuple) for value in values):
        yield from _elements(path, values, absent)
        return
    distinct = list(dict.fromkeys(values))
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in distinct)
    if numeric and len(distinct) > MAX_LEVELS:
        yield _binned(path, sorted(values), absent)
        return
    distinct = sorted(distinct) if numeric else sorted(distinct, key=str)
    labels = [_label(value) for value in distinct]
    yield Factor(path, _ended(labels, absent), (), numeric, (*distinct, *((None,) if absent else ())))


def _elements(path: str, values: Sequence[tuple[Any, ...]], absent: bool) -> Iterable[Factor]:
    for element in sorted({str(item) for value in values for item in value}):
        yield Factor(f"{path}{MEMBER}{element}", _ended(["out", "in"], absent), (), False, (False, True))


def _binned(path: str, ascending: Sequence[float], absent: bool) -> Factor:
    edges = tuple(sorted({ascending[len(ascending) * part // BINS] for part in range(1, BINS)} - {ascending[0]}))
    bounds = [ascending[0], *edges, ascending[-1]]
    labels = [f"{low:.3g} … {high:.3g}" for low, high in pairwise(bounds)]
    return Factor(path, _ended(labels, absent), (), True, (), edges)


def _ended(labels: Sequence[str], absent: bool) -> tuple[str, ...]:
    return (*labels, INACTIVE) if absent else tuple(labels)


def _label(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _with_shares(factor: Factor, reference: Sequence[Architecture]) -> Factor:
    count = len(factor.levels)
    shares: tuple[float, ...] = (1 / count,) * count
    if reference:
        totals = [0.5] * count  # a level that was never drawn still has a place
        for architecture in reference:
            totals[factor.code(architecture)] += 1
        shares = tuple(total / sum(totals) for total in totals)
    return Factor(factor.name, factor.levels, shares, factor.ordered, factor.values, factor.edges)
