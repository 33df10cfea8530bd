"""How often a strategy's model keeps its word: the share of unseen results that lie in its 90 % intervals."""

import numpy as np

import searchitect as sa
from searchitect.predictors.targets import normal_scores, rank_correlation
from searchitect.seeding import stream
from searchitect.strategies.strategy import Setting
from tests.shared_data import shared

HALF_WIDTH = 1.645
"""Standard deviations on each side of the mean that hold nine tenths of a normal distribution."""

FOLDS, SEEDS = 5, 4


def coverage(make, benchmark, cells=100):
    """Return the share inside, and the mean rank correlation, over held-out fifths of random trainings of a table.

    Neither the hyper-parameters nor the posterior have seen the fifth that is predicted.
    """
    inside, agreement = [], []
    for seed in range(SEEDS):
        setting = Setting(sa.SearchSpace.of(benchmark.space), (benchmark.objective(first_signal(benchmark)),), seed)
        strategy, (architectures, losses) = make(setting), drawn(benchmark, setting, cells)
        rows, targets, fold = strategy.encode(architectures), normal_scores(losses), np.arange(cells) % FOLDS
        for held in range(FOLDS):
            out = fold == held
            posterior = strategy._process.fit(rows[~out], targets[~out], 0)
            mean, deviation = posterior.predict(rows[out])
            spread = np.hypot(deviation, posterior.noise)  # what is observed is noisy
            inside += (abs(targets[out] - mean) <= HALF_WIDTH * spread).tolist()
            agreement.append(rank_correlation(mean, targets[out]))
    return np.mean(inside), np.mean(agreement)


def drawn(benchmark, setting, cells):
    """Different architectures at random, and the loss of one training of each."""
    space, [objective], rng = setting.space, setting.objectives, stream(setting.seed, "cells")
    found = {}
    while len(found) < cells:
        architecture = space.sample(rng)
        found.setdefault(space.key(architecture), architecture)
    losses = [objective.loss(benchmark.measure(one)[objective.name]) for one in found.values()]
    return list(found.values()), np.array(losses)


def first_signal(benchmark):
    return next(iter(benchmark.signals.values()))


def published(name):
    return sa.tabular.open_benchmark(name, shared("benchmarks"))
