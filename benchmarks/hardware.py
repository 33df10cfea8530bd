"""Twelve known networks: counts against published ones, predicted against measured memory, latency of both runtimes.

    python benchmarks/hardware.py [--skip-memory] [--skip-latency] [NETWORK ...]

FLOPs: giga multiply-adds as torchvision publishes them (`_ops`), to the digits it prints. Memory: MiB of activations
with the input that the caller holds; "live" is the largest sum of real tensors between two operations of PyTorch,
"profiler" has the scratch memory of its kernels as well, "onnxruntime" is how far the resident set of a process grows
in one pass, against the prediction with normalisations and activations folded. What counting and predicting take,
before anything is trained, is told too. Latency: one thread, networks in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch

from searchitect import hardware
from searchitect.hardware.measure_onnx import find_models, measure_models, quartiles

ROOT = Path(__file__).parents[1]


def counts(names: list[str]) -> None:
    from tests.hardware.networks import INPUT, NETWORKS, PUBLISHED

    print("network             parameters   published      GMAC  published   int8 peak KiB   int8 flash MiB  published")
    for name in names:
        facts = PUBLISHED[name]
        with torch.device("meta"):
            model = NETWORKS[name]()
        macs, flash = hardware.count_flops(model, INPUT) / 2e9, hardware.flash_int8_bytes(model) / 2**20
        peak = hardware.peak_memory_int8_bytes(model, INPUT) / 1024
        file = "" if facts.int8_mib is None else f"{facts.int8_mib:.3f}"
        parameters = hardware.count_parameters(model)
        print(
            f"{name:<18} {parameters:>11,} {facts.parameters:>11,} {macs:>9.4f} {facts.multiply_adds:>10.3f}"
            f" {peak:>15.1f} {flash:>16.3f} {file:>10}"
        )


def prediction_times(names: list[str], repeats: int = 7) -> None:
    """What a check before training costs: the median of some repetitions."""
    from tests.hardware.networks import INPUT, NETWORKS

    print("\nnetwork            FLOPs, ms   memory, ms")
    for name in names:
        model = NETWORKS[name]().eval()
        taken = []
        for measure in (hardware.count_flops, hardware.peak_memory_bytes):
            times = []
            for _ in range(repeats):
                start = time.perf_counter()
                measure(model, INPUT)
                times.append(time.perf_counter() - start)
            taken.append(1000 * statistics.median(times))
        print(f"{name:<18} {taken[0]:>9.1f} {taken[1]:>12.1f}", flush=True)


def memory(names: list[str]) -> None:
    from tests.hardware.measured_memory import Holding, onnx_peak_bytes, torch_peak_bytes
    from tests.hardware.networks import INPUT, NETWORKS

    print("\nnetwork            predicted     live  ratio   profiler     folded   onnxruntime  ratio")
    for name in names:
        model = NETWORKS[name]().eval()
        predicted = hardware.peak_memory_bytes(Holding(model), INPUT)
        folded = 4 * hardware.peak_memory_int8_bytes(Holding(model), INPUT)
        with contextlib.redirect_stderr(io.StringIO()):
            live, allocated = torch_peak_bytes(model, INPUT)
            runtime = onnx_peak_bytes(model, INPUT)
        mib = [value / 2**20 for value in (predicted, live, allocated, folded, runtime)]
        print(
            f"{name:<18} {mib[0]:>9.3f} {mib[1]:>8.3f} {mib[0] / mib[1]:>6.3f} {mib[2]:>10.3f}"
            f" {mib[3]:>10.3f} {mib[4]:>13.3f} {mib[3] / mib[4]:>6.3f}",
            flush=True,
        )


def latency(names: list[str], repeats: int = 60) -> None:
    from tests.hardware.measured_memory import silence
    from tests.hardware.networks import INPUT, NETWORKS

    models = {name: NETWORKS[name]().eval() for name in names}
    example = torch.zeros(1, *INPUT)
    found = hardware.latencies_ms({name: (model, [example]) for name, model in models.items()}, repeats=repeats)
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            file = Path(folder) / f"{name.replace('/', '-')}.onnx"
            with silence():
                torch.onnx.export(model, (example,), file, dynamo=True, verbose=False, external_data=False)
        measured, _ = measure_models(find_models([folder]), repeats=repeats)
    times = {row.model.removesuffix(".onnx").replace("ViT-B-", "ViT-B/"): row for row in measured}
    print(f"\nnetwork            PyTorch ms     IQR   ONNX Runtime ms     IQR   ({repeats} repeats, 1 thread)")
    for name, own in found.items():
        low, median, high = quartiles(times[name].times_ms)
        print(f"{name:<18} {own.median_ms:>10.2f} {own.iqr_ms:>7.2f} {median:>17.2f} {high - low:>7.2f}")


def main() -> None:
    sys.path.insert(0, os.fspath(ROOT))
    from tests.hardware.networks import NETWORKS

    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=list(NETWORKS))
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--skip-latency", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    counts(given.networks)
    prediction_times(given.networks)
    if not given.skip_memory:
        memory(given.networks)
    if not given.skip_latency:
        latency(given.networks)


if __name__ == "__main__":
    main()
