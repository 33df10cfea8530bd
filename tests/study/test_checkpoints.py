from __future__ import annotations

import dataclasses

import pytest

import searchitect as sa
from searchitect.evaluation import CHECKPOINT
from searchitect.storage.artifacts import TrialFolders
from searchitect.study.checkpoints import WEIGHTS_FOLDER, forget_all, forget_continued
from searchitect.study.loop import weights_folder
from searchitect.study.state import StudyState
from searchitect.trial import Proposal, Trial, TrialState


def trial(number, state=TrialState.COMPLETE, continues=None):
    proposal = Proposal(sa.Architecture("s", {"n": 1}), continues=continues)
    return Trial(number, proposal, state, "k", 0)


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        weights_folder(tmp_path, number).mkdir(parents=True)
        (weights_folder(tmp_path, number) / CHECKPOINT).write_text("")
        (weights_folder(tmp_path, number) / "model.safetensors").write_text("")
    return tmp_path


def kept(folder):
    return TrialFolders(folder / WEIGHTS_FOLDER)


def left(folder):
    return sorted(int(path.parent.name[-5:]) for path in folder.glob(f"weights/*/{CHECKPOINT}"))


def state(*trials):
    made = StudyState()
    made.trials = list(trials)
    made.running = {t.number: None for t in trials if t.state is TrialState.RUNNING}
    return made


def test_what_was_continued_has_had_its_turn(folder):
    forget_continued(kept(folder), state(trial(0)), trial(3, continues=0))
    assert left(folder) == [1, 2, 3]
    assert (weights_folder(folder, 0) / "model.safetensors").exists()


def test_what_is_being_continued_once_more_stays(folder):
    going_on = trial(2, TrialState.RUNNING, continues=0)
    forget_continued(kept(folder), state(trial(0), trial(1), going_on), trial(3, continues=0))
    assert left(folder) == [0, 1, 2, 3]


@pytest.mark.parametrize("ended", [TrialState.FAILED, TrialState.PRUNED])
def test_a_trial_that_is_not_complete_leaves_none_and_takes_none(folder, ended):
    forget_continued(kept(folder), state(trial(0)), dataclasses.replace(trial(3, continues=0), state=ended))
    assert left(folder) == [0, 1, 2]


def test_after_the_search_none_is_left(folder):
    forget_all(kept(folder))
    forget_all(kept(folder / "nowhere"))
    assert left(folder) == []
