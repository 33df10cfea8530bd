"""Rules: a regression tree of depth three at most, read aloud, with what each rule is worth on rows it was not made of.

A tree is grown by scikit-learn (CART, Breiman et al. 1984) on one column per ordered decision and one per level of the
others; a decision that is not there lies below all its numbers and has a column of its own. Every leaf is a rule: the
conditions on one decision along its branch are merged into one.

The mean of a leaf is too extreme, since splits were chosen to part the rows that happen to be good from those that
happen to be bad (Athey and Imbens 2016, "Recursive partitioning for heterogeneous causal effects"). The mean and the
number of rows stay those of the data, so that a rule is true of it, but its interval is honest: the tree is grown
again on halves of the rows, and by how much its leaves miss the means of the other halves, beyond what the scatter of
the rows explains, is by how much intervals are widened (`Rules.widening`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import Evidence, Factor
from searchitect.explain.searches.phrases import phrase
from searchitect.explain.searches.sufficient import check_sufficient
from searchitect.explain.wording import Words
from searchitect.seeding import derive, stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["DEEPEST", "FEWEST_ROWS", "Branch", "Condition", "Rule", "Rules", "rules"]

FEWEST_ROWS, DEEPEST = 20, 3

HALVINGS = 20
"""How often the rows are parted in two halves: forty trees, each judged by the rows that it has not seen."""

FOLDS = 10


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
    """

    objective: str
    direction: str
    rules: tuple[Rule, ...]
    tree: Branch
    fidelity: float
    fidelity_held_out: float
    widening: tuple[float, float]
    count: int

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
            "rules": [rule.to_json() for rule in self.rules],
            "tree": self.tree.to_json(),
        }


@dataclass(frozen=True)
class _Columns:
    """What the tree sees: per column the factor it is made of and the number that stands for each of its codes."""

    factors: tuple[Factor, ...]
    made_of: tuple[int, ...]
    numbers: tuple[tuple[float, ...], ...]

    def features(self, codes: Codes) -> Matrix:
        import numpy as np

        pairs = zip(self.made_of, self.numbers, strict=True)
        return np.stack([np.array(number)[codes[:, place]] for place, number in pairs], axis=1)


def rules(
    evidence: Evidence, *, depth: int = DEEPEST, leaf: int | None = None, seed: int = 0, say: Words | None = None
) -> Rules:
    """Grow a tree on all rows and read its leaves.

    Args:
        depth: of the tree, 1 to 3.
        leaf: fewest rows that make a rule; by default 5, and 2 % of the rows where that is more.
        seed: of the halves that the intervals rest on.
        say: texts of a language; English by default.

    Raises:
        ConfigError: fewer than `FEWEST_ROWS` rows, a constant objective, or a depth that cannot be read aloud.
    """
    if not 1 <= depth <= DEEPEST:
        raise ConfigError(f"a tree that people read has depth 1 to {DEEPEST}, got {depth}")
    check_sufficient(evidence, FEWEST_ROWS, "rules")
    fewest = leaf if leaf is not None else max(5, len(evidence) // 50)
    columns = _laid_out(evidence.factors)
    features, targets = columns.features(evidence.codes), evidence.targets
    tree = _grown(features, targets, depth, fewest, seed)
    widening = _widening(features, targets, depth, fewest, seed)
    leaves, arrived = _leaves(tree.tree_, columns), tree.apply(features)
    order = sorted(leaves, key=lambda node: (evidence.objective.loss(float(tree.tree_.value[node].ravel()[0])), node))
    ends = {order[0], order[-1]}
    made = [_rule(evidence, leaves[node], arrived == node, widening[node not in ends], say) for node in order]
    places = {node: place for place, node in enumerate(order)}
    spread = float(((targets - targets.mean()) ** 2).sum())
    return Rules(
        evidence.objective.name,
        evidence.objective.direction,
        tuple(made),
        _branch(tree.tree_, columns, 0, places, say),
        1 - float(((targets - tree.predict(features)) ** 2).sum()) / spread,
        1 - _foreseen(features, targets, depth, fewest, seed) / spread,
        widening,
        len(evidence),
    )


def _laid_out(factors: tuple[Factor, ...]) -> _Columns:
    made_of: list[int] = []
    numbers: list[tuple[float, ...]] = []
    for place, factor in enumerate(factors):
        codes = range(len(factor.levels))
        if factor.ordered:
            made_of.append(place)
            numbers.append(tuple(-1.0 if code == factor.inactive else float(code) for code in codes))
        alone = [factor.inactive] if factor.ordered else list(codes)[len(codes) == 2 :]  # of two levels one says all
        for level in alone:
            if level is not None:
                made_of.append(place)
                numbers.append(tuple(float(code == level) for code in codes))
    return _Columns(factors, tuple(made_of), tuple(numbers))


def _grown(features: Matrix, targets: Vector, depth: int, fewest: int, seed: int) -> Any:
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=fewest, random_state=derive(seed, "rules") % 2**32)
    return tree.fit(features, targets)


def _foreseen(features: Matrix, targets: Vector, depth: int, fewest: int, seed: int) -> float:
    """The squared error of all rows by trees grown on the other nine tenths of them."""
    import numpy as np

    rows = list(range(len(targets)))
    stream(seed, "tenths").shuffle(rows)
    total = 0.0
    for fold in range(FOLDS):
        out = rows[fold::FOLDS]
        inside = np.setdiff1d(np.arange(len(rows)), out)
        tree = _grown(features[inside], targets[inside], depth, fewest, seed)
        total += float(((targets[out] - tree.predict(features[out])) ** 2).sum())
    return total


def _widening(features: Matrix, targets: Vector, depth: int, fewest: int, seed: int) -> tuple[float, float]:
    """How much wider intervals must be than the scatter of rows says: at the best and worst leaf, and elsewhere.

    Of a leaf with mean a over n rows seen and mean b over m rows unseen, (a − b)² is s²/n + s²/m on average if the leaf
    was not chosen; where it was, the first term grows by the square of the widening.
    """
    import numpy as np

    rows = list(range(len(targets)))
    missed: tuple[list[float], list[float]] = [], []
    share: tuple[list[float], list[float]] = [], []
    for turn in range(HALVINGS):
        stream(seed, "halves", turn).shuffle(rows)
        for inside, outside in ((rows[::2], rows[1::2]), (rows[1::2], rows[::2])):
            tree = _grown(features[inside], targets[inside], depth, min(fewest, len(inside) // 2), seed)
            homes = tree.apply(features[inside]), tree.apply(features[outside])
            means = {int(node): float(tree.tree_.value[node].ravel()[0]) for node in np.unique(homes[0])}
            order = sorted(means, key=means.__getitem__)
            for node in order:
                inner = int(node not in (order[0], order[-1]))
                seen, unseen = targets[inside][homes[0] == node], targets[outside][homes[1] == node]
                _compare(seen, unseen, missed[inner], share[inner])
    # E[(a − b)² / (s²/n + s²/m)] = 1 + (widening² − 1)·share, with share = (s²/n) / (s²/n + s²/m).
    found = [
        float(np.sqrt(1 + max(0.0, (float(np.sum(m)) - len(m)) / float(np.sum(s))))) if s else 1.0
        for m, s in zip(missed, share, strict=True)
    ]
    return max(found), found[1]


def _compare(seen: Vector, unseen: Vector, missed: list[float], share: list[float]) -> None:
    """Note by how much a leaf's mean misses that of unseen rows, in units of what scatter explains."""
    if len(seen) < 2 or len(unseen) < 2:
        return
    squares = float(((seen - seen.mean()) ** 2).sum() + ((unseen - unseen.mean()) ** 2).sum())
    variance = squares / (len(seen) + len(unseen) - 2)
    if variance <= 0.0:
        return
    parts = variance / len(seen), variance / len(unseen)
    missed.append(float(seen.mean() - unseen.mean()) ** 2 / sum(parts))
    share.append(parts[0] / sum(parts))


def _parted(tree: Any, columns: _Columns, node: int) -> tuple[int, frozenset[int]]:
    """The factor that a node asks of, and the codes that go to the right."""
    column = int(tree.feature[node])
    numbers, threshold = columns.numbers[column], float(tree.threshold[node])
    return columns.made_of[column], frozenset(code for code, number in enumerate(numbers) if number > threshold)


def _leaves(tree: Any, columns: _Columns) -> dict[int, dict[int, frozenset[int]]]:
    """Per leaf, what its branch allows: factor to codes."""
    found: dict[int, dict[int, frozenset[int]]] = {}
    waiting: list[tuple[int, dict[int, frozenset[int]]]] = [(0, {})]
    while waiting:
        node, allowed = waiting.pop()
        if tree.children_left[node] < 0:
            found[node] = allowed
            continue
        place, right = _parted(tree, columns, node)
        known = allowed.get(place, frozenset(range(len(columns.factors[place].levels))))
        waiting.append((int(tree.children_left[node]), {**allowed, place: known - right}))
        waiting.append((int(tree.children_right[node]), {**allowed, place: known & right}))
    return found


def _branch(tree: Any, columns: _Columns, node: int, places: dict[int, int], say: Words | None) -> Branch:
    mean, count = float(tree.value[node].ravel()[0]), int(tree.n_node_samples[node])
    if tree.children_left[node] < 0:
        return Branch(None, mean, count, places[node])
    place, right = _parted(tree, columns, node)
    yes, no = int(tree.children_right[node]), int(tree.children_left[node])
    return Branch(
        phrase(columns.factors[place], right, say),
        mean,
        count,
        None,
        _branch(tree, columns, yes, places, say),
        _branch(tree, columns, no, places, say),
    )


def _rule(evidence: Evidence, path: dict[int, frozenset[int]], kept: Flags, widening: float, say: Words | None) -> Rule:
    import numpy as np
    from scipy.stats import t

    values, numbers = evidence.targets[kept], evidence.numbers[kept]
    conditions = []
    for place in sorted(path):
        factor, codes = evidence.factors[place], tuple(sorted(path[place]))
        conditions.append(Condition(factor.name, place, codes, phrase(factor, codes, say)))
    sign = 1.0 if evidence.objective.direction == "minimize" else -1.0
    best = np.argsort(sign * values, kind="stable")[:10]
    error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    half = widening * error * float(t.ppf(0.975, max(1, len(values) - 1)))
    return Rule(
        tuple(conditions),
        float(values.mean()),
        half,
        len(values),
        tuple(int(n) for n in numbers[best]),
        _digits(evidence.targets),
    )


def _digits(targets: Vector) -> int:
    """Digits after the point that tell the targets' standard deviation to two places, at most 6."""
    import math

    spread = float(targets.std())
    return min(6, max(0, 1 - math.floor(math.log10(spread)))) if spread > 0 else 3
