import dataclasses

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.spaces import SearchSpace
from searchitect.strategies import Setting, make_strategy
from searchitect.testing.strategies import StrategyContract, synthetic_search
from searchitect.trial import Fidelity, TrialState
from tests.strategies.planted import SPACE, best_found, evaluate
from tests.strategies.spaces import Conditional

SCORE = (Objective("score", "maximize"),)


def climbed(trials, options=None, fidelity=Fidelity(epochs=20), score=None, seed=0, space=SPACE):
    setting = Setting(space, SCORE, seed, fidelity=fidelity)
    strategy = make_strategy("hill_climbing", setting, options)
    scored = score or (lambda p: float(sum(v for v in p.architecture.decisions.values())))
    return strategy, evaluate(strategy, setting, scored, trials)


def test_children_inherit_from_the_incumbent_and_train_a_share():
    _, trials = climbed(9, {"children": 8, "share": 0.25})
    start, *children = trials
    assert start.proposal.inherits is None
    assert start.proposal.fidelity.epochs == 20
    assert start.architecture == SPACE.default()
    assert {t.proposal.inherits for t in children} == {0}
    assert {t.proposal.fidelity.epochs for t in children} == {5}
    assert all(t.proposal.keeps for t in trials)


def test_the_incumbent_trained_on_competes_with_its_children():
    _, trials = climbed(9)
    assert [t.architecture == SPACE.default() for t in trials[:3]] == [True, True, False]


def test_the_best_child_is_the_next_incumbent():
    _, trials = climbed(17, {"children": 8})
    best = max(trials[1:9], key=lambda t: t.measurements["score"])
    assert {t.proposal.inherits for t in trials[9:17]} == {best.number}


def test_a_worse_generation_leaves_the_incumbent_and_tries_other_neighbours():
    _, trials = climbed(20, score=lambda p: float(p.architecture == SPACE.default() and p.inherits is None))
    assert {t.proposal.inherits for t in trials[1:]} == {0}
    assert len({t.key for t in trials[1:]}) == 19  # trained on once, then nothing but new neighbours


def test_moves_that_grow_come_first_three_for_each_other():
    planted = SPACE.read({"decisions": dict.fromkeys("abcdef", 2)})
    setting = Setting(SPACE, SCORE, fidelity=Fidelity(epochs=4))
    strategy = make_strategy("hill_climbing", setting)
    near = list(SPACE.neighbours(planted))
    ordered = list(strategy._ordered(near, planted))
    assert sorted(map(str, ordered)) == sorted(map(str, near))
    grows = [sum(a.decisions.values()) > sum(planted.decisions.values()) for a in ordered]
    assert grows[:8] == [True, True, True, False] * 2


def test_an_incumbent_with_ancestors_is_audited_from_scratch_at_what_its_lineage_cost():
    strategy, trials = climbed(40, {"children": 4, "audit_every": 2})
    audits = [t for t in trials if t.proposal.replicate]
    assert audits
    for audit in audits:
        lineage, number = [], audit.proposal.parent
        assert trials[number].key == audit.key
        while number is not None:
            lineage.append(trials[number].proposal.fidelity.epochs)
            number = trials[number].proposal.inherits
        assert audit.proposal.inherits is None
        assert audit.proposal.fidelity.epochs == sum(lineage) > 20
    assert f"{len(audits)} audits" in strategy.belief().note


def test_audits_show_how_far_inherited_weights_flatter():
    strategy, _ = climbed(
        40,
        {"children": 4, "audit_every": 1},
        score=lambda p: sum(p.architecture.decisions.values()) + 0.5 * (p.inherits is not None),
    )
    assert strategy.belief().note.endswith("the lineage leads by +0.5")


def test_no_audits_are_made_where_none_are_wanted():
    _, trials = climbed(40, {"children": 4, "audit_every": 0})
    assert not any(t.proposal.replicate for t in trials)


def test_a_fidelity_in_seconds_is_shared_too():
    _, trials = climbed(60, {"children": 4, "audit_every": 1}, fidelity=Fidelity(epochs=30, seconds=8.0))
    assert trials[1].proposal.fidelity == Fidelity(epochs=30, seconds=2.0)
    audit = next(t for t in trials if t.proposal.replicate)
    assert audit.proposal.fidelity == Fidelity(epochs=60, seconds=10.0)


def test_where_nothing_inherits_it_is_plain_hill_climbing():
    _, trials = climbed(60, fidelity=Fidelity())
    assert all(t.proposal.inherits is None and t.proposal.fidelity == Fidelity() for t in trials)
    assert len({t.key for t in trials}) == len(trials)
    assert max(t.measurements["score"] for t in trials) == 30.0


def test_a_climb_that_is_over_begins_anew():
    best = SPACE.default()
    _, trials = climbed(100, fidelity=Fidelity(), score=lambda p: float(p.architecture == best))
    starts = [t.number for t in trials if t.proposal.parent is None]
    assert starts[:2] == [0, 31]  # 30 neighbours


@pytest.mark.parametrize("workers", [1, 3])
def test_it_finds_a_planted_architecture(workers):
    found = [best_found("hill_climbing", seed, 200, {"children": 8}, workers) for seed in range(5)]
    assert sum(found) >= -1


class Inheriting(StrategyContract):
    """The contract with fidelities that can be shared: proposals inherit, train on and are audited."""

    def make(self, setting):
        return make_strategy("hill_climbing", setting, {"children": 3, "audit_every": 1})

    def setting(self, space, seed=0):
        return dataclasses.replace(super().setting(space, seed), fidelity=Fidelity(epochs=8))


@pytest.mark.parametrize("workers", [1, 4])
def test_the_contract_holds_with_inheritance(workers):
    space = SearchSpace.of(Conditional)
    Inheriting().check_replay_equals_live(space, workers)
    Inheriting().check_no_evaluation_is_proposed_twice(space)
    Inheriting().check_proposals_lie_in_the_space(space)


def test_a_failed_start_is_replaced():
    setting = Setting(SPACE, SCORE, fidelity=Fidelity(epochs=4))
    strategy = make_strategy("hill_climbing", setting)
    told = synthetic_search(strategy, setting, lambda a: 0.0, 1)
    strategy = make_strategy("hill_climbing", setting)
    for trial in (told[0], dataclasses.replace(told[0], state=TrialState.FAILED, measurements={}, reason="x")):
        strategy.tell(trial)
    proposal = strategy.ask(1)
    assert proposal.parent is None
    assert SPACE.key(proposal.architecture) != told[0].key


def test_a_reused_incumbent_hands_down_the_weights_of_the_original():
    setting = Setting(SPACE, SCORE, fidelity=Fidelity(epochs=4))
    strategy = make_strategy("hill_climbing", setting)
    _, (first,) = climbed(1, fidelity=Fidelity(epochs=4))
    again = dataclasses.replace(first, number=3, reused=1)
    strategy.tell(dataclasses.replace(again, state=TrialState.RUNNING, measurements={}))
    strategy.tell(again)
    assert strategy.ask(4).inherits == 1


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="children=0"):
        climbed(1, {"children": 0})
    with pytest.raises(ConfigError, match="share=1.5"):
        climbed(1, {"share": 1.5})


def test_it_is_listed():
    assert "hill_climbing" in sa.strategies.STRATEGIES
