from __future__ import annotations

import statistics
import threading
import time

import pytest
import torch
from torch import nn

from searchitect.errors import ConfigError, EvaluationError
from searchitect.hardware import Latency, latencies_ms, latency_ms, machine_lock


class Sleeper(nn.Module):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.threads: set[int] = set()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        self.threads.add(torch.get_num_threads())
        time.sleep(self.seconds)
        return x


def test_the_median_is_the_time_of_one_pass_in_milliseconds() -> None:
    latency = latency_ms(Sleeper(0.003), [torch.zeros(1)], repeats=11)
    assert isinstance(latency, Latency)
    assert latency.repeats == 11
    assert 3.0 <= latency.median_ms < 30.0
    assert latency.iqr_ms >= 0


def test_mode_and_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    model = nn.Sequential(Sleeper(0), nn.BatchNorm1d(2))
    model[1].eval()
    latency = latency_ms(model, [torch.zeros(1, 2)], threads=before + 1, repeats=3)
    assert latency.threads == before + 1
    assert model[0].threads == {before + 1}
    assert torch.get_num_threads() == before
    assert (model.training, model[0].training, model[1].training) == (True, True, False)


def test_the_default_spends_about_its_seconds_and_at_least_fifty_passes() -> None:
    quick = latency_ms(Sleeper(0.001), [torch.zeros(1)], seconds=0.1)
    assert 50 <= quick.repeats <= 100
    assert latency_ms(Sleeper(0.002), [torch.zeros(1)], seconds=0.001).repeats == 50


def test_every_repeat_is_kept_and_summarised() -> None:
    latency = Latency.of([1.0, 2.0, 3.0, 4.0, 5.0], threads=1)
    assert (latency.median_ms, latency.iqr_ms, latency.repeats) == (3.0, 2.0, 5)
    measured = latency_ms(Sleeper(0), [torch.zeros(1)], repeats=60)
    assert len(measured.times_ms) == 60
    assert statistics.median(measured.times_ms) == measured.median_ms


class Slowing(nn.Module):
    """Each pass of any of them takes longer than the one before, as on a machine that grows warm."""

    clock = 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        Slowing.clock += 2e-5
        end = time.perf_counter() + Slowing.clock
        while time.perf_counter() < end:
            pass
        return x


def test_models_measured_in_turn_share_the_drift_of_the_machine() -> None:
    example = [torch.zeros(1)]
    alone = [latency_ms(Slowing(), example, repeats=50).median_ms for _ in range(2)]
    Slowing.clock = 0.0
    together = latencies_ms({"a": (Slowing(), example), "b": (Slowing(), example)}, repeats=50)
    medians = [latency.median_ms for latency in together.values()]
    assert alone[1] / alone[0] > 1.8
    assert max(medians) / min(medians) < 1.25


def test_measuring_waits_while_another_holds_the_lock() -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with machine_lock():
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    try:
        with pytest.raises(EvaluationError, match=r"another process measured latency for 0\.05 s"):
            latency_ms(nn.Identity(), [torch.zeros(1)], repeats=1, lock_timeout=0.05)
        threading.Timer(0.1, release.set).start()
        start = time.perf_counter()
        latency_ms(nn.Identity(), [torch.zeros(1)], repeats=1, lock_timeout=10)
        assert time.perf_counter() - start > 0.05
    finally:
        release.set()
        holder.join()


def test_counts_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="threads=0"):
        latency_ms(nn.Identity(), [torch.zeros(1)], threads=0)


def test_a_model_that_fails_is_an_error_that_names_the_shapes() -> None:
    with pytest.raises(EvaluationError, match=r"shape \[\(1, 3\)\]"):
        latency_ms(nn.Linear(2, 2), [torch.zeros(1, 3)])
    with machine_lock(timeout=1):
        pass  # the failure gave the lock back


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_pass_is_timed_to_its_end() -> None:
    size = 4096
    model = nn.Linear(size, size, bias=False, device="cuda")
    latency = latency_ms(model, [torch.zeros(size, size, device="cuda")], repeats=5)
    assert latency.median_ms > 2 * size**3 / 2e15 * 1e3  # no GPU of today does 2,000 TFLOP/s in float32
