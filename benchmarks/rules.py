"""Rules, ablation paths and Shapley values on published and planted tables, beside scikit-learn's tree on equal rows.

For each table, all of it and a random 200 of its architectures (five draws, medians):

- R² of our depth-3 tree on the rows it was grown on; of scikit-learn's, the better one of one-hot columns and ordinal
  codes, with as many rows in a leaf as ours ("equal"; "Δ" is ours less this), and with its defaults, where a leaf may
  be a single row ("free"); wanted: at most 0.02 below either;
- "unseen": what the 200 foresee of the rest of the table: ours, and theirs with its defaults;
- "covered": share of the rules' intervals that hold the mean of all architectures of the table that keep the rule;
- "false": sentences that, read back from their words, are not true of the rows: count, mean to the digits printed;
- "efficiency": largest |Σ Shapley − difference| of paths from five random architectures to the best of the 200;
- seconds of processor time of all rules of 200 and of the table, the latter also as a multiple of scikit-learn's fit.

    python benchmarks/rules.py [--tables a,b] [--draws 5] [--data FOLDER]

With `--edits`: the neighbourhood of the best of 200 random rows, five draws: rank correlation of the model on left-out
rows, share of the 95 % intervals of one-step edits that hold the difference in the table (mean of its seeds), and of
those edits that are called sure, how many go the way they are said to go.

With `--load`: processor time of every explanation of 1,000 trials of 50 decisions (planted/additive/50x4).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from searchitect.explain.searches.attention import read_attention
from searchitect.explain.searches.evidence import MEMBER, Evidence, Factor, evidence_of
from searchitect.explain.searches.exploration import exploration_map, one_hot
from searchitect.explain.searches.neighbourhood import neighbourhood
from searchitect.explain.searches.paths import ablation_path
from searchitect.explain.searches.response import fit_response
from searchitect.explain.searches.rules import Rule, rules
from searchitect.spaces import Architecture, SearchSpace
from searchitect.tabular import open_benchmark

SHARED = Path(__file__).parents[2] / "shared"
TABLES = (
    "nasbench201/cifar10",
    "nasbench201/cifar100",
    "transnas_micro/class_scene",
    "transnas_macro/class_scene",
    "digits_bench",
    "planted/additive",
    "planted/pairwise",
    "planted/noisy",
    "planted/conditional",
)
DRAWN = 200


@dataclass
class Table:
    """A table, or as much of a larger planted space as one looks at."""

    name: str
    architectures: list[Architecture]
    evidence: Evidence


def opened(name: str, data: Path | None) -> Table:
    benchmark = open_benchmark(name, data)
    space = SearchSpace.of(benchmark.space)
    measurement = next(iter(benchmark.signals.values()))
    if name.startswith("planted/"):
        rng = random.Random(0)
        architectures = list(dict.fromkeys(space.sample(rng) for _ in range(4_000)))
    else:
        architectures = list(benchmark.members())
    values = [benchmark.measure(architecture)[measurement] for architecture in architectures]
    return Table(name, architectures, evidence_of(architectures, values, benchmark.objective(measurement)))


def theirs(evidence: Evidence, other: Evidence, leaf: int) -> tuple[float, float]:
    """R² of scikit-learn's tree, the better one of one-hot columns and codes, on its rows and on others."""
    found = []
    for columns in (lambda table: one_hot(table)[0], lambda table: table.codes):
        tree = DecisionTreeRegressor(max_depth=3, min_samples_leaf=leaf, random_state=0)
        tree.fit(columns(evidence), evidence.targets)
        first, second = (float(tree.score(columns(table), table.targets)) for table in (evidence, other))
        found.append((first, second))
    return max(found)


def foreseen(kept: Sequence[Rule], table: Evidence) -> float:
    guess = np.zeros(len(table))
    for rule in kept:
        guess[rule.holds(table.codes)] = rule.mean
    spread = ((table.targets - table.targets.mean()) ** 2).sum()
    return 1 - float(((table.targets - guess) ** 2).sum() / spread)


def covered(kept: Sequence[Rule], table: Evidence) -> list[bool]:
    found = []
    for rule in kept:
        values = table.targets[rule.holds(table.codes)]
        found.append(abs(float(values.mean()) - rule.mean) <= rule.half)
    return found


def is_false(rule: Rule, table: Evidence) -> bool:
    """Read the sentence from its words alone and hold it against the rows."""
    said, _, figures = rule.text.rpartition(": ")
    mean, _, count = re.fullmatch(r"(\S+) ± (\S+), ([\d,]+) trials?", figures).groups()  # type: ignore[union-attr]
    kept = np.ones(len(table), bool)
    factors = {factor.name: place for place, factor in enumerate(table.factors)}
    for part in [] if said == "any architecture" else re.split(r" and (?!<)", said):
        name, words = split(part, factors)
        factor = table.factors[factors[name]]
        keeps = np.array([meant(words, factor, code) for code in range(len(factor.levels))])
        kept &= keeps[table.codes[:, factors[name]]]
    digits = len(mean.partition(".")[2])
    right = f"{table.targets[kept].mean():.{digits}f}" if kept.any() else ""
    return int(count.replace(",", "")) != kept.sum() or right != mean


def split(part: str, factors: dict[str, int]) -> tuple[str, str]:
    element = re.fullmatch(r"(\S+) (has|is without) (\S+)( or not there)?", part)
    if element and f"{element[1]}{MEMBER}{element[3]}" in factors:
        return f"{element[1]}{MEMBER}{element[3]}", f"{element[2]}{element[4] or ''}"
    name, _, words = part.partition(" ")
    return name, words


def meant(words: str, factor: Factor, code: int) -> bool:
    """Whether the words mean this level."""
    level, absent = factor.levels[code], code == factor.inactive
    if words in ("is not there", "is there"):
        return absent == (words == "is not there")
    words, or_absent, _ = words.partition(" or not there")
    if absent:
        return bool(or_absent)
    if words in ("has", "is without"):
        return level == ("in" if words == "has" else "out")
    if factor.edges:  # "≥ a and < b": the level's whole range must lie inside
        low = (-np.inf, *factor.edges)[code]
        high = (*factor.edges, np.inf)[code]
        bounds = dict(re.findall(r"([≥<]) (\S+)", words))
        ends = float(bounds.get("≥", -np.inf)), float(bounds.get("<", np.inf))
        near = 1e-3 * max(abs(low), abs(high)) if np.isfinite([low, high]).all() else 1e-9
        return bool(low >= ends[0] - near and high <= ends[1] + near)
    if words[0] in "≥≤":
        return float(level) >= float(words[2:]) if words[0] == "≥" else float(level) <= float(words[2:])
    if factor.ordered and " to " in words:
        low, high = map(float, words.removeprefix("is ").split(" to "))
        return low <= float(level) <= high
    if words.startswith("is not "):
        return level != words.removeprefix("is not ")
    return level in re.split(", | or ", words.removeprefix("= ").removeprefix("is "))


def efficiency(table: Table, drawn: Evidence, numbers: Sequence[int]) -> float:
    response = fit_response(drawn)
    order = np.argsort(drawn.targets)
    best = table.architectures[numbers[order[-1] if drawn.objective.direction == "maximize" else order[0]]]
    errors = []
    for number in numbers[:5]:
        if table.architectures[number] != best:
            path = ablation_path(table.architectures[number], best, response, drawn.objective)
            errors.append(abs(sum(path.shapley.values) - (path.end - path.start)))
    return max(errors)


def line(name: str, options: argparse.Namespace) -> None:
    table = opened(name, options.data)
    whole, size = table.evidence, len(table.evidence)
    begun = time.process_time()
    ours = rules(whole)
    spent = time.process_time() - begun
    begun = time.process_time()
    equal, _ = theirs(whole, whole, ours.leaf)
    peer = max(time.process_time() - begun, 1e-9)
    free, _ = theirs(whole, whole, 1)
    wrong = sum(is_false(rule, whole) for rule in ours.rules)
    show(f"{name}, all {size:,}", ours.fidelity, equal, free, None, None, None, wrong, None, spent, spent / peer)
    rows: list[tuple[float, ...]] = []
    inside: list[bool] = []
    for draw in range(options.draws):
        numbers = sorted(random.Random(draw).sample(range(size), min(DRAWN, size // 2)))
        drawn, rest = whole.rows(np.array(numbers)), whole.rows(np.setdiff1d(np.arange(size), numbers))
        begun = time.process_time()
        found = rules(drawn, seed=draw)
        spent = time.process_time() - begun
        equal, _ = theirs(drawn, rest, found.leaf)
        free, unseen = theirs(drawn, rest, 1)
        inside += covered(found.rules, whole)
        wrong = sum(is_false(rule, drawn) for rule in found.rules)
        error = efficiency(table, drawn, numbers)
        rows.append((found.fidelity, equal, free, foreseen(found.rules, rest), unseen, wrong, error, spent))
    middle = [statistics.median(column) for column in zip(*rows, strict=True)]
    held = statistics.fmean(inside)
    worst = max(row[6] for row in rows)
    show(f"  {DRAWN} of them", *middle[:5], held, int(sum(row[5] for row in rows)), worst, middle[7], None)


def show(name: str, ours: float, equal: float, free: float, unseen: float | None, their_unseen: float | None,
         held: float | None, wrong: int, error: float | None, spent: float, ratio: float | None) -> None:  # fmt: skip
    def cell(value: float | None, form: str, width: int) -> str:
        return " " * width if value is None else f"{value:>{width}{form}}"

    print(
        f"{name:<40}{ours:>7.3f}{equal:>9.3f}{ours - equal:>8.3f}{free:>9.3f}{cell(unseen, '.3f', 8)}"
        f"{cell(their_unseen, '.3f', 8)}{cell(held, '.0%', 9)}{wrong:>7}{cell(error, '.0e', 12)}{spent:>8.2f}"
        f"{cell(ratio, '.0f', 7)}",
        flush=True,
    )


def edits(name: str, options: argparse.Namespace) -> None:
    benchmark, table = open_benchmark(name, options.data), opened(name, options.data)
    space, measurement = SearchSpace.of(benchmark.space), table.evidence.objective.name
    seeds = range(getattr(benchmark, "replicates", 1))

    def truth(architecture: Architecture) -> float:
        return statistics.fmean(benchmark.measure(architecture, replicate=seed)[measurement] for seed in seeds)

    inside: list[bool] = []
    right: list[bool] = []
    ranks: list[float] = []
    for draw in range(options.draws):
        numbers = sorted(random.Random(draw).sample(range(len(table.evidence)), DRAWN))
        drawn = table.evidence.rows(np.array(numbers))
        response = fit_response(drawn)
        ranks.append(response.rank_correlation)
        order = np.argsort([drawn.objective.loss(value) for value in drawn.targets])
        winner = table.architectures[numbers[order[0]]]
        near = {frozenset(a.items()): a for a in space.neighbours(winner) if not benchmark.check(a)}
        for edit in neighbourhood(winner, response, drawn.objective, space).edits:
            changed = dict(winner.items()) | {change.decision: change.after for change in edit.changes}
            other = near.get(frozenset(changed.items()))  # edits that bring other decisions along are left out
            if other is None or edit.change is None or edit.half is None:
                continue
            moved = truth(other) - truth(winner)
            inside.append(abs(edit.change - moved) <= edit.half)
            if abs(edit.change) > edit.half:
                right.append(edit.change * moved > 0)
    sure = f"{sum(right)} of {len(right)}"
    shown = f"{statistics.median(ranks):>10.2f}{statistics.fmean(inside):>10.0%}{len(inside):>8}{sure:>14}"
    print(f"{name:<40}{shown}", flush=True)


def load() -> None:
    benchmark = open_benchmark("planted/additive/50x4")
    space, rng = SearchSpace.of(benchmark.space), random.Random(0)
    drawn = [space.sample(rng) for _ in range(1_000)]
    values = [benchmark.measure(architecture)["score"] + rng.gauss(0, 0.01) for architecture in drawn]
    table = evidence_of(drawn, values, benchmark.objective("score"))
    winner = drawn[int(np.argmax(values))]
    response = timed("model of the response", lambda: fit_response(table))
    timed("rules", lambda: rules(table))
    timed(
        f"path of {sum(winner[p] != drawn[0][p] for p in winner)} changes, 100 orders",
        lambda: ablation_path(drawn[0], winner, response, table.objective, space=space),
    )
    timed("neighbourhood", lambda: neighbourhood(winner, response, table.objective, space))
    timed("map", lambda: exploration_map(table))
    timed("attention", lambda: read_attention(table))


def timed(name: str, made: Callable[[], Any]) -> Any:
    begun = time.process_time()
    found = made()
    print(f"{name:<40}{time.process_time() - begun:>8.2f} s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=lambda text: text.split(","), default=TABLES)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    parser.add_argument("--edits", action="store_true")
    parser.add_argument("--load", action="store_true")
    options = parser.parse_args()
    if options.load:
        return load()
    if options.edits:
        print(f"{'one-step edits of the best of 200':<40}{'rank':>10}{'covered':>10}{'edits':>8}{'sure, right':>14}")
        for name in (name for name in options.tables if "planted" not in name):
            edits(name, options)
        return None
    print(
        f"{'rows':<40}{'ours':>7}{'equal':>9}{'Δ':>8}{'free':>9}{'unseen':>8}{'theirs':>8}{'covered':>9}{'false':>7}"
        f"{'efficiency':>12}{'s':>8}{'×':>7}"
    )
    for name in options.tables:
        line(name, options)
    return None


if __name__ == "__main__":
    main()
