"""A space in which every architecture has 7,960 neighbours, and a count of those that a search builds."""

import statistics
from collections import Counter

import searchitect as sa
from searchitect.spaces import SearchSpace
from searchitect.strategies import Setting, make_strategy
from tests.strategies.planted import SCORE, evaluate

LIMIT = 25
"""Neighbours that a strategy may sample in these tests."""

NEIGHBOURS = 40 * 199


@sa.space
class Layer:
    width: int = sa.choice(*range(1, 201))


@sa.space
class Deep:
    layers: tuple[Layer, ...] = sa.repeat(Layer, 40, 40)


SPACE = SearchSpace.of(Deep)


def score(proposal):
    """The mean width: every neighbourhood holds better ones, and no single decision makes much of a difference."""
    return statistics.fmean(proposal.architecture[f"layers.{place}.width"] for place in range(40))


def built_by_trial(monkeypatch, name, options, trials):
    """Run a search; return how many neighbours and mutants were made between two evaluations, and the trials."""
    counted, now = Counter(), [0]
    neighbours, mutate = SearchSpace.neighbours, SearchSpace.mutate

    def counted_neighbours(space, architecture):
        for found in neighbours(space, architecture):
            counted[now[0]] += 1
            yield found

    def counted_mutate(space, architecture, rng):
        counted[now[0]] += 1
        return mutate(space, architecture, rng)

    def scored(proposal):
        now[0] += 1
        return score(proposal)

    monkeypatch.setattr(SearchSpace, "neighbours", counted_neighbours)
    monkeypatch.setattr(SearchSpace, "mutate", counted_mutate)
    return counted, searched(name, 0, trials, options, scored)


def searched(name, seed, trials, options=None, scored=score):
    setting = Setting(SPACE, SCORE, seed, budget=trials)
    return evaluate(make_strategy(name, setting, options), setting, scored, trials)


def best(trials):
    return max(trial.measurements["score"] for trial in trials)
