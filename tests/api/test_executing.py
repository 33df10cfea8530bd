"""The arguments of `search` about where trials run and what is done when that goes wrong."""

import pytest

import searchitect as sa
from searchitect import api
from searchitect.api.executing import HANG_SECONDS, open_for
from searchitect.api.request import make_parts
from searchitect.errors import ConfigError, EvaluationError
from searchitect.executors import ProcessExecutor, SerialExecutor, open_executor
from searchitect.testing.executors import Scripted


@sa.space
class Net:
    width: int = sa.integer(1, 100)


def score(net):
    if net.width > 10:
        raise ValueError(f"no net of width {net.width}")
    return net.width / 10


def search(**changes):
    settings = {"trials": 30, "strategy": "random", "store": "memory:", "confirm_seeds": 0, "random_search": False}
    return sa.search(space=Net, evaluate=score, **settings | changes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"executor": "proceses"}, "did you mean 'processes'"),
        ({"executor": "ray", "workers": 0}, "the executor 'ray' needs workers"),
        ({"executor": "ray", "ray_address": "auto"}, "how many trials are to run"),
        ({"ray_address": "auto"}, "ray_address is of the executor 'ray' only"),
        ({"trial_gpus": 0.25}, "trial_gpus is of the executor 'ray' only"),
        ({"executor": "ray", "trial_gpus": -1}, "trial_gpus must be a number that is not negative"),
        ({"executor": "serial", "workers": 2}, "does not run on 2 workers"),
        ({"max_failures": 0}, "max_failures is a share of the trials"),
        ({"max_failures": 20}, "max_failures is a share of the trials"),
        ({"retries": -1}, "retries must be a whole number from 0 on"),
        ({"hang_seconds": 0}, "hang_seconds must be positive"),
        ({"ranks": 0}, "ranks must be a whole number from 1 on, got 0"),
        ({"ranks": 1.5}, "ranks must be a whole number"),
        ({"ranks": 2}, "ranks train what a space builds; your own function"),
        ({"hang_seconds": 5, "workers": 0}, "a hang is noticed in worker processes only"),
        ({"disk": "ten"}, "disk: cannot read the size 'ten'"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, message):
    with pytest.raises(ConfigError) as caught:
        search(**given)
    assert message in str(caught.value)


def test_max_failures_stops_a_search_and_names_the_most_frequent_reason():
    with pytest.raises(EvaluationError, match=r"max_failures=0.5 .*ValueError: no net of width …"):
        search(max_failures=0.5, seed=3)
    assert search(max_failures=1.0, seed=3).counts["failed"] > 20


def test_a_training_in_workers_is_watched_for_hangs_and_your_own_function_is_not(monkeypatch):
    seen = []
    monkeypatch.setattr("searchitect.executors.open_executor", lambda *a, **k: seen.append(k["hang_seconds"]))
    for given in ({"data": "iris"}, {"data": "iris", "workers": 0}, {"data": "iris", "hang_seconds": 9.0},
                  {"data": "iris", "executor": "ray"}, {"evaluate": score, "space": Net, "workers": 1}):  # fmt: skip
        request = api.Request(**given)
        open_for(None, request, make_parts(request))
    assert seen == [HANG_SECONDS, None, 9.0, HANG_SECONDS, None]


def test_the_kind_of_executor_can_be_named():
    with open_executor(Scripted(), 1, kind="processes") as processes:
        assert isinstance(processes, ProcessExecutor)
    assert isinstance(open_executor(Scripted(), 0, kind="serial"), SerialExecutor)
    with pytest.raises(ConfigError, match="there is no executor 'simulate'"):
        open_executor(Scripted(), 1, kind="simulate")


def test_resume_goes_on_with_the_same_bounds(tmp_path):
    class StopError(BaseException):
        pass

    count = []

    def stop(event):
        count.append(event)
        if len(count) == 6:
            raise StopError

    place = {"store": tmp_path / "s.db", "name": "bounded", "max_failures": 1.0, "retries": 5, "disk": "1GB"}
    with pytest.raises(StopError):
        search(on_event=stop, **place)
    from searchitect.api.reopening import request_of
    from searchitect.storage import open_store

    request = request_of("bounded", open_store(str(tmp_path / "s.db")), None, Net, score)
    assert (request.max_failures, request.retries, request.disk) == (1.0, 5, "1GB")
    assert api.resume("bounded", tmp_path / "s.db", space=Net, evaluate=score).stopped_by == "trials"
