"""Trials per second of the study loop with an evaluator that does nothing, beside Optuna in the same run.

Each row runs 10,000 trials of the same space by the same kind of search (random for both, regularised evolution for
ours as well), on each kind of storage. Prints one table: trials per second, the last 1,000 trials against the first.

    python benchmarks/study_loop.py [--trials 10000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import searchitect as sa


@sa.space
class Block:
    width: int = sa.choice(16, 32, 64)
    kernel: int = sa.choice(3, 5)


@sa.space
class Net:
    blocks: tuple[Block, ...] = sa.repeat(Block, 1, 4)
    pool: str = sa.choice("max", "average")
    learning_rate: float = sa.real(1e-4, 1e-1, log=True, role="training")


def ours(strategy: str, store: str | None, trials: int) -> list[float]:
    study = sa.Study(Net, strategy=strategy, objectives=["score"], budget=trials, store=store, name=strategy)
    marks = [time.perf_counter()]
    for index in range(trials):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, score=float(len(trial.architecture)))
        if (index + 1) % 1_000 == 0:
            marks.append(time.perf_counter())
    study.close()
    return marks


def optunas(storage: object, trials: int) -> list[float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=0), direction="maximize")
    marks = [time.perf_counter()]
    for index in range(trials):
        trial = study.ask()
        length = trial.suggest_int("length", 1, 4)
        for block in range(length):
            trial.suggest_categorical(f"width{block}", [16, 32, 64])
            trial.suggest_categorical(f"kernel{block}", [3, 5])
        trial.suggest_categorical("pool", ["max", "average"])
        trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        study.tell(trial, float(length))
        if (index + 1) % max(1, trials // 10) == 0:
            marks.append(time.perf_counter())
    return marks


def row(name: str, trials: int, marks: list[float]) -> None:
    seconds = marks[-1] - marks[0]
    first, last = marks[1] - marks[0], marks[-1] - marks[-2]
    print(f"{name:<52} {trials:>7,} {trials / seconds:>10,.0f} {last / first:>12.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--peer-trials", type=int, default=1_000, help="Optuna's slow storages: fewer trials")
    options = parser.parse_args()
    print(f"{'what':<52} {'trials':>7} {'trials/s':>10} {'last/first':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for strategy in ("random", "regularized_evolution"):
            row(
                f"searchitect {strategy}, SQLite",
                options.trials,
                ours(strategy, f"{folder}/{strategy}.db", options.trials),
            )
            row(f"searchitect {strategy}, memory", options.trials, ours(strategy, None, options.trials))
        try:
            import optuna
            from optuna.storages import JournalStorage
            from optuna.storages.journal import JournalFileBackend
        except ImportError:
            print('optuna is not installed: pip install "searchitect[bench]"')
            return
        name, few = f"optuna {optuna.__version__} random", options.peer_trials
        row(f"{name}, SQLite", few, optunas(f"sqlite:///{Path(folder) / 'optuna.db'}", few))
        row(f"{name}, journal file", few, optunas(JournalStorage(JournalFileBackend(f"{folder}/optuna.log")), few))
        row(f"{name}, memory", options.trials, optunas(None, options.trials))


if __name__ == "__main__":
    main()
