"""Scenarios and places: limits that are known or learned, a turn for each place, and the portfolio as a whole."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.places import Chances, parse_places
from searchitect.strategies.scenarios import Scenarios, _Model
from searchitect.trial import Proposal, Trial, TrialState

SCORE = (Objective("score", "maximize"),)


@sa.space
class Net:
    width: int = sa.integer(1, 16)
    depth: int = sa.integer(1, 16)


SPACE = sa.SearchSpace.of(Net)


def measured(architecture):
    """Better when wide and deep; each costs another device."""
    w, d = architecture["width"], architecture["depth"]
    return {"score": w + d - 0.02 * w * d, "wide_ms": float(w), "deep_ms": float(d)}


def facts(architecture, names):
    return {name: value for name, value in measured(architecture).items() if name in names and name != "score"}


PLACES = [
    {"name": "narrow", "limits": ["wide_ms<=4"]},
    {"name": "shallow", "limits": ["deep_ms<=4"]},
    {"name": "small", "limits": ["wide_ms<=8", "deep_ms<=8"], "importance": 3},
]


def run(trials=40, setting=None, **options):
    setting = setting or Setting(SPACE, SCORE, 1, budget=trials, facts=facts)
    strategy = make_strategy("scenarios", setting, {"places": PLACES, **options})
    done = []
    for number in range(trials):
        proposal = strategy.ask(number)
        if proposal is None:
            break
        key = SPACE.key(proposal.architecture)
        trial = Trial(number, proposal, TrialState.RUNNING, key, number)
        strategy.tell(trial)
        ended = dataclasses.replace(trial, state=TrialState.COMPLETE, measurements=measured(proposal.architecture))
        strategy.tell(ended)
        done.append(ended)
    return strategy, done


def best(trials, place):
    (parsed,) = parse_places([place], SCORE)
    kept = [t for t in trials if all(limit.holds(t.measurements) for limit in parsed.limits)]
    return max((t.measurements["score"] for t in kept), default=float("nan"))


@pytest.mark.parametrize("inspected", [40, 0])
def test_every_place_gets_its_best_in_one_search(inspected):
    _, done = run(inspected=inspected)
    everything = [
        Trial(0, Proposal(a), TrialState.COMPLETE, "", 0, measurements=measured(a)) for a in SPACE.enumerate()
    ]
    for place in PLACES:
        assert best(done, place) >= best(everything, place) - 0.8


def test_limits_are_learned_where_nothing_is_known_without_training():
    _, done = run(trials=24, setting=Setting(SPACE, SCORE, 1, budget=40))
    # The best of each place, (4, 16), (16, 4) and (8, 8), lies on its limit, and no trial is known to keep one.
    assert [best(done, place) for place in PLACES] == pytest.approx([18.72, 18.72, 14.72])


def test_no_more_limits_are_asked_for_than_inspected():
    asked = []

    def counted(architecture, names):
        asked.append(architecture.text)
        return facts(architecture, names)

    run(trials=16, setting=Setting(SPACE, SCORE, 1, budget=16, facts=counted), inspected=10)
    # Ten initial trials; then at most ten of each of the two rounds of candidates.
    assert len(asked) <= 1 + 6 * 2 * 10 + 16
    assert len(asked) == len(set(asked))


def test_a_study_without_places_is_an_ordinary_search():
    _, done = run(places=None)
    assert best(done, {"name": "all"}) == max(measured(a)["score"] for a in SPACE.enumerate())


def model(fitted, kept, shares=None):
    """A model of given losses, one posterior for all places."""
    found = _Model.__new__(_Model)
    found.fitted = np.asarray(fitted, dtype=float)
    found.worst = found.fitted.max(axis=0)
    found.costs = np.where(np.asarray(kept) > 0, found.fitted, found.worst)
    count = found.fitted.shape[1]
    found.shares = np.full(count, 1 / count) if shares is None else np.asarray(shares)
    found.of = [0] * count
    return found


def test_the_portfolio_of_the_trials_is_found_by_exchanges():
    # The middle trial is the best single one, the outer two together are perfect.
    losses = [[0, 0, 9, 9], [3, 3, 3, 3], [9, 9, 0, 0]]
    kept = np.ones((3, 4))
    assert model(losses, kept).members(1) == [1]
    assert sorted(model(losses, kept).members(2)) == [0, 2]


def test_a_saving_is_what_an_exchange_takes_off():
    found = model([[0.0, 4.0], [4.0, 0.0], [2.0, 2.0]], np.ones((3, 2)))

    class Sure:
        def predict(self, rows):
            return np.array([1.0, 1.0]), np.zeros(2)

    class Rows:
        def encode(self, architectures):
            return architectures

    found.posteriors = [Sure()]
    # One model: the middle one costs 2; the candidate 1 in both places where it may serve both, 2.5 where only one.
    gain = found.saving(Rows(), 1, random.Random(0))
    both, one = np.exp(gain([None, None], np.array([[1.0, 1.0], [1.0, 0.0]])))
    assert both == pytest.approx(1.0, rel=1e-4)
    assert one == pytest.approx(0.0, abs=1e-5)
    # Two models serve both perfectly: nothing is saved.
    assert np.exp(found.saving(Rows(), 2, random.Random(0))([None, None], np.ones((2, 2)))).max() < 1e-5


def test_an_uncertain_limit_is_learned_from_what_was_measured():
    places = parse_places([PLACES[0]], SCORE)
    from searchitect.predictors.gaussian_process import GaussianProcess
    from searchitect.predictors.kernels import Columns, DecisionKernel

    columns = Columns.of(SPACE)
    chances = Chances(Setting(SPACE, SCORE), places, columns, GaussianProcess(DecisionKernel(columns)))
    rng = random.Random(0)
    seen = [SPACE.sample(rng) for _ in range(40)]
    trials = [Trial(i, Proposal(a), TrialState.COMPLETE, "", 0, measurements=measured(a)) for i, a in enumerate(seen)]
    others = [SPACE.sample(rng) for _ in range(60)]
    found = chances.modelled(others, trials, learn=40)[:, 0]
    truth = np.array([a["width"] <= 4 for a in others])
    assert found[truth].mean() > 0.6
    assert found[~truth].mean() < 0.2
    assert not chances.are_known(others[0])
    assert chances.kept(trials)[:, 0].tolist() == [float(a["width"] <= 4) for a in seen]


def test_what_is_wanted_may_differ_from_place_to_place():
    places = [{"name": "a", "wanted": {"score": 1.0}}, {"name": "b", "wanted": {"score": 1.0, "wide_ms": 3.0}}]
    _, done = run(places=places)
    weighed = min(done[12:], key=lambda t: t.measurements["wide_ms"])
    assert weighed.measurements["wide_ms"] <= 3


@pytest.mark.parametrize(
    "places", ["a", [], [{"limit": ["a<=1"]}], [{"importance": 0}], [{"wanted": {"score": -1}}], [{"limits": "a<=1"}]]
)
def test_places_that_cannot_be_read_are_refused(places):
    with pytest.raises(ConfigError):
        Scenarios(Setting(SPACE, SCORE), places=places)
