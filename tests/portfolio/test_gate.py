from __future__ import annotations

import pytest

from searchitect.errors import ConstraintError, EvaluationError
from searchitect.objectives import parse_constraint
from searchitect.portfolio.gate import Gate, refuse_impossible, refuse_limits
from searchitect.portfolio.scenario import Scenario
from searchitect.spaces import SearchSpace
from tests.portfolio.places import FREE, TIGHT
from tests.study.parts import Net, facts

SPACE = SearchSpace.of(Net)
SMALL = Scenario(name="Small", limits=("parameters<=1000",))


def large():
    return next(a for a in SPACE.enumerate() if a["width"] == 64 and a["depth"] == 6 and a["kernel"] == 3)


def test_an_architecture_is_infeasible_only_where_no_scenario_can_be_served():
    assert Gate((TIGHT, FREE), facts).allowed(large()) == ()
    problems = Gate((TIGHT, SMALL), facts).allowed(large())
    assert len(problems) == 2
    assert problems[0].startswith("Tight: parameters is 38400")


def test_a_check_that_comes_before_is_asked_first():
    assert Gate((FREE,), facts, lambda a: ("not held",)).allowed(large()) == ["not held"]


def test_what_is_known_is_found_out_once():
    asked = []

    def counted(architecture, names):
        asked.append(architecture)
        return facts(architecture, names)

    gate = Gate((TIGHT,), counted)
    gate.allowed(large()), gate.facts(large(), frozenset({"parameters"})), gate.allowed(large())
    assert len(asked) == 1


def test_a_possible_scenario_is_let_through_however_tight():
    refuse_impossible(SPACE, (TIGHT, FREE, Scenario(name="tightest", limits=("parameters<=800",))), facts, 0)


def test_an_impossible_scenario_says_which_limit_and_by_how_much():
    with pytest.raises(ConstraintError) as caught:
        refuse_impossible(SPACE, (FREE, Scenario(name="Tiny", limits=("parameters<=640",))), facts, 0)
    assert "'Tiny' looks impossible" in str(caught.value)
    assert "the smallest is 800 (+25.0%)" in str(caught.value)


def test_limits_that_collide_are_named():
    def both(architecture, names):
        known = facts(architecture, frozenset({"parameters"}))
        return {**known, "flops": 1e7 / known["parameters"]}

    with pytest.raises(ConstraintError, match="each limit alone can be kept, but not together"):
        refuse_impossible(SPACE, (Scenario(name="a", limits=("parameters<=1000", "flops<=1000")),), both, 0)


def test_what_is_not_known_before_training_is_not_judged():
    refuse_impossible(SPACE, (Scenario(name="a", limits=("score>=99",)),), facts, 0)


def test_architectures_that_cannot_be_built_are_passed_over():
    def broken(architecture, names):
        raise EvaluationError("no model")

    refuse_impossible(SPACE, (SMALL,), broken, 0)


def limits(*texts):
    return [parse_constraint(text) for text in texts]


def test_limits_that_can_be_kept_are_let_through_however_tight():
    refuse_limits(SPACE, limits("parameters<=800"), facts, 0)
    refuse_limits(SPACE, limits("score>=99"), facts, 0)
    refuse_limits(SPACE, [], facts, 0)


def test_one_architecture_is_looked_at_where_it_keeps_the_limits():
    asked = []
    refuse_limits(SPACE, limits("parameters<=1e9"), lambda a, names: asked.append(a) or facts(a, names), 0)
    assert len(asked) == 1


def test_impossible_limits_say_which_and_by_how_much():
    with pytest.raises(ConstraintError, match=r"parameters<=640 is kept by none of \d+: the smallest is 800 \(\+25"):
        refuse_limits(SPACE, limits("parameters<=640"), facts, 0)


def test_limits_that_collide_are_named_with_what_they_lack():
    def both(architecture, names):
        return facts(architecture, names) | {"flops": 1e6 / facts(architecture, {"parameters"})["parameters"]}

    with pytest.raises(ConstraintError, match="each limit alone can be kept, but not together"):
        refuse_limits(SPACE, limits("parameters<=1000", "flops<=100"), both, 0)


def test_limits_are_not_judged_where_nothing_can_be_built():
    def broken(architecture, names):
        raise EvaluationError("too small")

    refuse_limits(SPACE, limits("parameters<=1000"), broken, 0)
