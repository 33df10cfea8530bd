"""A store of a million events: how fast it opens, lists, shows, replays, and whether appending slows down.

    python benchmarks/million_events.py [--events 1000000]

Twice: the events spread over 100 studies, as a store grows in years, and all of them in one study. `opens` and `lists`
are `open_store` and `studies`; `show` is the whole command `searchitect show` of one of them, in a fresh process, the
first time and again; `empty` and `full` are the rates of 5,000 single appends to a new store and to this one; `replay`
folds the study as `resume` does, in a fresh process: seconds, and the most memory that the process held.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import searchitect as sa
from searchitect.storage import Store, open_store

REPLAY = """
import resource, sys, time
from searchitect.result import read_result
from searchitect.storage import open_store
from searchitect.study.state import StudyState
begin = time.perf_counter()
state = StudyState()
for _, event in open_store(sys.argv[1]).journal(sys.argv[2]).read():
    state.apply(event)
print(time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(state.trials))
"""


@sa.space
class Block:
    width: int = sa.choice(16, 32, 64)
    kernel: int = sa.choice(3, 5)


@sa.space
class Net:
    blocks: tuple[Block, ...] = sa.repeat(Block, 1, 4)
    pool: str = sa.choice("max", "average")
    learning_rate: float = sa.real(1e-4, 1e-1, log=True, role="training")


def written(trials: int) -> list[dict[str, Any]]:
    """The events of a real study of so many trials."""
    store = open_store(None)
    with sa.Study(Net, strategy="random", objectives=["score"], store=store, name="template") as study:
        for _ in range(trials):
            trial = study.ask()
            assert trial is not None
            study.tell(trial, score=float(len(trial.architecture)))
    return [dict(event) for _, event in store.journal("template").read()]


def longer(template: list[dict[str, Any]], events: int) -> Iterator[dict[str, Any]]:
    """The template again and again, its trials renumbered and their keys told apart: a study of so many events."""
    yield template[0]
    body, count, round_ = template[1:], 1, 0
    trials = len(body) // 2
    while True:
        for event in body:
            if count >= events:
                return
            number = event["number"] + round_ * trials
            again = {**event, "number": number}
            yield again | ({"key": f"{event['key']}-{round_}"} if "key" in event else {})
            count += 1
        round_ += 1


def fill(store: Store, studies: int, events: int, template: list[dict[str, Any]]) -> None:
    for index in range(studies):
        journal = store.journal(f"study {index}", create=True)
        rest = longer(template, events // studies)
        done = False
        while not done:
            with store.together():  # type: ignore[attr-defined]
                for _ in range(5_000):
                    event = next(rest, None)
                    if event is None:
                        done = True
                        break
                    journal.append(event)


def rate(store: Store, study: str, count: int = 5_000) -> float:
    journal = store.journal(study, create=True)
    event = {"kind": "note", "text": "x" * 200}
    begin = time.perf_counter()
    for _ in range(count):
        journal.append(event)
    return count / (time.perf_counter() - begin)


def timed(arguments: list[str]) -> tuple[float, str]:
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return time.perf_counter() - begin, done.stdout


def row(name: str, url: str, empty: str, studies: int, events: int, template: list[dict[str, Any]]) -> None:
    with closing(open_store(url)) as store:
        fill(store, studies, events, template)
    begin = time.perf_counter()
    store = open_store(url)
    opened = time.perf_counter()
    assert sum(info.events for info in store.studies()) >= events - studies
    listed = time.perf_counter()
    _, answer = timed(["-c", REPLAY, url, "study 0"])
    replay, memory, _ = (float(part) for part in answer.split())
    shown, *again = (timed(["-m", "searchitect", "show", "study 0", "--store", url])[0] for _ in range(4))
    with closing(open_store(empty)) as fresh:
        rates = [(rate(fresh, "new"), rate(store, "study 0")) for _ in range(3)]
    store.close()
    fastest = [max(pair[i] for pair in rates) for i in (0, 1)]
    print(
        f"{name:<28}{studies:>8}{opened - begin:>9.3f}{listed - opened:>9.3f}{shown:>9.2f}{min(again):>9.2f}"
        f"{fastest[0]:>11,.0f}{fastest[1]:>11,.0f}{replay:>10.1f}{memory:>9,.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    template = written(5_000)
    print(f"{options.events:,} events{'':<12}{'studies':>8}{'opens s':>9}{'lists s':>9}{'show s':>9}{'again s':>9}"
          f"{'empty/s':>11}{'full/s':>11}{'replay s':>10}{'MB':>9}")  # fmt: skip
    for studies in (100, 1):
        folder = Path(tempfile.mkdtemp())
        os.environ["XDG_CACHE_HOME"] = str(folder)  # where `show` keeps what it said
        try:
            row("SQLite", str(folder / "s.db"), str(folder / "empty.db"), studies, options.events, template)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
