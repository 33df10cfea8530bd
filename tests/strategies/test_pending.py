"""Asks of a Gaussian process that are made before the earlier ones were answered."""

import math

import numpy as np
import pytest
from scipy.stats import norm

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.predictors.gaussian_process import GaussianProcess
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.seeding import stream
from searchitect.strategies.gp import GP
from searchitect.strategies.gp_wl import GPWL
from searchitect.strategies.pending import PENDING, assumed, log_penalty, steepest
from searchitect.strategies.strategy import Setting
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import Trial, TrialState
from tests.strategies.test_regularized_evolution import SPACE

SCORE = (Objective("score", "maximize"),)


@sa.space
class Line:
    x: float = sa.real(0.0, 1.0)


@pytest.fixture(scope="module")
def line():
    """A valley at 0.3, seen without noise at eleven places; rows of architectures."""
    space = sa.SearchSpace.of(Line)
    columns = Columns.of(space)

    def rows(*places):
        return columns.encode([space.architecture(Line(x=place)) for place in places])

    seen = [i / 10 for i in range(11)]
    process = GaussianProcess(DecisionKernel(columns))
    return process.fit(rows(*seen), np.array([(x - 0.3) ** 2 for x in seen]), 0), rows


def test_the_liar_says_that_what_runs_is_as_good_as_the_best(line):
    posterior, rows = line
    running, probe = rows(0.95), rows(0.93)
    best = float(posterior.fitted().min())
    lying = assumed(posterior, running, best, "liar")
    assert lying.targets[-1] == best
    assert lying.predict(probe)[0] < posterior.predict(probe)[0] - 0.05
    believing = assumed(posterior, running, best, "believer")
    assert believing.predict(probe)[0] == pytest.approx(posterior.predict(probe)[0], abs=1e-3)
    assert assumed(posterior, running, best, "penalize") is posterior
    assert assumed(posterior, running[:0], best, "liar") is posterior


def test_distances_are_those_of_the_kernel(line):
    posterior, rows = line
    distances = posterior.distances(rows(0.0, 0.5, 1.0), rows(0.0))[:, 0]
    assert distances[0] == pytest.approx(0.0, abs=1e-6)
    assert 0 < distances[1] < distances[2] <= math.sqrt(2)


def test_the_penalty_is_the_chance_to_lie_outside_the_ball(line):
    posterior, rows = line
    running, probes, best = rows(0.55), rows(0.55, 0.6, 0.95), float(posterior.fitted().min())
    (mean,), (deviation,) = posterior.predict(running)
    reach = steepest(posterior) * posterior.distances(probes, running)[:, 0]
    found = log_penalty(posterior, probes, running, best)
    assert found == pytest.approx(np.log(norm.cdf((reach + best - mean) / deviation)), abs=1e-9)
    assert found[0] < found[1] <= found[2] <= 0
    twice = log_penalty(posterior, probes, rows(0.55, 0.55), best)
    assert twice == pytest.approx(2 * found)


def test_the_slope_is_the_steepest_between_two_that_were_seen(line):
    posterior, rows = line
    means, seen = posterior.fitted(), rows(*[i / 10 for i in range(11)])
    apart = posterior.distances(seen, seen)
    slopes = [abs(means[i] - means[j]) / apart[i, j] for i in range(11) for j in range(i)]
    assert steepest(posterior) == pytest.approx(max(slopes))


@pytest.mark.parametrize("pending", PENDING)
@pytest.mark.parametrize("acquisition", ["ei", "ucb", "thompson"])
def test_eight_asks_in_a_row_are_eight_architectures(pending, acquisition):
    strategy = GP(Setting(SPACE, SCORE, 0, budget=60, workers=8), pending=pending, acquisition=acquisition)
    told = _searched(strategy, 20)
    asked = []
    for number in range(len(told), len(told) + 8):
        proposal = strategy.ask(number)
        key = SPACE.key(proposal.architecture)
        asked.append(key)
        strategy.tell(Trial(number, proposal, TrialState.RUNNING, key, seed=0))
    assert len(set(asked)) == 8


@pytest.mark.parametrize("pending", PENDING)
def test_it_finds_the_optimum_with_eight_trials_running_at_once(pending):
    assert max(t.measurements["score"] for t in _searched(_make(GP, pending), 80, workers=8)) >= -1


def test_graphs_have_distances_too():
    told = _searched(_make(GPWL, "penalize"), 30, workers=4)
    assert len({t.key for t in told}) == len(told) >= 20


def test_an_unknown_word_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="believer, liar, penalize") as caught:
        _make(GP, "penalise")
    assert "penalize" in str(caught.value.hint)


def _make(kind, pending):
    return kind(Setting(SPACE, SCORE, 0, budget=80, workers=8), pending=pending)


def _searched(strategy, trials, **search):
    setting = Setting(SPACE, SCORE, 0, budget=trials)
    planted = SPACE.sample(stream(0, "planted optimum"))
    told = synthetic_search(strategy, setting, lambda a: -planted_loss(SPACE, planted, a), trials, **search)
    return [t for t in told if t.is_complete]
