"""What strategies cost beside the evaluations: time of one ask, memory, replay, trials on disk.

1. One ask of `gp` and `predictor` after so many observations, new model included (each ask follows a new observation;
   a refit every few trials is spread over them), beside Optuna's GP on the same six categorical decisions.
2. Peak memory of a study of 100,000 trials, in a process of its own.
3. Replay: a strategy rebuilt from 100,000 events.
4. 10,000 durable trials on SQLite.

Processor time, one thread. Wanted: gp at 100 / 300 / 1,000 observations ≤ 20 / 60 / 400 ms; predictor ≤ 30 ms; memory
≤ 500 MB; replay ≤ 10 s; ≥ 4,000 trials/s random, ≥ 2,000/s evolution.

    python benchmarks/strategy_overhead.py [--asks 20] [--quick]
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.spaces import Architecture, SearchSpace
from searchitect.strategies import STRATEGIES, Setting, Strategy, make_strategy
from searchitect.trial import Proposal, Trial, TrialState

OPERATIONS = ("none", "skip", "conv1", "conv3", "pool")
REPLAYED = ("random", "regularized_evolution", "local_search", "genetic", "reinforce", "ppo", "tpe", "gp", "predictor")


@sa.space
class Cell:
    """As large as NAS-Bench-201."""

    a: str = sa.choice(*OPERATIONS)
    b: str = sa.choice(*OPERATIONS)
    c: str = sa.choice(*OPERATIONS)
    d: str = sa.choice(*OPERATIONS)
    e: str = sa.choice(*OPERATIONS)
    f: str = sa.choice(*OPERATIONS)


@sa.space
class Wide:
    """Large enough for 100,000 trials without a repeat."""

    widths: tuple[int, ...] = sa.repeat(sa.choice(16, 32, 64, 128), 8, 8)
    kernels: tuple[int, ...] = sa.repeat(sa.choice(1, 3, 5, 7), 8, 8)


def score(architecture: Architecture, number: int) -> float:
    """Smooth, with noise: something to learn."""
    places = [OPERATIONS.index(str(value)) for value in architecture.decisions.values()]
    pairs = sum((a * b) % 3 for a, b in itertools.pairwise(places))
    return sum(places) + 0.7 * pairs + stream(0, "noise", number).gauss(0.0, 0.3)


def told(strategy: Strategy, space: SearchSpace, count: int) -> list[Trial]:
    """Tell the strategy random architectures, started and complete; return what was told."""
    rng, records, seen = stream(1, "told"), list[Trial](), set[str]()
    while len(seen) < count:
        architecture = space.sample(rng)
        key = space.key(architecture)
        if key in seen:
            continue
        seen.add(key)
        records += observe(strategy, Proposal(architecture), key, len(seen) - 1)
    return records


def observe(strategy: Strategy, proposal: Proposal, key: str, number: int) -> list[Trial]:
    value = score(proposal.architecture, number) if "a" in proposal.architecture else float(number % 97)
    start = Trial(number, proposal, TrialState.RUNNING, key, seed=number)
    end = Trial(number, proposal, TrialState.COMPLETE, key, seed=number, measurements={"score": value})
    strategy.tell(start)
    strategy.tell(end)
    return [start, end]


def ask_milliseconds(name: str, observations: int, asks: int) -> float:
    """Mean processor time of an ask, each after one more observation."""
    space = SearchSpace.of(Cell)
    strategy = make_strategy(name, Setting(space, (Objective("score", "maximize"),), 0, budget=observations + asks))
    told(strategy, space, observations)
    strategy.ask(observations)  # imports, and what only a first ask does
    spent = 0.0
    for number in range(observations, observations + asks):
        begin = time.process_time()
        proposal = strategy.ask(number)
        spent += time.process_time() - begin
        assert proposal is not None
        observe(strategy, proposal, space.key(proposal.architecture), number)
    return 1000 * spent / asks


def optuna_milliseconds(observations: int, asks: int) -> float:
    import warnings

    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    kinds = dict.fromkeys("abcdef", optuna.distributions.CategoricalDistribution(OPERATIONS))
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.GPSampler(seed=0, n_startup_trials=1))
    space, rng = SearchSpace.of(Cell), stream(1, "told")
    for number in range(observations):
        architecture = space.sample(rng)
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(architecture.decisions), distributions=kinds, value=score(architecture, number)
            )
        )
    spent = 0.0
    for number in range(observations, observations + asks):
        begin = time.process_time()
        trial = study.ask(kinds)
        spent += time.process_time() - begin
        places = Architecture(space.digest, trial.params)
        study.tell(trial, score(places, number))
    return 1000 * spent / asks


def seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def replay_seconds(name: str, events: int) -> float:
    """Tell a fresh strategy so many events (half of them ends), and ask it once."""
    space = SearchSpace.of(Wide)
    setting = Setting(space, (Objective("score", "maximize"),), 0, budget=events // 2)
    records = told(make_strategy("random", setting), space, events // 2)
    strategy = make_strategy(name, setting)

    def replay() -> None:
        for record in records:
            strategy.tell(record)
        strategy.ask(events // 2)

    return seconds(replay)


# Not ru_maxrss: a child begins with that of its parent.
MEMORY = """
import pathlib, re, sys
import searchitect as sa
sys.path.insert(0, {folder!r})
from strategy_overhead import Wide
study = sa.Study(Wide, strategy={strategy!r}, objectives=["score"], budget={trials}, store={store!r})
for number in range({trials}):
    trial = study.ask()
    study.tell(trial, score=float(number % 97))
print(int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024)
"""


def peak_megabytes(strategy: str, trials: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "studies.db")
        here = str(Path(__file__).parent)
        program = MEMORY.format(folder=here, strategy=strategy, trials=trials, store=store)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return float(done.stdout)


def durable_per_second(strategy: str, trials: int) -> tuple[float, float]:
    """Trials per second of wall time, and of processor time."""
    with tempfile.TemporaryDirectory() as folder:
        study = sa.Study(
            Wide, strategy=strategy, objectives=["score"], budget=trials, store=str(Path(folder) / "studies.db")
        )
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for number in range(trials):
            trial = study.ask()
            assert trial is not None
            study.tell(trial, score=float(number % 97))
        taken, taken_cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
        study.close()
    return trials / taken, trials / taken_cpu


def row(what: str, value: float, unit: str, wanted: str) -> None:
    print(f"{what:<58}{value:>12,.1f} {unit:<10}{wanted}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--asks", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials")
    options = parser.parse_args()
    trials = 10_000 if options.quick else 100_000
    print(f"{'what':<58}{'figure':>12} {'unit':<10}wanted")
    for observations, limit in ((100, 20), (300, 60), (1000, 400)):
        row(f"gp: ask after {observations:,}", ask_milliseconds("gp", observations, options.asks), "ms", f"≤ {limit}")
    row("predictor: ask after 300", ask_milliseconds("predictor", 300, options.asks), "ms", "≤ 30")
    try:
        import optuna
    except ImportError:
        print('optuna is not installed: pip install "searchitect[bench]"')
    else:
        row(f"optuna {optuna.__version__} GP: ask after 100", optuna_milliseconds(100, options.asks), "ms", "peer")
    for name in ("random", "regularized_evolution"):
        row(f"{name}: peak memory, {trials:,} trials on SQLite", peak_megabytes(name, trials), "MB", "≤ 500")
    for name in (name for name in REPLAYED if name in STRATEGIES):
        row(f"{name}: replay of {trials:,} events and one ask", replay_seconds(name, trials), "s", "≤ 10")
    for name, least in (("random", 4000), ("regularized_evolution", 2000)):
        wall, processor = durable_per_second(name, 10_000)
        row(f"{name}: 10,000 durable trials", wall, "trials/s", f"≥ {least:,}")
        row(f"{name}: the same by processor time", processor, "trials/s", "")


if __name__ == "__main__":
    main()
