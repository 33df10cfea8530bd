from __future__ import annotations

import dataclasses
import statistics

import pytest
from hypothesis import given, settings, strategies as st

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import parse_objective
from searchitect.study.stopping import (
    curve_rule,
    is_stoppable,
    median_rule,
    peers_of,
    rule_name,
    stopping_rule,
    with_known,
)
from searchitect.trial import Fidelity, Proposal, Trial, TrialState

SCORE = (parse_objective("maximize score"),)
ERROR = (parse_objective("minimize error"),)
TWO = (*SCORE, parse_objective("minimize parameters"))
STEPS = 20


def trial(number, values, state=TrialState.COMPLETE, name="score", **more):
    """A trial that reported these values of one objective at steps 1, 2, …, of `STEPS`."""
    static = more.pop("static", {})
    reports = tuple((step, {name: value, **static}) for step, value in enumerate(values, 1))
    proposal = Proposal(sa.Architecture("s", {"n": number}), Fidelity(epochs=STEPS), **more)
    ended = {name: values[-1], **static} if state is TrialState.COMPLETE else {}
    return Trial(number, proposal, state, str(number), number, "search", ended, reports=reports)


def line(end, steps=STEPS):
    return [end * step / STEPS for step in range(1, steps + 1)]


def running(values, **more):
    return trial(99, values, TrialState.RUNNING, **more)


PEERS = [trial(n, line(end)) for n, end in enumerate((0.2, 0.4, 0.6, 0.8, 1.0))]


def test_a_trial_below_the_median_of_running_averages_is_stopped_with_its_numbers():
    # At step 10 the averages of the peers are 0.275 times their ends: 0.055, 0.11, 0.165, 0.22, 0.275.
    said = median_rule(running(line(0.3, 10)), PEERS, SCORE)
    assert said == (
        "median rule at step 10 (50%): best so far score 0.15 against 0.165, "
        "the median of the running averages of 5 complete trials"
    )
    assert median_rule(running(line(0.34, 10)), PEERS, SCORE) is None


def test_what_is_minimised_is_stopped_when_it_is_too_high():
    peers = [trial(n, [1 - v for v in line(end)], name="error") for n, end in enumerate((0.2, 0.4, 0.6, 0.8, 1.0))]
    assert median_rule(running([1 - v for v in line(0.3, 10)], name="error"), peers, ERROR) is not None
    assert median_rule(running([1 - v for v in line(0.9, 10)], name="error"), peers, ERROR) is None


def test_the_best_so_far_counts_not_the_last():
    values = line(0.3, 10)
    assert median_rule(running([0.9, *values[1:]]), PEERS, SCORE) is None


@pytest.mark.parametrize("rule", [median_rule, curve_rule])
def test_nobody_is_stopped_early_late_or_beside_too_few(rule):
    hopeless = [0.0] * STEPS
    assert rule(running(hopeless[:3]), PEERS, SCORE) is None  # 15 % of the training
    assert rule(running(hopeless), PEERS, SCORE) is None  # it has ended
    assert rule(running(hopeless[:10]), PEERS[:4], SCORE) is None
    assert rule(running([]), PEERS, SCORE) is None
    assert rule(running(hopeless[:10]), [], SCORE) is None


@pytest.mark.parametrize("rule", [median_rule, curve_rule])
def test_an_objective_that_nobody_reported_saves_the_trial(rule):
    assert rule(running([0.0] * 10), PEERS, (*SCORE, parse_objective("latency_ms"))) is None


def test_with_two_objectives_only_what_is_dominated_is_stopped():
    peers = [trial(n, line(0.5 + n / 10), static={"parameters": 100.0}) for n in range(5)]
    assert median_rule(running(line(0.1, 10), static={"parameters": 50.0}), peers, TWO) is None  # small, so of use
    assert median_rule(running(line(0.1, 10), static={"parameters": 100.0}), peers, TWO) is not None
    assert median_rule(running(line(0.9, 10), static={"parameters": 900.0}), peers, TWO) is None
    assert curve_rule(running(line(0.1, 10), static={"parameters": 50.0}), peers, TWO) is None


def saturating(end, steps=STEPS, bump=0.0):
    return [end * (1 - 0.6**step) + bump * (-1) ** step for step in range(1, steps + 1)]


def test_a_flat_curve_far_below_the_incumbent_is_stopped_and_a_promising_one_goes_on():
    peers = [trial(n, saturating(end, bump=0.002)) for n, end in enumerate((0.5, 0.6, 0.7, 0.8, 0.9))]
    said = curve_rule(running(saturating(0.4, 10, bump=0.002)), peers, SCORE)
    assert said is not None
    assert said.startswith("curve rule at step 10 (50%): the chance of beating trial 4 (score 0.3")
    assert curve_rule(running(saturating(0.95, 10, bump=0.002)), peers, SCORE) is None


def test_the_curve_rule_says_nothing_where_complete_trials_did_what_it_would_have_ruled_out():
    # An annealed schedule: flat until the last fifth, then a leap.
    leaping = [trial(n, [*saturating(0.5, 16, bump=0.001), 0.6, 0.75, 0.85, 0.9 + n / 100]) for n in range(8)]
    assert curve_rule(running(saturating(0.5, 12, bump=0.001)), leaping, SCORE) is None


def test_trials_of_other_lengths_are_compared_at_the_same_progress():
    peers = [
        dataclasses.replace(peer, reports=tuple((s, {**v, "progress": s / STEPS}) for s, v in peer.reports))
        for peer in PEERS
    ]
    half = dataclasses.replace(
        running([]), reports=tuple((step, {"score": 0.3 * step / 4, "progress": step / 4}) for step in (1, 2))
    )
    said = median_rule(half, peers, SCORE)
    assert said is not None
    assert "at step 2 (50%)" in said


def test_peers_are_complete_first_evaluations_of_the_search_at_the_same_fidelity():
    asked = running(line(0.1, 10))
    good = trial(0, line(0.5))
    others = [
        trial(1, line(0.5), TrialState.PRUNED),
        trial(2, line(0.5), replicate=1),
        dataclasses.replace(trial(3, line(0.5)), phase="confirm"),
        dataclasses.replace(trial(4, line(0.5)), reports=()),
        dataclasses.replace(trial(5, line(0.5)), reused=0),
        dataclasses.replace(good, proposal=dataclasses.replace(good.proposal, fidelity=Fidelity(epochs=3))),
    ]
    assert peers_of(asked, [good, *others]) == [good]


def test_what_decides_who_wins_is_never_stopped():
    assert is_stoppable(running([]))
    assert not is_stoppable(running([], replicate=1))
    for phase in ("confirm", "random"):
        assert not is_stoppable(dataclasses.replace(running([]), phase=phase))


def test_reports_are_filled_up_with_what_is_known_without_training():
    def facts(architecture, names):
        return {"parameters": 7.0} if "parameters" in names else {}

    assert with_known({"score": 1.0}, None, TWO, facts) == {"score": 1.0, "parameters": 7.0}
    assert with_known({"score": 1.0, "parameters": 9.0}, None, TWO, facts) == {"score": 1.0, "parameters": 9.0}
    assert with_known({"score": 1.0}, None, SCORE, facts) == {"score": 1.0}


def test_rules_have_names_and_an_unknown_one_is_refused_with_the_nearest():
    assert stopping_rule(None) is None
    assert rule_name(median_rule) == "median"
    assert stopping_rule("curve") is curve_rule
    with pytest.raises(ConfigError, match="there is no stopping rule 'medium'") as caught:
        stopping_rule("medium")
    assert caught.value.hint == "did you mean 'median'?"

    def mine(trial, peers, objectives):
        return None

    assert stopping_rule(mine) is mine
    assert rule_name(mine).endswith("mine")


@settings(max_examples=50, deadline=None)
@given(
    ends=st.lists(st.integers(0, 1000), min_size=5, max_size=12, unique=True),
    own=st.integers(0, 1000),
    steps=st.integers(4, STEPS - 1),
)
def test_of_lines_that_do_not_cross_the_median_rule_never_stops_one_above_the_median(ends, own, steps):
    peers = [trial(n, line(end)) for n, end in enumerate(ends)]
    stopped = median_rule(running(line(own, steps)), peers, SCORE) is not None
    if own >= statistics.median(ends):
        assert not stopped
    # The running average of a line is half of what it has reached, and a step.
    assert stopped == (own * steps < statistics.median(ends) * (steps + 1) / 2)
