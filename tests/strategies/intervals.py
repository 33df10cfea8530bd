"""How often a strategy's model keeps its word: the share of unseen results that lie in its 90 % intervals."""

import numpy as np

import searchitect as sa
from searchitect.predictors.targets import rank_correlation
from searchitect.seeding import stream
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial, TrialState
from tests.shared_data import shared

FOLDS, SEEDS = 5, 4


def coverage(make, benchmark, cells=100):
    """Return the share inside, and the mean rank correlation, over held-out fifths of random trainings of a table.

    The strategy has been told the other four fifths, and nothing of the one that is predicted.
    """
    inside, agreement = [], []
    for seed in range(SEEDS):
        setting = Setting(sa.SearchSpace.of(benchmark.space), (benchmark.objective(first_signal(benchmark)),), seed)
        trials = drawn(benchmark, setting, cells)
        for held in range(FOLDS):
            strategy = make(setting)
            for trial in trials:
                if trial.number % FOLDS != held:
                    strategy.tell(trial)
            out = trials[held::FOLDS]
            values = np.array([trial.measurements[setting.objectives[0].name] for trial in out])
            low, high = np.array(strategy.expected([trial.architecture for trial in out])).T
            inside += ((low <= values) & (values <= high)).tolist()
            agreement.append(rank_correlation(low + high, values))
    return np.mean(inside), np.mean(agreement)


def drawn(benchmark, setting, cells):
    """Trials of different architectures at random, one training of each."""
    space, [objective], rng = setting.space, setting.objectives, stream(setting.seed, "cells")
    found = {}
    while len(found) < cells:
        architecture = space.sample(rng)
        found.setdefault(space.key(architecture), architecture)
    return [
        Trial(
            number, Proposal(architecture), TrialState.COMPLETE, key, seed=0,
            measurements={objective.name: benchmark.measure(architecture)[objective.name]},
        )
        for number, (key, architecture) in enumerate(found.items())
    ]  # fmt: skip


def first_signal(benchmark):
    return next(iter(benchmark.signals.values()))


def published(name):
    return sa.tabular.open_benchmark(name, shared("benchmarks"))
