"""Rules: a regression tree of depth three at most, read aloud, with what each rule is worth on rows it was not made of.

A tree (`growing`) asks of one decision at a time whether it takes one of some levels; a decision that is not there lies
below all its numbers. Every leaf is a rule: the conditions on one decision along its branch are merged into one.

The mean of a leaf is too extreme, since splits were chosen to part the rows that happen to be good from those that
happen to be bad (Athey and Imbens 2016, "Recursive partitioning for heterogeneous causal effects"). The mean and the
number of rows stay those of the data, so that a rule is true of it, but its interval is honest: the tree is grown
again on halves of the rows, and by how much its leaves miss the means of the other halves, beyond what the scatter of
the rows explains, is by how much intervals are widened (`Rules.widening`). The scatter within a leaf is drawn a little
towards that within all leaves, since a few rows may happen to lie close together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import Evidence
from searchitect.explain.searches.growing import GrownTree, foreseen, grow, widening
from searchitect.explain.searches.phrases import phrase
from searchitect.explain.searches.sufficient import check_sufficient
from searchitect.explain.wording import Words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["DEEPEST", "FEWEST_ROWS", "Branch", "Condition", "Rule", "Rules", "rules"]

FEWEST_ROWS, DEEPEST = 20, 3

SMALL_LEAF, SAFE_LEAF, ENOUGH_ROWS, ROWS_PER_RULE = 2, 5, 150, 200
"""Fewest rows that make a rule: two are the fewest that have a scatter, and more would hide the bad corners of a space.
Where there are fewer rows than `ENOUGH_ROWS` in all it takes five, since two are then too often alike by chance: leaves
of five foresaw more on draws of 30 to 120 rows, leaves of two as much or more on draws of 200. Of many rows one in
`ROWS_PER_RULE`."""

PRIOR_ROWS = 4
"""How many rows the scatter within all leaves counts for in that of one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One decision takes one of some levels.

    Attributes:
        factor: name of the decision.
        column: its place among the factors.
        codes: the levels that are allowed.
        text: the same in words.
    """

    factor: str
    column: int
    codes: tuple[int, ...]
    text: str

    def holds(self, codes: Codes) -> Flags:
        """Which rows of an (n, d) table keep the condition."""
        import numpy as np

        return np.isin(codes[:, self.column], self.codes)


@dataclass(frozen=True, slots=True)
class Rule:
    """One leaf: where all conditions hold, the objective is `mean`.

    Attributes:
        mean: of the rows at hand.
        half: half of the 95 % interval of the mean over all architectures that keep the rule.
        count: rows at hand.
        numbers: of the trials that keep it, at most ten, the best first.
    """

    conditions: tuple[Condition, ...]
    mean: float
    half: float
    count: int
    numbers: tuple[int, ...]
    digits: int = 3

    @property
    def text(self) -> str:
        """The sentence: "depth ≥ 3 and kernel = 5: 0.981 ± 0.002, 41 trials"."""
        said = " and ".join(condition.text for condition in self.conditions) or "any architecture"
        trials = f"{self.count:,} trial{'s' if self.count != 1 else ''}"
        return f"{said}: {self.mean:.{self.digits}f} ± {self.half:.{self.digits}f}, {trials}"

    def holds(self, codes: Codes) -> Flags:
        """Which rows of an (n, d) table keep the rule."""
        import numpy as np

        kept = np.ones(len(codes), dtype=bool)
        for condition in self.conditions:
            kept &= condition.holds(codes)
        return kept

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "conditions": [{"decision": c.factor, "text": c.text, "codes": list(c.codes)} for c in self.conditions],
            "mean": self.mean,
            "half": self.half,
            "count": self.count,
            "trials": list(self.numbers),
        }


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the tree.

    Attributes:
        condition: asked here; None at a leaf.
        mean, count: of the rows that arrive here.
        rule: place of a leaf among the rules; None elsewhere.
        yes, no: where a row goes that keeps the condition, and where others go.
    """

    condition: str | None
    mean: float
    count: int
    rule: int | None = None
    yes: Branch | None = None
    no: Branch | None = None

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"mean": self.mean, "count": self.count}
        if self.yes is None or self.no is None:
            return told | {"rule": self.rule}
        return told | {"condition": self.condition, "yes": self.yes.to_json(), "no": self.no.to_json()}


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a tree, the best first; every row keeps exactly one.

    Attributes:
        fidelity: R² of the tree on the rows it was grown on: what share of the differences the rules tell.
        fidelity_held_out: R² on rows that had not been seen, by ten-fold cross-validation; can be negative.
        widening: factor on the intervals for what choosing the splits made of chance, 1 or more: of the best and the
            worst rule, and of the others.
        leaf: fewest rows that could make a rule.
    """

    objective: str
    direction: str
    rules: tuple[Rule, ...]
    tree: Branch
    fidelity: float
    fidelity_held_out: float
    widening: tuple[float, float]
    count: int
    leaf: int

    @property
    def text(self) -> str:
        """What the rules are worth, in one sentence."""
        known, foreseen = (100 * max(share, 0.0) for share in (self.fidelity, self.fidelity_held_out))
        return (
            f"{len(self.rules)} rules tell {known:.0f} % of the differences in {self.objective} between "
            f"{self.count:,} trials, {foreseen:.0f} % on trials they were not made of"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "objective": self.objective,
            "direction": self.direction,
            "text": self.text,
            "fidelity": self.fidelity,
            "fidelity_held_out": self.fidelity_held_out,
            "widening": list(self.widening),
            "count": self.count,
            "leaf": self.leaf,
            "rules": [rule.to_json() for rule in self.rules],
            "tree": self.tree.to_json(),
        }


def rules(
    evidence: Evidence, *, depth: int = DEEPEST, leaf: int | None = None, seed: int = 0, say: Words | None = None
) -> Rules:
    """Grow a tree on all rows and read its leaves.

    Args:
        depth: of the tree, 1 to 3.
        leaf: fewest rows that make a rule; by default 2, or one in 200 of the rows where that is more; 5 of few rows
            that are not all.
        seed: of the halves that the intervals rest on.
        say: texts of a language; English by default.

    Raises:
        ConfigError: fewer than `FEWEST_ROWS` rows, a constant objective, or a depth that cannot be read aloud.
    """
    if not 1 <= depth <= DEEPEST:
        raise ConfigError(f"a tree that people read has depth 1 to {DEEPEST}, got {depth}")
    check_sufficient(evidence, FEWEST_ROWS, "rules", of_members=True)
    fewest = leaf if leaf is not None else _fewest(evidence)
    codes, targets, factors = evidence.codes, evidence.targets, evidence.factors

    def grown(rows: Codes, values: Vector) -> GrownTree:
        return grow(factors, rows, values, depth=depth, leaf=min(fewest, len(values) // 2), seed=seed)

    tree = grown(codes, targets)
    wider = widening(grown, codes, targets, seed)
    leaves, arrived = tree.leaves(), tree.apply(codes)
    missed = float(((targets - tree.predict(codes)) ** 2).sum())
    scatter = missed / max(1, len(targets) - len(leaves))
    order = sorted(leaves, key=lambda node: (evidence.objective.loss(tree.mean(node)), node))
    ends = {order[0], order[-1]}
    made = [_rule(evidence, leaves[n], arrived == n, wider[n not in ends], scatter, say) for n in order]
    places = {node: place for place, node in enumerate(order)}
    spread = float(((targets - targets.mean()) ** 2).sum())
    return Rules(
        evidence.objective.name,
        evidence.objective.direction,
        tuple(made),
        _branch(tree, 0, places, say),
        1 - missed / spread,
        1 - foreseen(grown, codes, targets, seed) / spread,
        wider,
        len(evidence),
        fewest,
    )


def _fewest(evidence: Evidence) -> int:
    few = len(evidence) < ENOUGH_ROWS and not evidence.is_whole  # of all architectures none is alike by chance
    return SAFE_LEAF if few else max(SMALL_LEAF, len(evidence) // ROWS_PER_RULE)


def _branch(tree: GrownTree, node: int, places: dict[int, int], say: Words | None) -> Branch:
    mean, count, children = tree.mean(node), int(tree.tree.n_node_samples[node]), tree.children(node)
    if children is None:
        return Branch(None, mean, count, places[node])
    place, kept = tree.condition(node)
    yes, no = (_branch(tree, child, places, say) for child in children)
    return Branch(phrase(tree.factors[place], kept, say), mean, count, None, yes, no)


def _rule(
    evidence: Evidence,
    path: dict[int, frozenset[int]],
    kept: Flags,
    wider: float,
    scatter: float,
    say: Words | None,
) -> Rule:
    import numpy as np
    from scipy.stats import t

    values, numbers = evidence.targets[kept], evidence.numbers[kept]
    conditions = []
    for place in sorted(path):
        factor, codes = evidence.factors[place], tuple(sorted(path[place]))
        conditions.append(Condition(factor.name, place, codes, phrase(factor, codes, say)))
    sign = 1.0 if evidence.objective.direction == "minimize" else -1.0
    best = np.argsort(sign * values, kind="stable")[:10]
    freedom = len(values) - 1 + PRIOR_ROWS
    variance = (float(((values - values.mean()) ** 2).sum()) + PRIOR_ROWS * scatter) / freedom
    return Rule(
        tuple(conditions),
        float(values.mean()),
        wider * float(t.ppf(0.975, freedom)) * (variance / len(values)) ** 0.5,
        len(values),
        tuple(int(n) for n in numbers[best]),
        _digits(evidence.targets),
    )


def _digits(targets: Vector) -> int:
    """Digits after the point that tell the error of a leaf's mean to two places, at most 6; of eight leaves one."""
    import math

    error = float(targets.std()) / max(1.0, len(targets) / 8) ** 0.5
    return min(6, max(0, 1 - math.floor(math.log10(error)))) if error > 0 else 3
