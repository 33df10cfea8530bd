"""A study whose trials leave their files at a URL is the study that leaves them in its folder."""

from __future__ import annotations

import shutil

import pytest

import searchitect as sa
from searchitect import api
from searchitect.api.reopening import _export_trial, request_of
from searchitect.errors import ConfigError
from searchitect.storage import open_store
from searchitect.study.events import without_clock

pytest.importorskip("fsspec", reason="the extra 'artifacts' is not installed")


@sa.space
class Net:
    width: int = sa.choice(4, 8)
    rate: float = sa.real(1e-3, 1e-1, log=True, role="training")

    def recipe(self):
        return sa.Recipe(optimizer="adam", learning_rate=self.rate, schedule="constant", epochs=4, batch_size=64)

    def build(self, task):
        import torch

        hidden = torch.nn.Linear(task.inputs[0], self.width)
        return torch.nn.Sequential(hidden, torch.nn.ReLU(), torch.nn.Linear(self.width, task.outputs))


@sa.space
class Plain:
    width: int = sa.integer(1, 50)


def journal(store):
    events = [event for _, event in open_store(str(store)).journal("one").read()]
    return [without_clock(event) for event in events[1:]]


def search(folder, **changes):
    settings = {"space": Net, "workers": 0, "random_search": False, "confirm_seeds": 1, "seed": 3, "name": "one"}
    folder.mkdir(exist_ok=True)
    place = {"store": folder / "s.db", "folder": folder / "out"}
    return sa.search("iris", **settings | place | changes)


def bucket_of(tmp_path):
    return f"file://{tmp_path}/bucket"


@pytest.mark.parametrize("seeds", [0, pytest.param(1, marks=pytest.mark.slow)])  # those export models
def test_rungs_go_on_from_checkpoints_at_a_url_and_the_journal_is_the_same(tmp_path, seeds):
    rungs = {"strategy": "asha", "trials": 7, "confirm_seeds": seeds}
    there = search(tmp_path / "there", artifacts=bucket_of(tmp_path), **rungs)
    here = search(tmp_path / "here", **rungs)
    assert any(t.measurements.get("continued_epochs") for t in there.trials)
    assert journal(tmp_path / "there" / "s.db") == journal(tmp_path / "here" / "s.db")
    kept = {path.parent.parent.name for path in (tmp_path / "bucket").rglob("model.safetensors")}
    local = {path.parent.name for path in (tmp_path / "here").rglob("weights/*/model.safetensors")}
    assert kept == local
    assert not list((tmp_path / "bucket").rglob("checkpoint.safetensors"))
    assert len(kept) > 0
    assert here.test == there.test
    assert not seeds or there.best.model is not None


@pytest.mark.slow
def test_what_was_confirmed_is_exported_and_verified_by_a_driver_that_has_only_the_journal(tmp_path):
    result = search(tmp_path, strategy="random", trials=3, confirm_seeds=2, artifacts=bucket_of(tmp_path))
    other = next(n for finalist in result.finalists for n in finalist.trials if n != result.best.trial)
    shutil.rmtree(tmp_path / "out" / "weights")
    request = request_of("one", open_store(str(tmp_path / "s.db")), None, Net, None)
    assert request.artifacts == bucket_of(tmp_path)
    assert "model.safetensors" in _export_trial(result, other, tmp_path / "exported", request)
    before = sorted((tmp_path / "bucket").rglob("*"))
    assert api.verify("one", tmp_path / "s.db", space=Net, sample=1).agrees
    assert sorted((tmp_path / "bucket").rglob("*")) == before


def test_a_study_goes_on_at_the_same_url_only(tmp_path):
    class StopError(BaseException):
        pass

    def stop(event):
        if event["kind"] == "end":
            raise StopError

    given = {"strategy": "random", "trials": 2, "confirm_seeds": 1}
    with pytest.raises(StopError):
        search(tmp_path, artifacts=bucket_of(tmp_path), on_event=stop, **given)
    with pytest.raises(ConfigError, match="keeps the files of its trials at file://.*, not in its folder"):
        search(tmp_path, **given)
    with pytest.raises(ConfigError, match="not at memory://b"):
        search(tmp_path, artifacts="memory://b", **given)
    assert api.resume("one", tmp_path / "s.db", space=Net).stopped_by == "trials"
    with pytest.raises(ConfigError, match="files of another study called 'one'"):
        search(tmp_path / "new", artifacts=bucket_of(tmp_path), **given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"artifacts": 3}, "artifacts is a URL"),
        ({"artifacts": "bucket"}, "the URL of one place"),
        ({"artifacts": "memory://b", "workers": 1}, "seen by one process only"),
        ({"artifacts": "sftp://me:***@host/x"}, "held a secret"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, given, told):
    with pytest.raises(ConfigError, match=told):
        search(tmp_path, **given)


def test_a_function_of_your_own_finds_a_folder_and_its_files_are_kept(tmp_path):
    def score(net, context):
        (context.folder / "note.txt").write_text(str(net.width))
        return float(net.width)

    result = sa.search(
        space=Plain, evaluate=score, trials=3, strategy="asha", random_search=False, confirm_seeds=0, name="own",
        store=tmp_path / "s.db", artifacts=bucket_of(tmp_path), recipe=sa.Recipe(epochs=9),
    )  # fmt: skip
    kept = sorted(path.read_text() for path in (tmp_path / "bucket" / "own").rglob("note.txt"))
    assert len(kept) == sum(t.is_complete for t in result.trials if t.reused is None) > 0


def test_a_password_is_in_no_journal_and_the_same_search_goes_on_with_it(tmp_path, monkeypatch):
    import fsspec

    url, plain = "sftp://me:swordfish@host/runs", fsspec.core.url_to_fs
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda given: plain(given.replace(url, bucket_of(tmp_path))))
    given = {"strategy": "random", "trials": 2, "confirm_seeds": 0, "artifacts": url}
    search(tmp_path, **given)
    events = [event for _, event in open_store(str(tmp_path / "s.db")).journal("one").read()]
    assert "swordfish" not in str(events)
    assert events[0]["recorded"]["artifacts"] == "sftp://me:***@host/runs"
    with pytest.raises(ConfigError, match="held a secret, which no journal keeps"):
        api.resume("one", tmp_path / "s.db", space=Net)
    assert search(tmp_path, **given).stopped_by == "trials"
