"""Members of a small space that limits probably allow: which are found, what is asked, and when nothing is listed."""

import random

import pytest

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.listed import MOST_LISTED, ListedMembers
from searchitect.testing.strategies import synthetic_search
from searchitect.trial import TrialState
from tests.strategies.planted import SPACE

SCORE = (Objective("score", "maximize"),)
PLACES = [(i, j) for i in range(6) for j in range(i)]


@sa.space
class Small:
    a: int = sa.choice(*range(5))
    b: int = sa.choice(*range(5))
    c: int = sa.choice(*range(5))
    d: int = sa.choice(*range(5))
    e: int = sa.choice(*range(5))


@sa.space
class Medium(Small):
    f: int = sa.choice(*range(5))


SMALL = sa.SearchSpace.of(Small)


def price(architecture):
    return sum(int(value) for _, value in architecture.items())


def tight(most):
    return lambda architecture: () if price(architecture) <= most else (f"a price above {most}",)


def test_most_of_what_it_holds_likely_is_allowed_and_little_that_is_allowed_is_missing():
    found = ListedMembers(Setting(SMALL, SCORE, check=tight(5))).likely(50, (), set(), 3_125, random.Random(0))
    allowed = [a for a in SMALL.enumerate() if price(a) <= 5]
    assert len(set(allowed) & set(found)) >= 0.95 * len(allowed)
    assert len(found) <= 2.5 * len(allowed) + 50


def test_what_was_tried_is_left_out_and_no_more_than_asked_for_comes_back():
    listed = ListedMembers(Setting(SMALL, SCORE, check=tight(5)))
    whole = listed.likely(0, (), set(), 3_125, random.Random(0))
    tried = {SMALL.key(a) for a in whole[:50]}
    assert not tried & {SMALL.key(a) for a in listed.likely(0, (), tried, 3_125, random.Random(0))}
    assert len(listed.likely(0, (), set(), 20, random.Random(0))) == 20


def test_two_that_know_the_same_answer_the_same_whatever_they_were_asked_before():
    setting = Setting(SMALL, SCORE, check=tight(5))
    asked, fresh = ListedMembers(setting), ListedMembers(setting)
    for number in range(60):
        asked.likely(number, (), set(), 100, random.Random(number))
    assert asked.likely(60, (), set(), 100, random.Random(1)) == fresh.likely(60, (), set(), 100, random.Random(1))


def test_verdicts_that_change_are_heard_of():
    most = [5]

    def check(architecture):
        return tight(most[0])(architecture)

    listed = ListedMembers(Setting(SMALL, SCORE, check=check))
    before = listed.likely(20, (), set(), 3_125, random.Random(0))
    most[0] = 3
    after = listed.likely(20, (), set(), 3_125, random.Random(0))
    assert sum(map(price, after)) / len(after) < sum(map(price, before)) / len(before)


@pytest.mark.parametrize(("space", "most"), [(SMALL, 100), (SPACE, 5)], ids=["loose limits", "a large space"])
def test_nothing_is_listed_under_loose_limits_or_in_a_large_space(space, most):
    calls = []

    def check(architecture):
        calls.append(architecture)
        return tight(most)(architecture)

    assert SPACE.size() > MOST_LISTED
    assert ListedMembers(Setting(space, SCORE, check=check)).likely(50, (), set(), 100, random.Random(0)) == []
    assert len(calls) <= 40


def test_where_hardly_anything_is_allowed_it_waits_for_an_allowed_trial():
    only = SMALL.read({"decisions": dict.fromkeys("abcde", 0)})
    listed = ListedMembers(Setting(SMALL, SCORE, check=lambda a: () if a == only else ("no",)))
    assert listed.likely(0, (), set(), 100, random.Random(0)) == []
    assert only in listed.likely(10, (only,), set(), 100, random.Random(0))


def test_a_search_under_a_tight_limit_finds_the_best_of_what_is_allowed():
    """1,548 of 15,625 members are allowed; pairs of decisions matter as much as single ones."""
    space = sa.SearchSpace.of(Medium)
    single = {(i, v): v + stream(1, "w", i, v).gauss(0.0, 0.5) for i in range(6) for v in range(5)}
    pairs = {
        (i, j, v, u): stream(1, "p", i, j, v, u).gauss(0.0, 1.0)
        for i, j in PLACES for v in range(5) for u in range(5)
    }  # fmt: skip

    def score(architecture):
        x = [int(value) for _, value in architecture.items()]
        return sum(single[i, v] for i, v in enumerate(x)) + sum(pairs[i, j, x[i], x[j]] for i, j in PLACES)

    best = max(score(a) for a in space.enumerate() if price(a) <= 7)
    setting = Setting(space, SCORE, 1, tight(7), 60)
    told = synthetic_search(make_strategy("auto", setting), setting, score, 60)
    assert max(t.measurements["score"] for t in told if t.state is TrialState.COMPLETE) == pytest.approx(best)


def test_a_search_rebuilt_under_a_tight_limit_asks_what_the_live_one_does():
    setting = Setting(SMALL, SCORE, 3, tight(4), 40)
    told = synthetic_search(make_strategy("gp", setting), setting, lambda a: float(price(a)), 25)
    live = make_strategy("gp", setting)
    for trial in told:
        live.ask(trial.number)
        live.tell(trial)
    rebuilt = make_strategy("gp", setting)
    for trial in told:
        rebuilt.tell(trial)
    assert rebuilt.ask(25) == live.ask(25)
