"""The quota of weights: planted sizes, a planted ranking."""

import pytest

from searchitect.evaluation import trial_folder
from searchitect.storage.artifacts import TrialFolders
from searchitect.storage.remote_artifacts import RemoteArtifacts
from searchitect.study import Campaign, Clock, Limit, Runner, run_campaign
from searchitect.study.quota import KEPT_BEST, Quota
from tests.study.parts import FakeExecutor, journal, make_study, run


class Heavy(FakeExecutor):
    """Every trial that has a folder leaves a thousand bytes."""

    def __init__(self, folder):
        super().__init__()
        self._folder = folder

    def submit(self, job):
        super().submit(job)
        place = self._folder / "weights" / trial_folder(job.number)
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.safetensors").write_bytes(bytes(1000))


def files(folder):
    return TrialFolders(folder / "weights")


def kept(folder):
    return {int(path.name.rpartition("-")[2]) for path in (folder / "weights").iterdir()}


def search(study, folder, disk_bytes, confirm_seeds=0):
    runner = Runner(Heavy(folder), Clock(), folder=folder, disk_bytes=disk_bytes)
    campaign = Campaign(search=Limit(trials=40), compare=False, confirm_count=2, confirm_seeds=confirm_seeds)
    run_campaign(study, campaign, runner)


def test_the_worst_go_first_and_the_best_stay(tmp_path):
    study = make_study(strategy="random")
    search(study, tmp_path, 15_000)
    left = kept(tmp_path)
    assert 14 <= len(left) <= 15
    complete = [t for t in study.trials if t.is_complete and t.reused is None]
    complete.sort(key=lambda t: -t.measurements["score"])
    assert {t.number for t in complete[:KEPT_BEST]} <= left
    gone = [n for event in journal(study) if event["kind"] == "discarded" for n in event["numbers"]]
    assert len(gone) == len(set(gone))
    assert left | set(gone) == {t.number for t in study.trials if t.reused is None}


def test_confirmed_models_stay_whatever_the_quota(tmp_path):
    study = make_study(strategy="random")
    search(study, tmp_path, 1_000, confirm_seeds=2)
    confirmed = {t.number for t in study.trials if t.phase == "confirm"}
    assert confirmed
    assert confirmed <= kept(tmp_path)


def test_without_a_quota_or_a_folder_nothing_happens(tmp_path):
    study = make_study(strategy="random")
    search(study, tmp_path, None)
    before = kept(tmp_path)
    Quota(study, None, 1).keep()
    Quota(study, files(tmp_path), None).keep()
    assert kept(tmp_path) == before
    assert not study.state.marks.get("discarded")


def test_what_a_running_trial_goes_on_from_stays(tmp_path):
    study = make_study(strategy="random")
    run(study, Heavy(tmp_path), search=Limit(trials=15), compare=False, confirm_seeds=0)
    worst = min((t for t in study.trials if t.is_complete), key=lambda t: t.measurements["score"])
    import dataclasses

    running = dataclasses.replace(study.trials[-1], number=len(study.trials))
    running = dataclasses.replace(running, proposal=dataclasses.replace(running.proposal, inherits=worst.number))
    study.state.trials.append(running)
    study.state.running[running.number] = None
    Quota(study, files(tmp_path), 1).keep()
    assert worst.number in kept(tmp_path)
    assert len(kept(tmp_path)) < 15


def test_after_a_trial_only_the_folders_that_it_changed_are_measured(tmp_path, monkeypatch):
    study = make_study(strategy="random")
    run(study, Heavy(tmp_path), search=Limit(trials=15), compare=False, confirm_seeds=0)
    quota = Quota(study, files(tmp_path), 10**9)
    measured = []
    monkeypatch.setattr(TrialFolders, "size", lambda self, number: measured.append(number) or 1000)
    quota.keep(study.trials[14])
    assert measured == [14]


class Sending(FakeExecutor):
    """Every trial sends a thousand bytes to where the study keeps its files."""

    def __init__(self, artifacts, folder):
        super().__init__()
        self._artifacts, self._folder = artifacts, folder
        (folder / "model.safetensors").write_bytes(bytes(1000))

    def submit(self, job):
        super().submit(job)
        self._artifacts.keep(job.number, self._folder)


def test_at_a_url_the_same_trials_go(tmp_path):
    pytest.importorskip("fsspec", reason="the extra 'artifacts' is not installed")
    here, there = make_study(strategy="random"), make_study(strategy="random")
    search(here, tmp_path, 15_000)
    artifacts = RemoteArtifacts(f"file://{tmp_path}/bucket", "study")
    (tmp_path / "left").mkdir()
    runner = Runner(
        Sending(artifacts, tmp_path / "left"),
        Clock(),
        folder=tmp_path / "other",
        disk_bytes=15 * 1180,
        artifacts=artifacts,
    )
    run_campaign(there, Campaign(search=Limit(trials=40), compare=False, confirm_seeds=0), runner)
    assert set(artifacts.numbers()) == kept(tmp_path)
    assert {n for e in journal(there) if e["kind"] == "discarded" for n in e["numbers"]}.isdisjoint(artifacts.numbers())
    assert not (tmp_path / "other").exists()
