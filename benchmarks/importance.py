"""Are the importances right: planted functions, NAS-Bench-201 whose full table is the truth, and what they cost.

planted: Kendall's τ with the true shares, pairs found among the strongest, coverage of the 95 % intervals (of decisions
         and pairs that matter, and of those that do not). The first runs also ask the peers: Optuna's fANOVA, and
         scikit-learn's permutation importance of a forest on the same rows.
tables:  exact functional ANOVA of a full table against what studies of 200 trials tell. "plain" is Optuna's fANOVA on
         the search, uncorrected. Ours: "search alone": the same trials; "+ 40 random": the last fifth of the trials
         drawn at random instead; "+ random arm": beside random search at equal cost, as every study here has it.
cost:    1,000 trials of 50 decisions, everything on; processor time.

The priors were set by looking at other planted functions and at TransNAS-Bench-101 (micro), never at NAS-Bench-201.

    python benchmarks/importance.py [planted] [tables] [cost] [--runs 200] [--seeds 10] [--table nasbench201/cifar10]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from searchitect.explain.searches.evidence import Evidence, Factor, evidence_of
from searchitect.explain.searches.importance import Ranking, importance, ranking
from searchitect.objectives import Objective
from searchitect.spaces.search_space import SearchSpace
from searchitect.study.study import Study
from searchitect.tabular import open_benchmark

SHARED = Path(__file__).parents[2] / "shared"
TABLES = ("nasbench201/cifar10", "nasbench201/cifar100", "nasbench201/imagenet16_120")
STRATEGIES = ("random", "regularized_evolution", "gp")
TARGET = Objective("value", "maximize")
DECISIONS, ASKED_PEERS = 10, 20

Shares = dict[tuple[str, ...], float]
"""True share of the variance by the names of one or two decisions."""


# ---- planted ----


@dataclass(frozen=True)
class Case:
    name: str
    rows: int
    noise: float  # deviation, in deviations of the function
    pairs: int = 0
    idle: int = 0  # decisions that do nothing


CASES = (
    Case("additive, n 200, noise 0.2", 200, 0.2),
    Case("additive, n 200, noise 0.5, 4 idle", 200, 0.5, idle=4),
    Case("additive, n 100, noise 0.2, 4 idle", 100, 0.2, idle=4),
    Case("pairwise, n 200, noise 0.2, 3 idle", 200, 0.2, pairs=3, idle=3),
    Case("pairwise, n 400, noise 0.5, 3 idle", 400, 0.5, pairs=3, idle=3),
)


def plant(case: Case, seed: int) -> tuple[Evidence, Shares]:
    """Effects of evenly falling size, each pair's deviation 0.7 of the largest; normal noise."""
    random = np.random.default_rng((seed, 7))
    levels = random.integers(2, 6, DECISIONS)
    codes = np.stack([random.integers(0, k, case.rows) for k in levels], axis=1)
    sizes = np.linspace(1.0, 0.1, DECISIONS)
    sizes[DECISIONS - case.idle :] = 0.0
    value, variances = np.zeros(case.rows), dict[tuple[str, ...], float]()
    for place, (k, size) in enumerate(zip(levels, sizes, strict=True)):
        effect = random.normal(size=k)
        effect = size * (effect - effect.mean()) / effect.std()
        value += effect[codes[:, place]]
        variances[(f"x{place}",)] = float((effect**2).mean())
    every = list(combinations(range(DECISIONS - case.idle), 2))
    for a, b in (every[i] for i in random.choice(len(every), case.pairs, replace=False)):
        joint = random.normal(size=(levels[a], levels[b]))
        joint = joint - joint.mean(axis=0)
        joint = joint - joint.mean(axis=1)[:, None]
        joint *= 0.7 / joint.std()
        value += joint[codes[:, a], codes[:, b]]
        variances[f"x{a}", f"x{b}"] = float((joint**2).mean())
    total = sum(variances.values())
    targets = value + case.noise * total**0.5 * random.normal(size=case.rows)
    return plain_evidence(levels, codes, targets), {names: v / total for names, v in variances.items()}


def plain_evidence(levels: Sequence[int], codes: Any, targets: Any) -> Evidence:
    factors = tuple(
        Factor(f"x{place}", tuple(str(i) for i in range(k)), (1 / k,) * int(k)) for place, k in enumerate(levels)
    )
    count = len(targets)
    return Evidence(factors, codes, targets, TARGET, np.ones(count, dtype=bool), np.arange(count))


def planted(runs: int) -> None:
    print(f"planted, {runs} runs                    τ ours  optuna permut.  pairs   coverage: all  matter  idle  pairs")
    for case in CASES:
        begun = time.process_time()
        seen: dict[str, list[float]] = {}
        for seed in range(runs):
            evidence, truth = plant(case, seed)
            found = ranking(evidence, seed)
            note(seen, tau=agreement({d.name: d.share for d in found.decisions}, truth))
            cover(seen, found, truth)
            if seed < ASKED_PEERS:
                note(seen, optuna=agreement(optuna_shares(evidence, seed), truth))
                note(seen, permuted=agreement(permuted(evidence, seed), truth))
        keys = ("tau", "optuna", "permuted", "found", "all", "matter", "idle", "pair")
        cells = "".join(f"{statistics.fmean(seen[key]):>8.3f}" if key in seen else f"{'–':>8}" for key in keys)
        print(f"{case.name:<36}{cells}   {(time.process_time() - begun) / runs:.2f} s a run", flush=True)


def note(seen: dict[str, list[float]], **values: float) -> None:
    for key, value in values.items():
        seen.setdefault(key, []).append(value)


def cover(seen: dict[str, list[float]], found: Ranking, truth: Shares) -> None:
    for one in found.decisions:
        true = truth[one.name,]
        note(seen, **{"matter" if true else "idle": float(one.low <= true <= one.high)})
        note(seen, all=float(one.low <= true <= one.high))
    planted_pairs = {names for names in truth if len(names) == 2}
    for pair in found.pairs:
        true = truth.get((pair.first, pair.second), 0.0)
        if true or planted_pairs:
            note(seen, **{"pair" if true else "idle pair": float(pair.low <= true <= pair.high)})
    if planted_pairs:
        strongest = {(pair.first, pair.second) for pair in found.pairs[: len(planted_pairs)]}
        note(seen, found=len(strongest & planted_pairs) / len(planted_pairs))


def agreement(shares: Mapping[str, float], truth: Shares) -> float:
    names = [names[0] for names in truth if len(names) == 1]
    return float(kendalltau([shares[name] for name in names], [truth[name,] for name in names])[0])


# ---- peers ----


def optuna_shares(evidence: Evidence, seed: int) -> dict[str, float]:
    """What Optuna's default evaluator says of the same trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    choices = {f.name: optuna.distributions.CategoricalDistribution(list(f.levels)) for f in evidence.factors}
    for row, target in zip(evidence.codes, evidence.targets, strict=True):
        taken = {f.name: f.levels[code] for f, code in zip(evidence.factors, row, strict=True)}
        study.add_trial(optuna.trial.create_trial(params=taken, distributions=choices, value=float(target)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def permuted(evidence: Evidence, seed: int) -> dict[str, float]:
    """scikit-learn's permutation importance of a forest, on the rows it was fitted to, as users call it."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    forest = RandomForestRegressor(100, random_state=seed).fit(evidence.codes, evidence.targets)
    found = permutation_importance(forest, evidence.codes, evidence.targets, random_state=seed).importances_mean
    return {f.name: float(value) for f, value in zip(evidence.factors, found, strict=True)}


# ---- tables ----


@dataclass(frozen=True)
class Rows:
    architectures: list[Any]
    targets: list[float]


def study_rows(benchmark: Any, strategy: str, seed: int, trials: int) -> Rows:
    """The trials of one search that is told the validation signal."""
    signal = benchmark.signals["valid"]
    study = Study(
        SearchSpace.of(benchmark.space), strategy=strategy, objectives=[benchmark.objective(signal)], seed=seed,
        allowed=benchmark.check, budget=trials,
    )  # fmt: skip
    rows = Rows([], [])
    with study:
        while len(rows.targets) < trials and (trial := study.ask()) is not None:
            value = float(benchmark.measure(trial.architecture)[signal])
            study.tell(trial, **{signal: value})
            rows.architectures.append(trial.architecture)
            rows.targets.append(value)
    return rows


def joined(benchmark: Any, parts: Iterable[tuple[Rows, bool]]) -> Evidence:
    listed = list(parts)
    architectures = [a for rows, _ in listed for a in rows.architectures]
    targets = [t for rows, _ in listed for t in rows.targets]
    free = [mark for rows, mark in listed for _ in rows.targets]
    objective = benchmark.objective(benchmark.signals["valid"])
    return evidence_of(architectures, targets, objective, space=SearchSpace.of(benchmark.space), uniform=free)


def exact(benchmark: Any, best: float = 0.0) -> Shares:
    """Functional ANOVA of the full table, every architecture once; `best` clips at that upper share."""
    signal = benchmark.signals["valid"]
    members = list(benchmark.members())
    values = np.array([float(benchmark.measure(a)[signal]) for a in members])
    if best:
        values = np.maximum(values, np.quantile(values, 1 - best))
    names = list(members[0].decisions)
    found = {}
    for name in names:
        groups: dict[Any, list[float]] = {}
        for architecture, value in zip(members, values, strict=True):
            groups.setdefault(architecture[name], []).append(value)
        means = [statistics.fmean(group) for group in groups.values()]
        found[name,] = float(np.var(means) / values.var())
    return found


def tables(names: Sequence[str], seeds: int, data: Path, trials: int = 200) -> None:
    for name in names:
        benchmark = open_benchmark(name, data)
        truth, among = exact(benchmark), exact(benchmark, 0.1)
        shown = "  ".join(f"{names[0]} {share:.3f}" for names, share in truth.items())
        print(f"\n{name}, {trials} trials, {seeds} seeds; truth: {shown}")
        print(f"  among the best tenth: {'  '.join(f'{share:.3f}' for share in among.values())}")
        print(f"{'τ (mean ± standard error; cover)':<26}{'plain':>14}{'search alone':>22}{'+ 40 random':>22}", end="")
        print(f"{'+ random arm':>22}{'best tenth':>22}")
        for strategy in STRATEGIES:
            cells = [one_study(benchmark, strategy, seed, trials, truth, among) for seed in range(seeds)]
            print(f"{strategy:<26}" + "".join(cell(column) for column in zip(*cells, strict=True)), flush=True)


def one_study(
    benchmark: Any, strategy: str, seed: int, trials: int, truth: Shares, among: Shares
) -> list[tuple[float, float]]:
    """(τ, coverage) of each column."""
    searched = study_rows(benchmark, strategy, seed, trials)
    drawn = study_rows(benchmark, "random", 1_000 + seed, trials)
    free, share = strategy == "random", trials // 5
    alone = joined(benchmark, [(searched, free)])
    kept = Rows(searched.architectures[:-share], searched.targets[:-share])
    mixed = joined(benchmark, [(kept, free), (Rows(drawn.architectures[:share], drawn.targets[:share]), True)])
    both = importance(joined(benchmark, [(searched, free), (drawn, True)]), seed)
    rankings = [(ranking(alone, seed), truth), (ranking(mixed, seed), truth), (both.everywhere, truth)]
    plain = (agreement(optuna_shares(alone, seed), truth), float("nan"))
    return [plain, *(judged(*one) for one in rankings), judged(both.best, among)]


def judged(found: Ranking | None, truth: Shares) -> tuple[float, float]:
    if found is None:
        return float("nan"), float("nan")
    inside = [one.low <= truth[one.name,] <= one.high for one in found.decisions]
    return agreement({one.name: one.share for one in found.decisions}, truth), statistics.fmean(inside)


def cell(values: Sequence[tuple[float, float]]) -> str:
    found = [tau for tau, _ in values if tau == tau]
    if not found:
        return f"{'–':>22}"
    error = statistics.stdev(found) / len(found) ** 0.5 if len(found) > 1 else float("nan")
    covered = [inside for _, inside in values if inside == inside]
    text = f"{statistics.fmean(found):.2f} ± {error:.2f}"
    return f"{text} ({statistics.fmean(covered):.2f})".rjust(22) if covered else text.rjust(14)


# ---- cost ----


def cost(rows: int = 1_000, decisions: int = 50) -> None:
    random = np.random.default_rng(0)
    levels = random.integers(2, 7, decisions)
    codes = np.stack([random.integers(0, k, rows) for k in levels], axis=1)
    targets = sum(random.normal(size=k)[codes[:, d]] / (1 + d) for d, k in enumerate(levels))
    evidence = plain_evidence(levels, codes, targets + 0.3 * random.normal(size=rows))
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        importance(evidence)
        seconds.append(time.process_time() - begun)
    print(f"\n{rows:,} trials, {decisions} decisions: {statistics.median(seconds):.1f} s of processor time (target 10)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["planted", "tables", "cost"], help="planted, tables, cost")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--table", action="append")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    if "planted" in options.parts:
        planted(options.runs)
    if "tables" in options.parts:
        tables(options.table or TABLES, options.seeds, options.data)
    if "cost" in options.parts:
        cost()


if __name__ == "__main__":
    main()
