from __future__ import annotations

import dataclasses

import pytest

from searchitect.errors import ConfigError
from searchitect.portfolio.planning import PortfolioPlan, check_size, plan_from
from searchitect.portfolio.scenario import Scenario
from searchitect.result import read_result
from searchitect.storage import open_store
from tests.portfolio.places import FREE, PLAN, TIGHT, PlacesExecutor, PlacesJudge, make_study, run_places
from tests.study.parts import journal


@pytest.fixture(scope="module")
def finished():
    judge = PlacesJudge()
    study = make_study()
    run_places(study, judge=judge)
    return study, judge, read_result(event for _, event in study.store.journal(study.name).read())


def test_both_arms_choose_and_confirm_their_portfolio(finished):
    study, _, result = finished
    [chosen] = study.state.marks["portfolio"]
    [finalists] = study.state.marks["finalists"]
    assert set(chosen["arms"]) == {"search", "random"}
    for arm in ("search", "random"):
        assert finalists["arms"][arm] == chosen["arms"][arm]["members"]
        assert 1 <= len(finalists["arms"][arm]) <= 2
        assert chosen["arms"][arm]["exact"]
    confirmed = {t.key for t in study.state.of_phase("confirm")}
    assert {f.key for f in result.finalists} == confirmed
    assert all(len(f.values) == 3 for f in result.finalists)


def test_each_scenario_gets_the_best_confirmed_member_that_keeps_its_limits(finished):
    _, _, result = finished
    portfolio = result.portfolio()
    tight, free = portfolio["Tight"], portfolio["free"]
    assert portfolio.member(tight.member).mean["parameters"] <= 6000
    best = max(f.mean["score"] for f in result.finalists if f.arm == "search")
    assert portfolio.member(free.member).mean["score"] == best
    assert portfolio.served == 1.0
    assert tight.feasibility[0].holds
    assert tight.interval[0] < tight.value < tight.interval[1]
    assert tight.folder == "portfolio/tight"


def test_the_regret_is_against_the_best_known_for_the_scenario(finished):
    study, _, result = finished
    portfolio = result.portfolio()
    seen = [t for t in study.state.trials if t.phase in ("search", "random") and t.is_complete]
    member = portfolio.member(portfolio["Tight"].member)
    best = max(t.measurements["score"] for t in seen if t.measurements["parameters"] <= 6000)
    own = study.state.trials[member.found].measurements["score"]
    assert portfolio["Tight"].regret == pytest.approx(best - own)
    expected = (3 * portfolio["Tight"].regret + portfolio["Free"].regret) / 4
    assert portfolio.expected_regret == pytest.approx(expected)


def test_a_choice_is_called_proven_only_where_fresh_seeds_left_it_as_it_was(finished):
    study, _, result = finished
    portfolio = result.portfolio()
    [chosen] = study.state.marks["portfolio"]
    rows = [study.state.trials[n].measurements for n in chosen["arms"]["search"]["members"]]
    every = [t.measurements for t in study.state.trials if t.phase in ("search", "random") and t.is_complete]
    least = [
        max(r["score"] for r in every if r["parameters"] <= most)
        - max(r["score"] for r in rows if r["parameters"] <= most)
        for most in (6000, float("inf"))
    ]
    seen = (3 * least[0] + least[1]) / 4
    assert portfolio.exact == (portfolio.expected_regret == pytest.approx(seen))
    assert portfolio.bound == pytest.approx(seen)
    assert portfolio.bound <= portfolio.expected_regret + 1e-9


def test_why_nothing_serves_is_said_of_all_that_was_tried():
    from searchitect.portfolio.reading import _unserved

    place = Scenario(name="tiny", limits=["parameters<=10"])
    tried = [{"parameters": float(n)} for n in (40, 20, 30)]
    assert _unserved(place, tried, "of 1") == "parameters<=10 is kept by none of 3: the smallest is 20 (+100.0%)"
    assert _unserved(place, [*tried, {"parameters": 5.0}], "of 1") == "of 1"


def test_a_broken_limit_is_shown_for_the_member_that_serves_elsewhere(finished):
    _, _, result = finished
    portfolio = result.portfolio()
    free = portfolio["Free"].member
    if free != portfolio["Tight"].member:
        assert portfolio.cells["tight", free].broken == ("parameters<=6000",)
        assert portfolio.cells["tight", free].regret is None


def test_the_test_data_are_opened_once_for_all_frozen_models(finished):
    study, judge, result = finished
    assert judge.opened == 1
    [opened] = study.state.marks["test_opened"]
    assert opened["places"] == judge.places
    assert set(opened["places"]) == {"search", "random"}
    tight = result.portfolio()["Tight"]
    assert (tight.test, tight.test_interval) == (4.0, (3.5, 4.5))
    assert opened["places"]["search"]["tight"] == list(result.portfolio().member(tight.member).trials)


def test_the_verdict_is_over_all_scenarios(finished):
    _, _, result = finished
    assert result.verdict.kind == "search_helped"
    assert "2 scenario(s), weighted by importance" in result.verdict.sentence
    assert result.verdict == result.portfolio().verdict


def test_agreement_is_read_from_the_journal(finished):
    study, judge, result = finished
    portfolio = result.portfolio()
    assert len(judge.served) == 1
    assert len(study.state.marks["served"]) == 1
    assert len(portfolio.agreement) == len(portfolio.members)
    if len(portfolio.members) == 2:
        assert portfolio.agreement[0][1] == 0.9
        assert 0 < portfolio.diversity <= 1


def test_the_document_is_plain_data(finished):
    import json

    document = finished[2].document()["portfolio"]
    json.dumps(document)
    assert {one["scenario"] for one in document["scenarios"]} == {"Tight", "Free"}
    assert document["trade_offs"][0]["limit"] == "parameters<=6000"


def test_an_interrupted_study_ends_with_the_same_portfolio(tmp_path):
    whole = make_study()
    run_places(whole)
    store = open_store("memory:")
    study = make_study(store=store)
    broken = PlacesExecutor(fail=lambda job: None)
    original = broken.submit

    def submit(job):
        if job.number == 62:  # in the confirmation
            raise KeyboardInterrupt
        original(job)

    broken.submit = submit
    with pytest.raises(KeyboardInterrupt):
        run_places(study, executor=broken)
    study.close()
    again = make_study(store=store)
    run_places(again)
    assert journal(again) == journal(whole)


def test_a_resumed_study_must_have_the_same_scenarios():
    store = open_store("memory:")
    make_study(store=store).close()
    other = PortfolioPlan((dataclasses.replace(TIGHT, importance=1), FREE), 2)
    with pytest.raises(ConfigError, match="portfolio"):
        make_study(other, store=store)


def test_a_scenario_that_nothing_serves_says_which_limits_collide():
    late = Scenario(name="Late", limits=("score>=99",))
    plan = PortfolioPlan((late, FREE), 2)
    study = make_study(plan)
    run_places(study, plan)
    portfolio = read_result(e for _, e in study.store.journal(study.name).read()).portfolio()
    assert portfolio["Late"].member is None
    assert "score>=99 is kept by none" in portfolio["Late"].problem
    assert portfolio["Free"].member == "A"
    assert portfolio.served == 0.5


def test_a_scenario_is_judged_on_its_own_data():
    own = Scenario(name="Own", slice="label == 'x'")
    plan = PortfolioPlan((own, FREE), 1)
    study = make_study(plan)
    run_places(study, plan)
    portfolio = read_result(e for _, e in study.store.journal(study.name).read()).portfolio()
    assert portfolio["Own"].metric == "score_own"
    assert portfolio["Own"].value == pytest.approx(portfolio["Free"].value / 2)


def test_other_scenarios_are_served_from_what_was_measured(finished):
    _, _, result = finished
    smaller = [{"name": "tiny", "limits": ["parameters<=2000"]}, {"name": "free"}]
    portfolio = result.portfolio(smaller, size=1)
    assert len(portfolio.members) == 1
    assert portfolio.members[0].mean["parameters"] <= 2000
    with pytest.raises(ConfigError, match="did not measure"):
        result.portfolio([{"name": "a", "limits": ["latency_ms<=2"]}])
    with pytest.raises(ConfigError, match="at least 1"):
        result.portfolio(smaller, size=0)
    assert len(result.portfolio(size=1).members) == 1


def test_a_search_without_scenarios_says_so():
    from tests.study import parts

    study = parts.make_study()
    parts.run(study)
    result = read_result(e for _, e in study.store.journal(study.name).read())
    with pytest.raises(ConfigError, match="no search for scenarios"):
        result.portfolio()
    assert result.document()["portfolio"] is None
    assert len(result.portfolio([{"name": "tiny", "limits": ["parameters<=3000"]}]).members) == 1


def test_a_plan_is_written_and_read():
    assert plan_from(PLAN.to_json()) == PLAN
    assert PLAN.importance() == [0.75, 0.25]
    assert check_size(None, PLAN.scenarios) == 2
    assert check_size(9, PLAN.scenarios) == 2
