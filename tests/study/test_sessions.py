"""What happens to driver, disk and store is one line of the result, and leaves the journal as it would have been."""

import dataclasses

import pytest

from searchitect.errors import StorageError
from searchitect.result import read_result
from searchitect.storage.memory import MemoryStore
from searchitect.study import Limit
from searchitect.study.incidents import incident_lines
from searchitect.trial import TrialState
from tests.study.parts import FakeExecutor, journal, make_study, run


class Lossy(MemoryStore):
    """A store whose connection was lost so many times."""

    reconnected = 0


class Full(FakeExecutor):
    """The disk is full when this trial is to be kept."""

    def __init__(self, number):
        super().__init__()
        self._number = number

    def collect(self, timeout=None):
        return [
            dataclasses.replace(
                o, state=TrialState.FAILED, measurements={}, reason="No space left on device", halt=True
            )
            if o.number == self._number
            else o
            for o in super().collect(timeout)
        ]


def search(study, executor=None):
    run(study, executor, search=Limit(trials=10), compare=False, confirm_seeds=0)


def warned(study):
    return read_result(event for _, event in study.store.journal(study.name).read()).warnings


def test_a_driver_that_ended_while_a_trial_ran_is_one_line_and_no_other_event(tmp_path):
    calm = make_study(strategy="random")
    search(calm)
    place = {"store": str(tmp_path / "s.db"), "strategy": "random"}
    with make_study(**place) as study:
        for _ in range(3):
            study.tell(study.ask(), score=1.0)
        study.ask()
        study.ask()
    with make_study(**place) as study:
        search(study)
        line = "the driver ended while trials 3, 4 ran; the study went on, and ran them again"
        assert incident_lines(study.state) == [line]
        assert line in warned(study)
        assert [e["kind"] for e in journal(study)] == [e["kind"] for e in journal(study) if e["kind"] != "cut_off"]
        assert set(study.trials[3].clock) == set(calm.trials[3].clock)
    with make_study(**place) as study:
        assert incident_lines(study.state) == [line]  # replayed, and not told a second time


def test_a_session_that_begins_after_the_end_of_all_trials_is_no_incident(tmp_path):
    place = {"store": str(tmp_path / "s.db"), "strategy": "random"}
    with make_study(**place) as study:
        study.tell(study.ask(), score=1.0)
    with make_study(**place) as study:
        search(study)
        assert incident_lines(study.state) == []


def test_a_connection_that_was_opened_again_is_one_line():
    study = make_study(store=Lossy())
    for number in range(6):
        trial = study.ask()
        study.store.reconnected += {2: 1, 4: 2}.get(number, 0)
        study.tell(trial, score=1.0)
    assert incident_lines(study.state) == [
        "the connection to the store was lost once and opened again, by the end of trial 2",
        "the connection to the store was lost 2 times and opened again, by the end of trial 4",
    ]


def test_a_full_disk_is_one_line_which_says_whether_the_trial_was_run_again(tmp_path):
    place = {"store": str(tmp_path / "s.db"), "strategy": "random"}
    why = "trial 5 could not be kept, so the study stopped; {}: No space left on device"
    with make_study(**place) as study:
        with pytest.raises(StorageError, match="trial 5 could not be kept: No space left"):
            search(study, Full(5))
        assert incident_lines(study.state) == [why.format("it will be run again")]
    with make_study(**place) as study:
        search(study)
        assert incident_lines(study.state) == [why.format("it was run again when the study went on")]
        assert study.trials[5].is_complete


def test_where_the_journal_has_no_room_either_the_study_stops_all_the_same(monkeypatch):
    study = make_study(strategy="random")
    whole = study.mark

    def full(event):
        if event["kind"] == "halted":
            raise StorageError("the disk is full")
        whole(event)

    monkeypatch.setattr(study, "mark", full)
    with pytest.raises(StorageError, match="trial 5 could not be kept"):
        search(study, Full(5))
    assert incident_lines(study.state) == []
