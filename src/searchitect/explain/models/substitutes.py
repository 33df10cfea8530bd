"""Models that a person can read in place of a network, and how faithful they are: a small tree, an additive model.

Both learn what the network answers, not the truth (Craven and Shavlik 1996; Tan et al. 2018), on one part of the rows;
their fidelity is measured on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from searchitect.errors import ConfigError
from searchitect.explain.models.global_importance import columns_of, part_names
from searchitect.explain.models.subject import Floats, Subject
from searchitect.explain.wording import Words, words
from searchitect.seeding import derive

__all__ = ["AdditiveSubstitute", "Leaf", "TreeSubstitute", "answers_of", "distilled_additive", "distilled_tree"]

HELD_OUT = 3
"""One row in this many is held out."""

FEWEST = 12


@dataclass(frozen=True, slots=True)
class Leaf:
    """One rule of a tree.

    Attributes:
        conditions: "a ≤ 0.3" or "0.1 < a ≤ 0.3", one per column; empty where the tree asks nothing.
        answer: a class, or the mean value.
        share: mean probability of the class; None where the network gives values.
        support: rows of all that fall here.
        sentence: the rule in words.
    """

    conditions: tuple[str, ...]
    answer: str
    share: float | None
    support: int
    sentence: str

    def to_json(self) -> dict[str, Any]:
        found = {"conditions": list(self.conditions), "answer": self.answer, "support": self.support}
        return found | {"share": None if self.share is None else round(self.share, 3), "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class TreeSubstitute:
    """A tree in place of a network.

    Attributes:
        agreement: share of held-out rows with the network's class; None where it gives values.
        r2: R² of its probabilities (or values) on held-out rows.
        leaves: its rules, by support.
        held_out: how many rows the fidelity was measured on.
        sentence: the fidelity in words.
    """

    agreement: float | None
    r2: float
    leaves: tuple[Leaf, ...]
    held_out: int
    sentence: str

    def to_json(self) -> dict[str, Any]:
        rules = [leaf.to_json() for leaf in self.leaves]
        return _fidelity(self.agreement, self.r2, self.held_out, self.sentence) | {"rules": rules}


@dataclass(frozen=True, slots=True, eq=False)
class AdditiveSubstitute:
    """A sum of one curve per column in place of a network.

    Attributes:
        agreement, r2, held_out, sentence: as of a tree.
        strengths: column to the standard deviation of its term of the scores, mean over classes; strongest first.
    """

    agreement: float | None
    r2: float
    strengths: tuple[tuple[str, float], ...]
    held_out: int
    sentence: str

    def to_json(self) -> dict[str, Any]:
        found = _fidelity(self.agreement, self.r2, self.held_out, self.sentence)
        return found | {"strengths": {name: float(f"{value:.4g}") for name, value in self.strengths}}


def answers_of(
    subject: Subject, names: Sequence[str] | None = None, say: Words | None = None
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Columns (n, parts), scores (n, outputs) and names of the parts of a subject: what substitutes learn from.

    Raises:
        ConfigError: a text has no columns.
    """
    return columns_of(subject), subject.answers(subject.points).double().numpy(), part_names(subject, names, say)


def distilled_tree(
    columns: ArrayLike,
    scores: ArrayLike,
    *,
    depth: int = 3,
    classifies: bool = True,
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    say: Words | None = None,
) -> TreeSubstitute:
    """Learn a tree of the network's probabilities (or values).

    Args:
        columns: (n, features).
        scores: (n, outputs) logits of the network, or its values.
        say: texts of a language; English by default.

    Raises:
        ConfigError: fewer than twelve rows, or arrays that do not fit.
    """
    from sklearn.tree import DecisionTreeRegressor

    say = say or words()
    table, answers, train, held = _parts(columns, scores, classifies, seed)
    tree = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(table[train], answers[train])
    told = tree.predict(table[held]).reshape(len(held), -1)
    agreement, r2 = _faithful(told, answers[held], classifies)
    leaves = _leaves(tree, table, _called(names, table, say), _labels(labels, answers, say), classifies, say)
    sentence = _told(say("substitute.tree", depth=depth), agreement, r2, len(held), say)
    return TreeSubstitute(agreement, r2, leaves, len(held), sentence)


def distilled_additive(
    columns: ArrayLike,
    scores: ArrayLike,
    *,
    classifies: bool = True,
    names: Sequence[str] | None = None,
    seed: int = 0,
    say: Words | None = None,
) -> AdditiveSubstitute:
    """Learn a sum of splines, one per column, of the network's scores (Hastie and Tibshirani 1986).

    Scores of classes are centred per row first: a shift of all of them changes no probability.

    Raises:
        ConfigError: as `distilled_tree`.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import SplineTransformer

    say = say or words()
    table, answers, train, held = _parts(columns, scores, classifies, seed)
    given = np.asarray(scores, dtype=np.float64).reshape(len(table), -1)
    given = given - given.mean(1, keepdims=True) if classifies else given
    moving = np.flatnonzero(table[train].max(0) > table[train].min(0))
    if not len(moving):
        raise ConfigError("every column is constant: there is nothing to learn from")
    splines = SplineTransformer(n_knots=5, degree=3, extrapolation="constant", include_bias=False)
    basis = splines.fit(table[train][:, moving]).transform(table[:, moving])
    ridge = RidgeCV(alphas=np.logspace(-3, 3, 7)).fit(basis[train], given[train])
    told = ridge.predict(basis[held]).reshape(len(held), -1)
    agreement, r2 = _faithful(_probabilities(told) if classifies else told, answers[held], classifies)
    weights = ridge.coef_.reshape(given.shape[1], len(moving), -1)
    terms = np.einsum("nfb,kfb->nfk", basis.reshape(len(table), len(moving), -1), weights)
    called = _called(names, table, say)
    strong = sorted(((called[f], float(terms[:, i].std(0).mean())) for i, f in enumerate(moving)), key=lambda s: -s[1])
    sentence = _told(say("substitute.additive"), agreement, r2, len(held), say)
    return AdditiveSubstitute(agreement, r2, tuple(strong), len(held), sentence)


def _parts(columns: ArrayLike, scores: ArrayLike, classifies: bool, seed: int) -> tuple[Any, ...]:
    table = np.asarray(columns, dtype=np.float64)
    given = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) != len(given) or len(table) < FEWEST:
        raise ConfigError(
            f"a substitute learns from at least {FEWEST} rows of columns with as many scores, got {table.shape} and "
            f"{given.shape}",
            hint="give more inputs: those of the validation split",
        )
    given = given.reshape(len(given), -1)
    answers = _probabilities(given) if classifies else given
    order = np.random.default_rng(derive(seed, "substitute")).permutation(len(table))
    count = len(table) // HELD_OUT
    return table, answers, np.sort(order[count:]), np.sort(order[:count])


def _probabilities(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _faithful(told: Floats, wanted: Floats, classifies: bool) -> tuple[float | None, float]:
    """Agreement of classes, and R² over all outputs together."""
    spread = float(((wanted - wanted.mean(0)) ** 2).sum())
    r2 = 1.0 - float(((told - wanted) ** 2).sum()) / spread if spread > 1e-12 else 1.0
    return (float((told.argmax(1) == wanted.argmax(1)).mean()) if classifies else None), r2


def _called(names: Sequence[str] | None, table: Floats, say: Words) -> tuple[str, ...]:
    return tuple(names) if names else tuple(say("model.feature", number=i + 1) for i in range(table.shape[1]))


def _labels(labels: Sequence[str] | None, answers: Floats, say: Words) -> tuple[str, ...]:
    return tuple(labels) if labels else tuple(say("model.class", number=i) for i in range(answers.shape[1]))


def _leaves(
    tree: Any, table: Floats, names: Sequence[str], labels: Sequence[str], classifies: bool, say: Words
) -> tuple[Leaf, ...]:
    """The rules of a fitted tree, each with how many of all rows fall there."""
    fitted = tree.tree_
    support = np.bincount(tree.apply(table.astype(np.float32)), minlength=fitted.node_count)
    found = []

    def walk(node: int, low: dict[str, float], high: dict[str, float]) -> None:
        if fitted.children_left[node] < 0:
            values = fitted.value[node].ravel()
            best = int(values.argmax())
            answer, share = (labels[best], float(values[best])) if classifies else (_mean(values), None)
            found.append(_leaf(_conditions(low, high), answer, share, int(support[node]), say))
            return
        name, bound = names[fitted.feature[node]], float(fitted.threshold[node])
        walk(fitted.children_left[node], low, {**high, name: bound})  # deeper bounds are always narrower
        walk(fitted.children_right[node], {**low, name: bound}, high)

    walk(0, {}, {})
    return tuple(sorted(found, key=lambda leaf: -leaf.support))


def _leaf(conditions: tuple[str, ...], answer: str, share: float | None, support: int, say: Words) -> Leaf:
    sentence = say(
        "substitute.leaf",
        conditions=say("rules.join").join(conditions) if conditions else say("model.always"),
        answer=answer,
        sure="" if share is None else say("substitute.sure", share=f"{100 * share:.0f}"),
        support=support,
    )
    return Leaf(conditions, answer, share, support, sentence)


def _conditions(low: dict[str, float], high: dict[str, float]) -> tuple[str, ...]:
    """One condition per column."""
    found = []
    for name in dict.fromkeys((*low, *high)):
        if name in low and name in high:
            found.append(f"{low[name]:.4g} < {name} ≤ {high[name]:.4g}")
        else:
            found.append(f"{name} > {low[name]:.4g}" if name in low else f"{name} ≤ {high[name]:.4g}")
    return tuple(found)


def _mean(values: Floats) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _told(what: str, agreement: float | None, r2: float, rows: int, say: Words) -> str:
    trust = say("substitute.faithful" if (r2 if agreement is None else agreement) >= 0.9 else "substitute.unfaithful")
    told = {"what": what, "share": f"{100 * max(r2, 0.0):.0f}", "rows": rows, "trust": trust}
    if agreement is None:
        return say("substitute.values", **told)
    return say("substitute.classes", agreement=f"{100 * agreement:.1f}", **told)


def _fidelity(agreement: float | None, r2: float, held_out: int, sentence: str) -> dict[str, Any]:
    same = None if agreement is None else round(agreement, 4)
    return {"agreement": same, "r2": round(r2, 4), "held_out": held_out, "sentence": sentence}
