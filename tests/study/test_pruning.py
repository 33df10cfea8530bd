"""Space pruning: the planted optimum survives, traps recover, and a resumed study prunes as it did."""

import dataclasses

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.storage import open_store
from searchitect.strategies import make_strategy
from searchitect.study import Study
from searchitect.study.events import without_clock
from searchitect.study.pruning import EVERY, FIRST, KIND, pruning_notes


@sa.space
class Rows:
    """`bad` options cost much, whatever else is decided."""

    a: str = sa.choice("best", "good", "bad")
    b: str = sa.choice("best", "good", "bad")
    c: str = sa.choice("best", "good", "bad")
    d: str = sa.choice("best", "good", "bad")
    e: str = sa.choice("best", "good", "bad")


VALUES = {"best": 1.0, "good": 0.8, "bad": -2.0}


def additive(architecture):
    return sum(VALUES[architecture[path]] for path in "abcde")


def trap(architecture):
    """`bad` everywhere is best of all; a single one is worse than none."""
    bad = sum(architecture[path] == "bad" for path in "abc")
    return 20.0 if bad == 3 else additive(architecture)


def run(score, trials, *, strategy="random", store=None, seed=0, **arguments):
    study = Study(Rows, strategy=strategy, seed=seed, store=store, prune_space=True, budget=trials, **arguments)
    go_on(study, score, trials)
    return study


def go_on(study, score, trials):
    while len(study.trials) < trials and (trial := study.ask()) is not None:
        study.tell(trial, score(trial.architecture))


def events(study):
    return list(study.state.marks.get(KIND, ()))


def left_out(study):
    return set(study.pruning.out)


@pytest.mark.parametrize("strategy", ["random", "regularized_evolution", "predictor", "nsga2"])
def test_hopeless_options_are_left_out_and_the_optimum_survives(strategy):
    study = run(additive, 90, strategy=strategy)
    assert left_out(study)
    assert {option for _, option in left_out(study)} == {"bad"}
    (first, *_) = events(study)
    assert first["after"] >= FIRST
    assert first["after"] % EVERY == 0
    assert "chance to belong to the 8 best architectures is below 2%" in first["out"][0]["reason"]


def test_nothing_is_left_out_before_there_is_evidence_or_where_no_model_can_rank():
    assert events(run(additive, FIRST)) == []
    luck = sa.SearchSpace.of(Rows)
    noise = run(lambda a: hash(luck.key(a)[:8]) % 997 / 997, 0)
    go_on(noise, lambda a: int(luck.key(a)[:6], 16) / 16**6, 70)
    assert events(noise) == []


def test_most_proposals_keep_away_from_what_is_left_out_and_some_do_not():
    study = run(additive, 150)
    begun = events(study)[0]["after"]
    gone = {(e["path"], e["option"]) for e in events(study)[0]["out"]}
    later = [t for t in study.trials if t.number >= begun]
    with_it = [t for t in later if any(t.architecture[path] == option for path, option in gone)]
    assert 0.05 < len(with_it) / len(later) < 0.4  # a quarter is free to take them, and most of these do


def test_without_the_switch_nothing_is_pruned():
    with Study(Rows, strategy="random", budget=90) as study:
        go_on(study, additive, 90)
        assert study.pruning is None
        assert KIND not in study.state.marks


def test_an_option_that_is_bad_alone_and_best_in_company_comes_back_once_that_is_seen():
    study = run(trap, 500, strategy="regularized_evolution", seed=3)
    gone = {(entry["path"], entry["option"]) for event in events(study) for entry in event["out"]}
    came_back = {(entry["path"], entry["option"]) for event in events(study) for entry in event["back"]}
    assert {("a", "bad"), ("b", "bad"), ("c", "bad")} & gone <= came_back
    assert came_back
    assert not {("a", "bad"), ("b", "bad"), ("c", "bad")} & left_out(study)
    assert max(t.measurements["score"] for t in study.trials) >= 20
    assert any("brought back" in note for note in pruning_notes(study.state.marks))


def test_options_that_cannot_keep_a_limit_known_beforehand_are_left_out_before_the_first_trial():
    sizes = {"best": 10, "good": 20, "bad": 1_000}

    def facts(architecture, names):
        return {"parameters": float(sum(sizes[architecture[path]] for path in "abcde"))}

    study = run(additive, 5, facts=facts, constraints=["parameters<=500"])
    (event,) = events(study)
    assert event["after"] == 0
    assert {(e["path"], e["option"]) for e in event["out"]} == {(path, "bad") for path in "abcde"}
    assert (
        "no architecture with it keeps parameters<=500: the nearest that was found exceeds the limits by"
        in (event["out"][0]["reason"])
    )


def test_an_impossible_limit_leaves_nothing_out():
    study = run(additive, 1, facts=lambda a, names: {"parameters": 9.0}, constraints=["parameters<=1"])
    assert events(study) == []


def test_options_that_break_a_measured_limit_are_left_out():
    with Study(Rows, strategy="random", prune_space=True, constraints=["latency_ms<=20"], budget=80) as study:
        while len(study.trials) < 80 and (trial := study.ask()) is not None:
            slow = 30.0 if trial.architecture["a"] == "good" else 5.0
            others = sum(trial.architecture[path] == "bad" for path in "bcde")
            study.tell(trial, additive(trial.architecture), latency_ms=slow + others)
        assert "latency_ms<=20" in study.pruning.out["a", "good"]


@pytest.mark.parametrize("strategy", ["random", "regularized_evolution", "local_search", "tpe", "auto", "sobol"])
def test_a_resumed_study_prunes_as_the_uninterrupted_one(strategy, tmp_path):
    whole = run(additive, 75, strategy=strategy, store=str(tmp_path / "whole.db"))
    stored = str(tmp_path / "cut.db")
    for until in (29, 30, 41, 60, 75):
        study = Study(Rows, strategy=strategy, store=stored, prune_space=True, budget=75)
        go_on(study, additive, until)
        study.close()

    def journal(path):
        return [without_clock(event) for _, event in open_store(path).journal("study").read()]

    whole.close()
    assert journal(str(tmp_path / "whole.db")) == journal(stored)
    if strategy in ("random", "regularized_evolution", "sobol"):  # others keep away from bad options by themselves
        assert any(event["kind"] == KIND for event in journal(stored))


def test_the_users_word_holds_against_the_evidence():
    study = run(additive, 60)
    option = next(iter(left_out(study)))
    study.pruning.say(study, *option, leave_out=False)
    study.pruning.say(study, "e", "best", leave_out=True)
    go_on(study, additive, 120)
    assert option not in left_out(study)
    assert study.pruning.out["e", "best"] == "by the user's word"
    study.pruning.say(study, "e", "best", leave_out=False)
    assert ("e", "best") not in left_out(study)


def test_a_wrong_word_is_explained():
    study = run(additive, 3)
    with pytest.raises(ConfigError, match="no decision 'f' has options"):
        study.pruning.say(study, "f", "bad", leave_out=True)
    with pytest.raises(ConfigError, match="a has no option 'worst'\n.*best"):
        study.pruning.say(study, "a", "worst", leave_out=True)
    study.pruning.say(study, "a", "bad", leave_out=True)
    study.pruning.say(study, "a", "good", leave_out=True)
    with pytest.raises(ConfigError, match="'best' is the last option of a that is left"):
        study.pruning.say(study, "a", "best", leave_out=True)


def test_a_grid_still_visits_everything():
    study = run(additive, 243, strategy="grid")
    assert len({trial.key for trial in study.trials}) == 243


def test_random_search_beside_it_is_not_restricted():
    study = run(additive, 90)
    gone = left_out(study)
    study.enter("random", make_strategy("random", dataclasses.replace(study.setting, seed=5)))
    go_on(study, additive, 190)
    own = [t for t in study.trials if t.phase == "random"]
    share = sum(any(t.architecture[p] == o for p, o in gone) for t in own) / len(own)
    assert share > 0.5
