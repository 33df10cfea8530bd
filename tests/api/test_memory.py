"""A trial that eats memory fails alone, with "memory" as its reason, and the study goes on."""

import numpy as np
import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import ConfigError, EvaluationError
from searchitect.executors.memory import explained_within, is_memory_error, limited_memory, told_within

GREEDY = 3_000_000_000


@sa.space
class Hungry:
    hidden: int = sa.choice(8, 16)
    eats: str = sa.choice("nothing", "in build", "in training")

    def build(self, task):
        if self.eats == "in build" and not torch.empty(0).is_meta:  # counting allocates nothing
            self.held = torch.ones(GREEDY // 4)
        layers = [nn.Linear(task.inputs[0], self.hidden), nn.ReLU(), nn.Linear(self.hidden, task.outputs)]
        return nn.Sequential(*([Eater()] if self.eats == "in training" else []), *layers)


class Eater(nn.Module):
    def forward(self, x):
        return x + (torch.ones(GREEDY // 4).sum() * 0 if self.training else 0)


def task():
    rng = np.random.default_rng(0)
    return sa.task((rng.normal(size=(120, 4)), rng.integers(0, 2, 120)))


def test_a_build_and_a_training_that_eat_memory_fail_and_the_study_goes_on(tmp_path):
    result = sa.search(
        task(), Hungry, strategy="grid", trials=6, workers=1, memory="1GB", confirm_seeds=1, random_search=False,
        recipe=sa.Recipe(epochs=1), store=tmp_path / "s.db", folder=tmp_path / "out", name="hungry",
    )  # fmt: skip
    reasons = {t.architecture["eats"]: t.reason for t in result.trials if t.phase == "search"}
    assert reasons["nothing"] is None
    for eats in ("in build", "in training"):
        assert reasons[eats].startswith("memory: needed more than the 1 GB that one evaluation may take; "), reasons
    assert result.counts["failed"] == 4
    assert result.best.architecture["eats"] == "nothing"
    assert result.manifest["recorded"]["allow"]["memory_bytes"] == 10**9


def test_timing_an_epoch_before_a_budget_of_time_is_split_keeps_to_the_limit(tmp_path):
    """It runs in the driver, which a greedy candidate must not bring down."""
    from searchitect import api

    where = {"store": str(tmp_path / "s.db"), "folder": tmp_path}
    planned = api.plan(api.Request(data=task(), space=Hungry, budget="30s", memory="1GB", workers=1, **where))
    assert planned.campaign.search.seconds is not None


def test_a_function_is_evaluated_in_a_worker_where_memory_is_limited(tmp_path):
    def evaluate(net):
        return float(np.ones(GREEDY // 8).sum()) if net.hidden == 16 else 0.5

    @sa.space
    class Net:
        hidden: int = sa.choice(8, 16)

    result = sa.search(
        space=Net, evaluate=evaluate, trials=2, memory=10**9, store="memory:", confirm_seeds=0, random_search=False
    )
    assert {t.architecture["hidden"]: (t.reason or "")[:7] for t in result.trials} == {8: "", 16: "memory:"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workers": 0}, "memory is limited in worker processes only"),
        ({"memory": "2"}, "cannot read the size '2'"),
        ({"memory": "2 giga"}, "cannot read the size '2 giga'"),
        ({"memory": 2}, "a limit of 2 bytes of memory lets no model train"),
        ({"memory": 2.5e9}, "memory must be a text such as '2GB'"),
    ],
)
def test_what_is_no_limit_is_refused_before_the_data_are_read(given, message):
    with pytest.raises(ConfigError, match=message) as refused:
        sa.search("no such data", **({"memory": "2GB"} | given))
    assert refused.value.hint


def test_every_way_to_run_out_of_memory_is_told_alike():
    wrapped = EvaluationError("build failed")
    wrapped.__cause__ = MemoryError()
    worded = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")
    for error in (MemoryError(), OSError(12, "Cannot allocate memory"), worded, wrapped):
        assert is_memory_error(error)
        assert explained_within(10**9)(error).startswith("memory: needed more than the 1 GB")
        assert not explained_within(None)(error).startswith("memory:")
    assert explained_within(10**9)(ValueError("7")) == "ValueError: 7"
    died = "the worker process died (signal 6, SIGABRT): terminate called after throwing 'std::bad_alloc'"
    assert told_within(10**9, died).startswith("memory: ")
    assert told_within(None, died) == died


def test_a_limit_for_a_while_is_lifted_afterwards():
    with limited_memory(200_000_000), pytest.raises(MemoryError):
        np.ones(10**9, dtype=np.uint8)
    assert np.ones(10**9 // 4, dtype=np.uint8).nbytes == 250_000_000


class Rows:
    """Made when they are asked for: as floats they would take 1.6 GB."""

    targets = np.arange(400_000) % 2

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return np.full(1_000, (i % 2) + 0.01 * (i % 7), dtype=np.float32), i % 2


@pytest.mark.slow
def test_data_larger_than_the_limit_are_read_batch_by_batch(tmp_path):
    @sa.space
    class Net:
        hidden: int = sa.choice(8, 16)

        def build(self, task):
            layers = [nn.Linear(task.inputs[0], self.hidden), nn.ReLU(), nn.Linear(self.hidden, task.outputs)]
            return nn.Sequential(*layers)

    result = sa.search(
        Rows(), Net, strategy="grid", trials=2, workers=1, memory="800MB", confirm_seeds=1, random_search=False,
        recipe=sa.Recipe(epochs=1, batch_size=1024), store=tmp_path / "s.db", folder=tmp_path / "out",
    )  # fmt: skip
    assert result.counts["failed"] == 0
    assert result.best.measurements["accuracy"] > 0.95
