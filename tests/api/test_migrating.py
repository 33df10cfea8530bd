"""A study whose space has changed: carried over trial by trial, or refused."""

import json

import pytest

import searchitect as sa
from searchitect import api
from searchitect.errors import ConfigError, SpaceError, StorageError
from searchitect.spaces import Architecture, SearchSpace
from searchitect.storage import MemoryStore
from searchitect.study.manifest import MIGRATED
from searchitect.trial import Proposal, TrialState


@sa.space
class Old:
    width: int = sa.choice(8, 16, 32)
    kernel: int = sa.choice(3, 5)


@sa.space
class Wider:
    width: int = sa.choice(8, 16, 32, 64)
    kernel: int = sa.choice(3, 5)


@sa.space
class Deeper:
    width: int = sa.choice(8, 16, 32)
    kernel: int = sa.choice(3, 5)
    activation: str = sa.choice("gelu", "relu", before="relu")


@sa.space
class Unsaid:
    width: int = sa.choice(8, 16, 32)
    kernel: int = sa.choice(3, 5)
    activation: str = sa.choice("gelu", "relu")


@sa.space
class Narrow:
    width: int = sa.choice(8, 16)
    kernel: int = sa.choice(3, 5)


@sa.space
class Sorted:
    width: int = sa.choice(8, 16, 32)
    kernel: int = sa.choice(3, 5)

    def canonical(self) -> "Sorted":
        return Sorted(self.width, 3) if self.width == 8 else self


class Listed:
    """Proposes what it is given."""

    def __init__(self, *proposals):
        self.proposals, self.told = proposals, 0

    def ask(self, number):
        return self.proposals[self.told] if self.told < len(self.proposals) else None

    def tell(self, trial):
        self.told += trial.state in (TrialState.RUNNING, TrialState.INFEASIBLE)


def proposal(width, kernel=3, space=Old, **lineage):
    return Proposal(Architecture(SearchSpace.of(space).digest, {"width": width, "kernel": kernel}), **lineage)


def told(store, *proposals, space=Old, name="old", unfinished=0):
    """A study of these proposals, each measured by its width; the last ones stay running."""
    strategy = Listed(*proposals)
    with sa.Study(space, strategy=strategy, store=store, name=name) as study:
        started = []
        while (trial := study.ask()) is not None:
            started.append(trial)
        for trial in started[: len(started) - unfinished]:
            study.tell(trial, float(trial.architecture["width"]))


def events(store, name):
    return [event for _, event in store.journal(name).read()]


def read(store, name):
    return api.open_result(name, store)


def decisions(result):
    return [tuple(trial.architecture.decisions.values()) for trial in result.trials]


def test_a_space_grown_by_an_option_takes_every_trial_and_its_result():
    store = MemoryStore()
    told(store, proposal(8), proposal(32, 5))
    moved = api.migrate("old", "new", space=Wider, store=store)
    assert (moved.carried, moved.refused, moved.left_out) == (2, (), ())
    old, new = read(store, "old"), read(store, "new")
    space = SearchSpace.of(Wider)
    for before, after in zip(old.trials, new.trials, strict=True):
        assert space.contains(after.architecture)
        assert after.key == space.key(after.architecture)
        assert after.architecture.decisions == before.architecture.decisions
        assert (after.number, after.seed, after.state) == (before.number, before.seed, before.state)
        assert (after.measurements, after.clock) == (before.measurements, before.clock)
    assert new.best.measurements == {"score": 32.0}


def test_the_new_manifest_is_that_of_the_new_space_and_says_where_it_came_from():
    store = MemoryStore()
    told(store, proposal(8), proposal(32, 5))
    api.migrate("old", "new", space=Wider, store=store)
    old, new = events(store, "old")[0], events(store, "new")[0]
    assert new["study"] == "new"
    assert new["space"]["digest"] == SearchSpace.of(Wider).digest
    assert new["space"]["description"] == json.loads(json.dumps(SearchSpace.of(Wider).describe()))
    assert new["space"]["source_digest"] not in (None, old["space"]["source_digest"])
    assert all(new[name] == old[name] for name in ("version", "strategy", "seed", "settings", "details"))
    origin = new["recorded"][MIGRATED]
    assert (origin["study"], origin["space_digest"], origin["numbers"]) == ("old", old["space"]["digest"], [0, 1])
    assert any("measured in study 'old', in an earlier space: 2 trials" in text for text in read(store, "new").warnings)


def test_a_new_decision_takes_what_was_declared_or_given_and_is_never_guessed():
    store = MemoryStore()
    told(store, proposal(8), proposal(32, 5))
    api.migrate("old", "declared", space=Deeper, store=store)
    assert decisions(read(store, "declared")) == [(8, 3, "relu"), (32, 5, "relu")]
    api.migrate("old", "given", space=Unsaid, store=store, values={"activation": "gelu"})
    assert decisions(read(store, "given")) == [(8, 3, "gelu"), (32, 5, "gelu")]
    with pytest.raises(SpaceError, match="2 of the 2 trials.*cannot be carried over") as caught:
        api.migrate("old", "guessed", space=Unsaid, store=store)
    assert "'activation' cannot be carried over" in caught.value.message
    assert "declare it with before=" in caught.value.hint
    assert "drop=True" in caught.value.hint


def test_a_space_shrunk_by_an_option_that_no_trial_used_takes_them_all():
    store = MemoryStore()
    told(store, proposal(8), proposal(16, 5))
    assert api.migrate("old", "new", space=Narrow, store=store).carried == 2
    assert decisions(read(store, "new")) == [(8, 3), (16, 5)]


def test_one_trial_that_does_not_exist_any_more_refuses_all_and_nothing_is_written():
    store = MemoryStore()
    told(store, proposal(8), *(proposal(32, kernel) for kernel in (3, 5)), proposal(16))
    before = events(store, "old")
    with pytest.raises(SpaceError, match="2 of the 4 trials of study 'old' cannot be carried over") as caught:
        api.migrate("old", "new", space=Narrow, store=store)
    assert "trial 1: the decision 'width'" in caught.value.message
    assert "trial 2: the decision 'width'" in caught.value.message
    assert [info.name for info in store.studies()] == ["old"]
    assert events(store, "old") == before


def test_the_message_lists_the_first_reasons_and_counts_the_others():
    store = MemoryStore()
    told(store, *(proposal(32, replicate=n) for n in range(5)), proposal(8))
    with pytest.raises(SpaceError, match=r"trial 0: .*\n  trial 1: .*\n  trial 2: .*\n  … and 2 more") as caught:
        api.migrate("old", "new", space=Narrow, store=store)
    assert "trial 3" not in caught.value.message


def test_dropping_leaves_such_trials_behind_and_says_which():
    store = MemoryStore()
    told(store, proposal(32), proposal(8), proposal(16, parent=0), proposal(16, 5, parent=1))
    moved = api.migrate("old", "new", space=Narrow, store=store, drop=True)
    assert moved.carried == 3
    assert [number for number, _ in moved.refused] == [0]
    new = read(store, "new")
    assert decisions(new) == [(8, 3), (16, 3), (16, 5)]
    assert [t.number for t in new.trials] == [0, 1, 2]
    assert [t.proposal.parent for t in new.trials] == [None, None, 0]
    assert [t.measurements["score"] for t in new.trials] == [8.0, 16.0, 16.0]
    assert any("left behind: 1 trial" in text for text in new.warnings)
    assert moved.document()["refused"] == [{"trial": 0, "reason": moved.refused[0][1]}]
    assert "left behind: 1 trial" in moved.lines()


def test_a_trial_that_continues_one_left_behind_is_left_behind_too():
    store = MemoryStore()
    told(store, proposal(32), proposal(16, continues=0), proposal(16), proposal(8, inherits=2))
    moved = api.migrate("old", "new", space=Narrow, store=store, drop=True)
    assert dict(moved.refused)[1] == "it builds on trial 0, which is not carried over"
    assert [t.proposal.inherits for t in read(store, "new").trials] == [None, 0]


def test_repeats_are_carried_with_their_original_and_running_trials_are_left_out():
    store = MemoryStore()
    told(store, proposal(32), proposal(8), proposal(8), proposal(32), proposal(16), unfinished=1)
    moved = api.migrate("old", "new", space=Narrow, store=store, drop=True)
    assert [number for number, _ in moved.refused] == [0]
    assert moved.left_out == (3, 4)
    new = read(store, "new")
    assert [(t.number, t.reused) for t in new.trials] == [(0, None), (1, 0)]
    assert new.trials[1].measurements == {"score": 8.0}


def test_a_repeat_that_the_new_space_tells_apart_is_left_out():
    store = MemoryStore()
    told(store, proposal(8, 5, Sorted), proposal(8, 3, Sorted), space=Sorted)
    assert read(store, "old").trials[1].reused == 0
    moved = api.migrate("old", "new", space=Old, store=store)
    assert (moved.carried, moved.left_out) == (1, (1,))


def test_failed_and_infeasible_trials_stay_what_they_were():
    store = MemoryStore()

    def evaluate(shape):
        if shape.width == 16:
            raise RuntimeError("planted")
        return shape.width

    sa.search(space=Old, evaluate=evaluate, strategy="grid", store=store, name="old", confirm_seeds=0)
    outside = proposal(7)
    with sa.Study(Old, strategy=Listed(outside, proposal(8)), store=store, name="outside") as study:
        study.tell(study.ask(), 1.0)
    api.migrate("old", "new", space=Wider, store=store)
    failed = [t for t in read(store, "new").trials if t.state is TrialState.FAILED]
    assert [t.architecture["width"] for t in failed] == [16, 16]
    assert all("planted" in t.reason for t in failed)

    @sa.space
    class Seven:
        width: int = sa.choice(7, 8)
        kernel: int = sa.choice(3, 5)

    api.migrate("outside", "inside", space=Seven, store=store)
    first, second = read(store, "inside").trials
    assert (first.state, first.architecture["width"]) == (TrialState.INFEASIBLE, 7)
    assert first.reason
    assert second.is_complete


@pytest.mark.parametrize("strategy", ["random", "grid", "regularized_evolution"])
def test_the_search_goes_on_in_the_new_space_and_repeats_nothing(strategy):
    store, seen = MemoryStore(), []

    def evaluate(shape):
        seen.append((shape.width, shape.kernel))
        return shape.width

    def search(space, name, trials):
        return sa.search(
            space=space, evaluate=evaluate, strategy=strategy, store=store, name=name, trials=trials, confirm_seeds=1
        )

    search(Old, "old", 6)
    moved = api.migrate("old", "new", space=Wider, store=store)
    assert moved.carried == 6
    assert {event["phase"] for event in events(store, "new") if "phase" in event} == {"search"}
    assert {event["kind"] for event in events(store, "new")} <= {"manifest", "start", "end", "reused", "infeasible"}
    known, _ = set(seen), seen.clear()
    result = search(Wider, "new", 8)
    fresh = [t for t in result.trials if t.phase == "search" and t.reused is None]
    assert [t.number for t in fresh] == list(range(8))
    assert not known & set(seen[:2])
    assert {width for width, _ in seen[:2]} == {64}
    assert result.best.measurements == {"score": 64.0}
    assert result.stopped_by == "trials"


def test_studies_that_are_not_there_or_there_already_are_refused():
    store = MemoryStore()
    told(store, proposal(8))
    told(store, proposal(8), name="taken")
    with pytest.raises(StorageError, match="did you mean 'old'"):
        api.migrate("olde", "new", space=Wider, store=store)
    for name in ("old", "taken"):
        with pytest.raises(ConfigError, match=f"there is a study '{name}' already"):
            api.migrate("old", name, space=Wider, store=store)
    assert len(store.studies()) == 2


def test_nothing_to_carry_over_is_said_and_leaves_no_study():
    store = MemoryStore()
    told(store, proposal(32))
    told(store, proposal(32), name="running", unfinished=1)
    for name, drop in (("old", True), ("running", False)):
        with pytest.raises(ConfigError, match="no trial that can be carried over"):
            api.migrate(name, "new", space=Narrow, store=store, drop=drop)
    assert [info.name for info in store.studies()] == ["old", "running"]


def test_a_journal_of_a_newer_format_is_not_carried_over():
    store = MemoryStore()
    told(store, proposal(8))
    store.journal("newer", create=True).append(events(store, "old")[0] | {"version": 99})
    with pytest.raises(ConfigError, match="written by a newer searchitect"):
        api.migrate("newer", "new", space=Wider, store=store)


@pytest.mark.parametrize("written", [0, 1, 3])
def test_a_migration_that_was_cut_off_is_not_gone_on_with_and_can_be_repeated(written):
    store = MemoryStore()
    told(store, proposal(8), proposal(16))
    api.migrate("old", "whole", space=Wider, store=store)
    journal = store.journal("half", create=True)
    for event in events(store, "whole")[:written]:
        journal.append(event | {"study": "half"} if event["kind"] == "manifest" else event)
    if written:
        with pytest.raises(ConfigError, match="migration that made study 'half' was cut off"):
            sa.Study(Wider, strategy=Listed(), store=store, name="half")
    assert api.migrate("old", "half", space=Wider, store=store).carried == 2
    assert events(store, "half")[1:] == events(store, "whole")[1:]


def test_another_space_is_answered_with_the_command_that_carries_over():
    @sa.space
    class Old:
        width: int = sa.choice(8, 16)
        kernel: int = sa.choice(3, 5)

    store = MemoryStore()
    told(store, proposal(8))
    with pytest.raises(ConfigError, match=r"another space\.digest") as caught:
        sa.Study(Old, strategy=Listed(), store=store, name="old")
    assert "searchitect migrate" in caught.value.hint


NET = """
import searchitect as sa
from torch import nn


@sa.space
class Net:
    width: int = sa.choice(WIDTHS)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        return nn.Sequential(nn.Linear(task.features, self.width), nn.ReLU(), nn.Linear(self.width, task.outputs))
"""


def stop(event):
    """Interrupt once the finalists are confirmed; what comes then takes long."""
    if event["kind"] == "baseline":
        raise KeyboardInterrupt


def test_a_study_on_data_is_migrated_and_resumed_into_a_folder_of_its_own(tmp_path):
    path, store = tmp_path / "net.py", tmp_path / "studies.db"
    path.write_text(NET.replace("WIDTHS", "4, 8"))
    settings = {"trials": 3, "confirm_seeds": 1, "workers": 0, "recipe": sa.Recipe(epochs=1), "random_search": False}
    with pytest.raises(KeyboardInterrupt):
        sa.search("iris", f"{path}:Net", store=store, name="net", folder=tmp_path / "net", on_event=stop, **settings)
    first = api.open_result("net", store)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "net").rglob("*")}
    assert before
    path.write_text(NET.replace("WIDTHS", "4, 8, 16"))
    moved = api.migrate("net", "net-2", space=f"{path}:Net", store=store)
    assert moved.carried == sum(t.phase == "search" for t in first.trials)
    assert api.open_result("net-2", store).test == {}
    result = api.resume("net-2", store)
    assert result.folder == tmp_path / "net-2"
    assert result.best.model is not None
    assert result.test["accuracy"] > 0
    assert {t.architecture["width"] for t in result.trials if t.phase == "search"} == {4, 8, 16}
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "net").rglob("*")} == before
    again = sa.search("iris", f"{path}:Net", store=store, name="net-2", **settings)
    assert again.folder == result.folder
    assert len(again.trials) == len(result.trials)
