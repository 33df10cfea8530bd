"""Warm starts through the front door: what may be given, what is refused, what a resumed study needs."""

import math

import pytest

import searchitect as sa
from searchitect.api import open_result, prior_trials, resume
from searchitect.api.warm_starting import similarity
from searchitect.errors import ConfigError, SpaceError, StorageError
from searchitect.objectives import Objective
from searchitect.storage import MemoryStore

SCORE = Objective("score", "maximize")


@sa.space
class Net:
    width: int = sa.choice(8, 16, 32, 64)
    depth: int = sa.integer(1, 6)
    kernel: int = sa.choice(3, 5, 7)


@sa.space
class Other:
    height: int = sa.choice(1, 2)


SPACE = sa.SearchSpace.of(Net)


def score(net):
    return float(net.width + net.depth)


def run(store, name, space=Net, evaluate=score, **changes):
    settings = {"trials": 12, "random_search": False, "confirm_seeds": 0, "strategy": "random", "seed": 1} | changes
    return sa.search(space=space, evaluate=evaluate, store=store, name=name, **settings)


@pytest.fixture
def store():
    store = MemoryStore()
    run(store, "earlier", trials=30)
    return store


def test_a_study_is_named_and_its_best_come_first(store):
    warm = run(store, "warm", warm_start="earlier", seed=2)
    cold = run(store, "cold", seed=2)
    assert min(trial.measurements["score"] for trial in warm.trials[:3]) >= 64
    assert min(trial.measurements["score"] for trial in cold.trials[:3]) < 64
    assert warm.manifest["details"]["warm_start"] == ["earlier"]


def test_a_result_a_file_and_a_whole_store_will_do(store, tmp_path):
    file = tmp_path / "kept.db"
    run(str(file), "kept", trials=10)
    by_name = prior_trials(f"kept@{file}", Net, objective=SCORE)
    assert by_name == prior_trials(open_result("kept", str(file)), Net, objective=SCORE)
    assert by_name == prior_trials(f"@{file}", Net, objective=SCORE)
    both = prior_trials(["earlier", f"kept@{file}"], Net, objective=SCORE, store=store)
    assert {record.source for record in both} == {"earlier", "kept"}


def test_the_better_of_an_earlier_study_rank_first(store):
    found = prior_trials("earlier", Net, objective=SCORE, store=store)
    ordered = sorted(found, key=lambda record: record.rank)
    scores = [a.architecture["width"] + a.architecture["depth"] for a in ordered]
    assert scores == sorted(scores, reverse=True)


def test_instances_architectures_and_ranks_are_taken_as_given():
    first, second = (
        SPACE.instance(SPACE.default()),
        sa.Architecture(SPACE.digest, {"width": 64, "depth": 2, "kernel": 5}),
    )
    given = prior_trials([first, second], Net, objective=SCORE)
    assert [record.architecture for record in given] == [SPACE.default(), second]
    assert {record.rank for record in given} == {None}
    ranks = prior_trials([(first, 2), (second, 1)], Net, objective=SCORE)
    assert [record.rank for record in ranks] == [1.0, 0.0]


def test_a_resumed_study_needs_the_old_store_no_more(tmp_path):
    kept, new = tmp_path / "old.db", tmp_path / "new.db"
    run(str(kept), "earlier", trials=30)
    whole = run(str(tmp_path / "whole.db"), "warm", warm_start=f"earlier@{kept}", trials=10)
    stopped = []

    def stop(event):
        stopped.append(event)
        if event["kind"] == "end" and event["number"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(str(new), "warm", warm_start=f"earlier@{kept}", trials=10, on_event=stop)
    kept.unlink()
    resumed = resume("warm", str(new), space=Net, evaluate=score)
    assert [trial.key for trial in resumed.trials] == [trial.key for trial in whole.trials]


def test_the_same_command_goes_on_and_another_warm_start_is_refused(store):
    run(store, "warm", warm_start="earlier", trials=4)
    run(store, "warm", warm_start="earlier", trials=4)
    with pytest.raises(ConfigError, match="another warm_start"):
        run(store, "warm", warm_start="cold", trials=4)


def test_a_study_of_another_space_is_refused_with_the_difference(store):
    with pytest.raises(
        SpaceError, match="'earlier' searched another space, Net: the decision 'height' cannot be carried"
    ):
        prior_trials("earlier", Other, objective=SCORE, store=store)


def test_a_store_without_a_study_of_the_space_is_refused(tmp_path):
    run(str(tmp_path / "kept.db"), "kept", trials=3)
    with pytest.raises(StorageError, match="none of the 1 studies there has trials that belong to Other"):
        prior_trials(f"@{tmp_path / 'kept.db'}", Other, objective=SCORE)


def test_a_space_that_has_grown_is_carried_over(store):
    @sa.space
    class Grown:
        width: int = sa.choice(8, 16, 32, 64, 128)
        depth: int = sa.integer(1, 6)
        kernel: int = sa.choice(3, 5, 7)
        pool: str = sa.choice("max", "average", before="max")

    found = prior_trials("earlier", Grown, objective=SCORE, store=store)
    assert len(found) == 30
    assert all(sa.SearchSpace.of(Grown).contains(record.architecture) for record in found)


def test_another_metric_ranks_by_the_studys_own_objective(store):
    same = prior_trials("earlier", Net, objective=Objective("accuracy", "maximize"), store=store)
    assert same == prior_trials("earlier", Net, objective=SCORE, store=store)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("earliest", "no study 'earliest'\n.*did you mean 'earlier'"),
        (3.5, "cannot begin from float"),
        ([], "holds no trial"),
        ([(SPACE.default(), math.nan)], "a rank must be a finite number"),
    ],
)
def test_what_cannot_be_used_is_refused(store, source, message):
    with pytest.raises((ConfigError, StorageError), match=message):
        prior_trials(source, Net, objective=SCORE, store=store)


def task(train=1000, outputs=10, inputs=(1, 8, 8), kind="classification", digest="a"):
    return {
        "spec": {"inputs": list(inputs), "outputs": outputs, "kind": kind},
        "sizes": {"train": train},
        "digest": digest,
    }


def test_tasks_alike_weigh_more():
    now = task()
    assert similarity(now, task(train=5, digest="a")) == 1.0, "the same data"
    near, far = (
        similarity(now, task(train=2000, digest="b")),
        similarity(now, task(10**6, 2, (3, 224, 224), digest="c")),
    )
    assert 0.5 < near < 1.0
    assert 0.0 < far < 0.2
    assert similarity(now, task(kind="regression", digest="d")) == 0.5
    assert similarity(None, now) == 1.0


def test_tasks_on_which_the_same_learners_do_well_weigh_more():
    now = task() | {"landmarks": {"neighbour": 0.9, "line": 0.8}}
    alike = similarity(task(digest="b") | {"landmarks": {"neighbour": 0.9, "line": 0.8}}, now)
    unlike = similarity(task(digest="c") | {"landmarks": {"neighbour": 0.4, "line": 0.8}}, now)
    assert alike == 1.0
    assert unlike == pytest.approx(math.exp(-4 * 0.5 / 4))
    assert similarity(task(digest="d"), now) == similarity(task(digest="e") | {"landmarks": {}}, now) == 1.0


def test_a_study_keeps_the_landmarks_of_its_task_for_later_ones(tmp_path):
    settings = {"trials": 1, "budget": "5s", "random_search": False, "confirm_seeds": 0, "strategy": "random"}
    store, plain, space = MemoryStore(), sa.task("digits"), sa.catalog.mlp()
    sa.search(plain, space, store=store, name="first", folder=tmp_path / "first", **settings)
    recorded = open_result("first", store).manifest["recorded"]["landmarks"]
    assert recorded["neighbour"] > 0.8 > 0.3 > recorded["stump"]
    described = plain.describe() | {"digest": "of other data"}
    found = [
        prior_trials("first", space, objective=Objective("accuracy", "maximize"), task=described | marks, store=store)
        for marks in ({"landmarks": recorded}, {"landmarks": dict.fromkeys(recorded, 0.0)})
    ]
    assert found[0][0].similarity == 1.0
    assert found[1][0].similarity < 0.3
