"""A study is what its journal says: whoever changes one entry of the store is found out."""

from __future__ import annotations

import copy
import json
import random

import pytest

import searchitect as sa
from searchitect.api import verify
from searchitect.cli import main
from searchitect.cli.exits import ExitCode
from searchitect.errors import ConfigError, StorageError
from searchitect.storage.memory import MemoryStore
from tests.study.parts import Net, score

SEARCH = {"trials": 25, "confirm_seeds": 2, "strategy": "regularized_evolution", "options": {"population_size": 5}}


def measure(instance, context):
    architecture = {name: getattr(instance, name) for name in ("width", "depth", "kernel", "pool")}
    context.report(1, score=architecture["depth"] / 2, progress=0.5)
    value = score(architecture, context.seed)
    context.report(2, score=value, progress=1.0)
    return {"score": value, "parameters": architecture["width"] * 100.0}


def noisy(instance, context):
    return {"score": random.SystemRandom().random(), "parameters": 1.0}


def searched(evaluate=measure, **changes):
    """The events of a finished study: 25 trials of the search, as many random ones, and the confirmation."""
    settings = SEARCH | {"objectives": ["score"], "constraints": ["parameters<=5000"]} | changes
    store = MemoryStore()
    sa.search(space=Net, evaluate=evaluate, store=store, name="one", seed=5, **settings)
    return [event for _, event in store.journal("one").read()]


@pytest.fixture(scope="module")
def whole():
    """The journal of an honest study."""
    return searched()


def stored(journal, store=None):
    """A store with this journal."""
    kept = MemoryStore() if store is None else store
    journal_of = kept.journal("one", create=True)
    for event in journal:
        journal_of.append(event)
    return kept


def tampered(whole, kind, change, which=0):
    """A copy of the journal in which `change` was applied to one event of this kind."""
    events = copy.deepcopy(whole)
    change([event for event in events if event["kind"] == kind][which])
    return events


def checked(journal, **more):
    return verify("one", stored(journal), space=Net, evaluate=measure, **more)


def wrong(found):
    return {finding.row for finding in found.rehearsal.findings}


def test_an_honest_study_agrees_in_everything(whole):
    found = checked(whole, sample="all")
    assert found.agrees
    assert found.exact
    counts = found.rehearsal.counts
    kinds = [event["kind"] for event in whole]
    assert counts["journal"] >= len(kinds) - 1
    assert counts["proposals"] == sum(kind in ("start", "reused", "infeasible") for kind in kinds) >= 50
    assert counts["keys and seeds"] == counts["proposals"] + kinds.count("start")
    assert {repeat.status for repeat in found.repeats} == {"equal"}
    assert len(found.repeats) == kinds.count("start")


def test_a_changed_measurement_changes_what_is_asked_after_it(whole):
    store = tampered(whole, "end", lambda event: event["measurements"].update(score=99.0), which=3)
    found = checked(store, sample=0)
    assert not found.agrees
    assert "proposals" in wrong(found) or "decisions" in wrong(found)


def test_a_changed_measurement_in_its_last_digit_is_found_where_its_trial_is_run_again(whole):
    def change(event):
        event["measurements"]["score"] += 1e-12

    changed = tampered(whole, "end", change, which=7)
    number = [event["number"] for event in whole if event["kind"] == "end"][7]
    found = checked(changed, sample=0, trials=[number])
    assert [(repeat.trial, repeat.status, repeat.name) for repeat in found.repeats] == [(number, "differs", "score")]
    assert not found.agrees


def test_a_changed_proposal_is_found_with_what_was_asked_for(whole):
    def change(event):
        decisions = event["architecture"]["decisions"]
        decisions["pool"] = "average" if decisions["pool"] == "max" else "max"

    found = checked(tampered(whole, "start", change, which=12), sample=0)
    first = found.rehearsal.findings[0]
    number = [event["number"] for event in whole if event["kind"] == "start"][12]
    assert (first.row, first.where) == ("proposals", f"trial {number}")
    assert first.expected != first.found
    assert "pool=" in first.found


def test_a_changed_seed_of_a_trial_is_found(whole):
    store = tampered(whole, "start", lambda event: event.update(seed=event["seed"] + 1), which=4)
    found = checked(store, sample=0)
    assert [finding.row for finding in found.rehearsal.findings] == ["keys and seeds"]


def test_a_changed_seed_of_the_study_is_found(whole):
    store = tampered(whole, "manifest", lambda event: event.update(seed=6))
    assert {"proposals", "keys and seeds"} & wrong(checked(store, sample=0))


def test_a_changed_choice_of_finalists_or_of_the_winner_is_found(whole):
    def change(event):
        event["arms"]["search"][0] = next(n for n in range(25) if n not in event["arms"]["search"])

    found = checked(tampered(whole, "finalists", change), sample=0)
    assert "decisions" in wrong(found)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("end", lambda event: event.update(number=10_000)),
        ("end", lambda event: event.pop("measurements")),
        ("end", lambda event: event.update(state="splendid")),
        ("start", lambda event: event.update(number=7)),
        ("start", lambda event: event.pop("architecture")),
        ("start", lambda event: event.update(architecture=[1, 2])),
        ("finalists", lambda event: event.update(arms={"search": [10_000]})),
        ("finalists", lambda event: event.pop("fidelities")),
    ],
)
def test_a_journal_that_does_not_hang_together_is_a_finding_and_no_crash(whole, kind, change):
    found = checked(tampered(whole, kind, change), sample=0)
    assert not found.agrees
    assert "journal" in wrong(found) or "decisions" in wrong(found)


def test_an_event_that_was_taken_out_is_found(whole):
    assert not checked([*whole[:20], *whole[21:]], sample=0).agrees


def test_an_evaluation_that_is_not_reproducible_is_said_to_differ():
    found = verify("one", stored(searched(noisy, trials=6)), space=Net, evaluate=noisy)
    assert not found.rehearsal.findings
    assert {repeat.status for repeat in found.repeats} == {"differs"}


@pytest.mark.parametrize("stopping", [None, "median"])
@pytest.mark.parametrize("strategy", [pytest.param("gp", marks=pytest.mark.slow), "asha"])
def test_strategies_with_models_rungs_and_stopped_trials_agree(strategy, stopping):
    changes = {"strategy": strategy, "options": {}, "stopping": stopping, "recipe": sa.Recipe(epochs=9)}
    found = checked(searched(trials=20, random_search=False, **changes))
    assert found.agrees, found.rows()
    assert ("stops" in found.rehearsal.counts) == (stopping is not None)


def test_a_stop_that_no_rule_gave_is_found():
    journal = searched(stopping="median", trials=20, random_search=False)
    changed = tampered(journal, "report", lambda event: event.update(stop="because"), which=3)
    assert "stops" in wrong(checked(changed, sample=0))


def test_a_study_that_is_not_finished_is_verified_as_far_as_it_goes(whole):
    found = checked(whole[:30], sample=2)
    assert found.agrees
    assert len(found.repeats) == 2


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"sample": -1}, ConfigError, "sample"),
        ({"sample": "most"}, ConfigError, "sample"),
        ({"tolerance": float("nan")}, ConfigError, "tolerance"),
        ({"trials": [10_000]}, ConfigError, "no complete trial 10000"),
        ({"evaluate": None}, ConfigError, "your own function"),
    ],
)
def test_what_cannot_be_verified_is_refused(whole, changes, error, said):
    with pytest.raises(error, match=said):
        verify("one", stored(whole), **{"space": Net, "evaluate": measure, "sample": 0} | changes)


def test_a_study_that_is_not_there_is_refused(whole):
    with pytest.raises(StorageError, match="no study 'two'"):
        verify("two", stored(whole))


def test_a_study_of_ones_own_loop_is_refused_with_what_to_do():
    store = MemoryStore()
    with sa.Study(Net, store=store, name="own") as study:
        study.tell(study.ask(), 1.0)
    with pytest.raises(ConfigError, match="your own loop"):
        verify("own", store)


def test_the_command_prints_a_table_and_ends_with_4_where_something_differs(whole, capsys, monkeypatch):
    def change(event):
        event["measurements"]["score"] += 0.5

    journals = {"honest": whole, "changed": tampered(whole, "end", change, which=-1)}  # nothing is asked after it

    def verified(study, store, **more):
        return checked(journals[store], **more)

    monkeypatch.setattr("searchitect.api.verify", verified)
    assert main(["verify", "one", "--store", "honest", "--sample", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["what", "compared", "differ", "first", "difference"]
    assert said[-1] == "it agrees; trials had to be bit-equal"
    code = main(["verify", "one", "--store", "changed", "--sample", "all", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code == ExitCode.DIFFERS == 4
    assert document["agrees"] is False
    assert [trial["status"] for trial in document["trials"]].count("differs") == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"workers": 0}, {"workers": 2, "deterministic": True}, {"workers": 2}])
def test_a_study_that_trained_models_agrees_bit_by_bit(tmp_path, how):
    settings = {"trials": 3, "confirm_seeds": 1, "random_search": False, "recipe": sa.Recipe(epochs=1)} | how
    sa.search("iris", "mlp", store=tmp_path / "s.db", folder=tmp_path / "out", name="one", **settings)
    found = verify("one", tmp_path / "s.db", sample="all")
    assert found.agrees
    assert {repeat.status for repeat in found.repeats} == {"equal"}
    assert found.exact == (how != {"workers": 2})


@pytest.mark.parametrize("typed", ["some", "-1", "1" * 30])
def test_the_command_refuses_a_sample_that_is_no_number(typed, capsys):
    assert main(["verify", "one", f"--sample={typed}"]) == 1
    assert "--sample is a number of trials" in capsys.readouterr().err
