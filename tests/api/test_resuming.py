"""Killed, interrupted and run again: the same study goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest

import searchitect as sa
from searchitect import api
from searchitect.errors import ConfigError, StorageError
from searchitect.storage import open_store
from searchitect.study.events import without_clock

ARGUMENTS = {"trials": 4, "confirm_seeds": 1, "workers": 0, "recipe": sa.Recipe(epochs=1), "name": "digits"}


class StoppedError(BaseException):
    """As Ctrl-C would be."""


def search(folder, stop_after=None):
    count = 0

    def watch(event):
        nonlocal count
        count += 1
        if count == stop_after:
            raise StoppedError

    return sa.search("iris", "mlp", store=folder / "s.db", folder=folder / "out", on_event=watch, **ARGUMENTS)


def journal(folder):
    store = open_store(str(folder / "s.db"))
    events = [without_clock(event) for _, event in store.journal("digits").read()]
    store.close()
    for event in events:
        event.pop("recorded", None)
    return events


def test_interrupted_at_any_event_and_run_again_the_journal_is_the_same(tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    search(whole)
    expected = journal(whole)
    for stop in (2, 13, len(expected) - 1):
        folder = tmp_path / str(stop)
        folder.mkdir()
        with pytest.raises(StoppedError):
            search(folder, stop)
        result = search(folder)
        same = [e for e in journal(folder) if e["kind"] != "test_repeated"]
        assert same == expected, f"stopped after {stop} events"
        assert result.best.model is not None


def test_interrupted_while_the_report_is_written_it_is_written_again(tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr("searchitect.report.write_report", stop)
        with pytest.raises(StoppedError):
            search(tmp_path)
    result = search(tmp_path)
    assert "report.html" in result.files
    assert all((tmp_path / "out" / name).is_file() for name in result.files)


SCRIPT = """
import sys, searchitect as sa
sys.modules["onnx"] = None  # as if the extra were not installed: its import takes longer than the search
if __name__ == "__main__":
    sa.search("iris", "mlp", store=sys.argv[1], folder=sys.argv[2], name="killed", trials=6, confirm_seeds=1,
              workers=int(sys.argv[3]), recipe=sa.Recipe(epochs=3))
"""


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_sigkill_of_the_driver_loses_and_repeats_no_finished_trial(tmp_path, workers):
    script, store = tmp_path / "run.py", tmp_path / "s.db"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(store), str(tmp_path / "out"), workers]
    process = subprocess.Popen(command, start_new_session=True, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    _wait_for_ends(store, 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = _numbers(store, "end")
    subprocess.run(command, check=True, timeout=200, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    starts, ends = _numbers(store, "start"), _numbers(store, "end")
    assert ends[: len(before)] == before
    assert len(set(starts)) == len(starts)
    assert sorted(starts) == sorted(ends)
    assert api.open_result("killed", store).best is not None


def _wait_for_ends(store, wanted, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if store.is_file() and len(_numbers(store, "end")) >= wanted:
            return
        time.sleep(0.05)
    raise AssertionError(f"the driver ended ({process.poll()}) or hung before {wanted} trials had ended")


def _numbers(path, kind):
    store = open_store(str(path))
    try:
        return [event["number"] for _, event in store.journal("killed").read() if event["kind"] == kind]
    except StorageError:
        return []  # the manifest is not written yet
    finally:
        store.close()


def test_resume_goes_on_with_the_settings_of_the_start(tmp_path):
    with pytest.raises(StoppedError):
        search(tmp_path, 9)
    result = api.resume("digits", tmp_path / "s.db")
    assert result.stopped_by == "trials"
    assert result.folder == tmp_path / "out"
    assert sum(t.phase == "search" and t.reused is None for t in result.trials) == 4


def test_a_larger_budget_extends_a_search_that_still_goes_on(tmp_path):
    with pytest.raises(StoppedError):
        search(tmp_path, 5)
    result = sa.search("iris", "mlp", store=tmp_path / "s.db", folder=tmp_path / "out", **(ARGUMENTS | {"trials": 6}))
    assert sum(t.phase == "search" and t.reused is None for t in result.trials) == 6


def test_resume_of_data_in_memory_says_what_to_do(tmp_path):
    import numpy as np

    data = (np.random.default_rng(0).normal(size=(90, 3)), np.arange(90) % 3)
    sa.search(data, "mlp", store=tmp_path / "s.db", folder=tmp_path / "out", **ARGUMENTS)
    with pytest.raises(ConfigError, match="was started on data in memory"):
        api.resume("digits", tmp_path / "s.db")


def test_an_unknown_study_is_answered_with_the_nearest_name(tmp_path):
    search(tmp_path)
    with pytest.raises(StorageError, match="did you mean 'digits'"):
        api.open_result("digit", tmp_path / "s.db")


def test_without_any_store_the_message_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="no store of studies at runs/studies.db"):
        api.open_result("digits")


@pytest.mark.onnx
def test_an_onnx_file_that_was_skipped_is_made_by_a_later_export(tmp_path):
    search(tmp_path)
    (tmp_path / "out" / "model.onnx").unlink()  # as if its packages had been missing
    files = api.export("digits", tmp_path / "copy", store=tmp_path / "s.db")
    assert {"model.onnx", "model.safetensors", "report.html"} <= set(files)
    assert (tmp_path / "copy" / "model.onnx").stat().st_size > 0


@pytest.mark.onnx
def test_a_finished_study_is_exported_reported_and_predicts(tmp_path):
    search(tmp_path)
    store = tmp_path / "s.db"
    assert "model.onnx" in api.export("digits", tmp_path / "copy", store=store)
    page = api.report("digits", tmp_path / "page.html", store)
    assert page.read_text("utf-8").count("<html") == 1
    (tmp_path / "new.npz").touch()
    import numpy as np

    np.savez(tmp_path / "new.npz", X=np.zeros((2, 4), dtype=np.float32))
    assert len(api.predict("digits", tmp_path / "new.npz", store)) == 2


def test_another_confirmed_trial_is_exported_by_number(tmp_path):
    search(tmp_path)
    result = api.open_result("digits", tmp_path / "s.db")
    others = [n for f in result.finalists for n in f.trials if n != result.best.trial]
    assert "model.safetensors" in api.export("digits", tmp_path / "other", others[0], tmp_path / "s.db")
    with pytest.raises(ConfigError, match="kept no weights of trial 0"):
        api.export("digits", tmp_path / "none", 0, tmp_path / "s.db")
