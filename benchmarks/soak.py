"""Kill the driver at random points, and let trials crash, hang and eat memory: what is lost?

    python benchmarks/soak.py kills [--points 200] [--executors serial processes ray] [--strategies …] [--trials 40]
    python benchmarks/soak.py faults [--minutes 60]

`kills` runs small studies, kills their driver (SIGKILL) at a random moment, starts the same command again, and so on
until each pair of executor and strategy has had its share of kills. Checked after each study: every trial that had
ended before a kill is in the journal unchanged and was not evaluated again; every trial has one start and one end; and
with one worker, or `deterministic` with two, the journal equals that of a study that was never killed.

`faults` runs one study on two worker processes of whose trials 5 % crash, 5 % hang and 5 % allocate without end.
Checked: each ends with its planted cause; no zombie, no process and no file is left; memory does not grow.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import searchitect as sa
from searchitect.errors import StorageError
from searchitect.evaluation import Context, Executor
from searchitect.executors import open_executor
from searchitect.storage import open_store
from searchitect.study import Clock, Limit, Runner, Study, run_phase
from searchitect.study.events import RETRIED, without_clock
from searchitect.trial import Fidelity, Proposal

EXECUTORS = ("serial", "processes", "ray")
STRATEGIES = ("regularized_evolution", "gp", "asha", "ppo")
NAME = "soak"
FINISHED = "finished"


@sa.space
class Net:
    """Enough decisions that few proposals repeat."""

    width: float = sa.real(0.0, 1.0)
    depth: int = sa.integer(1, 20)
    kernel: int = sa.choice(3, 5, 7)
    pool: str = sa.choice("max", "average")


class Noted:
    """Takes 20 ms, is a function of architecture and seed, and notes on disk that it was begun."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        with self._log.open("a") as log:
            log.write(f"{context.number}\n")
        time.sleep(0.02)
        a = proposal.architecture
        noise = random.Random(context.seed).gauss(0.0, 0.1)
        return {"score": float(str(a["width"])) + float(str(a["depth"])) / 20 + noise}


def drive(folder: Path, executor: str, strategy: str, trials: int, seed: int, address: str | None) -> None:
    """The driver that is killed: one study, new or as its journal left it."""
    fidelity = Fidelity(epochs=9) if strategy == "asha" else Fidelity()
    workers = 0 if executor == "serial" else 2
    evaluator = Noted(folder / "begun")
    made = open_executor(evaluator, workers, kind=executor, address=address, cpus=0.1 if executor == "ray" else 1.0)
    store = str(folder / "s.db")
    settings: dict[str, Any] = {"strategy": strategy, "seed": seed, "budget": trials, "fidelity": fidelity}
    with contextlib.closing(made), Study(Net, store=store, name=NAME, workers=max(1, workers), **settings) as study:
        print("open", flush=True)
        runner = Runner(made, Clock(study.state.elapsed), deterministic=executor != "ray")
        run_phase(study, "search", runner, Limit(trials=trials))
    print(FINISHED, flush=True)


def run_driver(folder: Path, command: Sequence[str], kill_after: float | None) -> float | None:
    """Run the driver, kill it so many seconds after it has opened its study; return how long it ran, None if killed."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, __file__, "drive", str(folder), *command], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        first = process.stdout.readline()
        assert first == "open\n", f"the driver did not open its study: {first!r}"
        begin = time.monotonic()
        timer = None
        if kill_after is not None:
            timer = threading.Timer(kill_after, process.kill)
            timer.start()
        said = process.stdout.read()
        process.wait()
        if timer is not None:
            timer.cancel()
    if FINISHED in said:
        return time.monotonic() - begin
    assert process.returncode == -signal.SIGKILL, f"the driver failed with {process.returncode}"
    return None


def journal(folder: Path) -> list[Mapping[str, Any]]:
    """The events without their clock, and without word of workers that the machine lost."""
    if not (folder / "s.db").is_file():
        return []
    store = open_store(str(folder / "s.db"))
    try:
        return [without_clock(event) for _, event in store.journal(NAME).read() if event["kind"] != RETRIED]
    except StorageError:
        return []  # the manifest is not written yet
    finally:
        store.close()


def ended(events: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    return {event["number"]: event for event in events if event["kind"] == "end"}


def begun(folder: Path) -> list[int]:
    path = folder / "begun"
    return [int(line) for line in path.read_text().split()] if path.is_file() else []


def wounded_study(folder: Path, command: Sequence[str], longest: float, rng: random.Random, most: int) -> Counter[str]:
    """Kill and start again until the study ends or has been killed `most` times; count kills and what was wrong."""
    found: Counter[str] = Counter()
    over = False
    while not over:
        before, count = ended(journal(folder)), len(begun(folder))
        kill_after = rng.uniform(0.0, longest) if found["kills"] < most else None
        over = run_driver(folder, command, kill_after) is not None
        found["kills"] += not over
        now = ended(journal(folder))
        found["lost"] += sum(now.get(number) != event for number, event in before.items())
        found["repeated"] += sum(number in before for number in begun(folder)[count:])
    events = journal(folder)
    starts = Counter(event["number"] for event in events if event["kind"] == "start")
    ends = Counter(event["number"] for event in events if event["kind"] == "end")
    found["unpaired"] += starts != ends or max(ends.values()) > 1
    return found


def kills(points: int, executors: Sequence[str], strategies: Sequence[str], trials: int, seed: int) -> int:
    """Print the table and return how many things were wrong."""
    share = -(-points // (len(executors) * len(strategies)))
    columns = [f"{name:>8}" for name in ("studies", "kills", "lost", "repeated", "unpaired")]
    print(f"{'executor':10} {'strategy':22} {' '.join(columns)}  journal")
    wrong, all_kills = 0, 0
    with tempfile.TemporaryDirectory(prefix="soak-") as place, cluster("ray" in executors) as address:
        for executor in executors:
            for strategy in strategies:
                pair = f"{executor}-{strategy}"
                rng, found, different = random.Random(f"{seed}-{pair}"), Counter[str](), 0
                studies = 0
                while found["kills"] < share:
                    folder = Path(place) / f"{pair}-{studies}"
                    command = [executor, strategy, str(trials), str(seed + studies), *([address] if address else [])]
                    whole = Path(f"{folder}-whole")
                    longest = run_driver(whole, command, None)
                    assert longest is not None
                    found += wounded_study(folder, command, longest / 2, rng, share - found["kills"])
                    different += executor != "ray" and journal(folder) != journal(whole)
                    studies += 1
                same = "not compared" if executor == "ray" else "equal" if not different else f"{different} differ"
                figures = [found[name] for name in ("kills", "lost", "repeated", "unpaired")]
                shown = " ".join(f"{figure:8}" for figure in (studies, *figures))
                print(f"{executor:10} {strategy:22} {shown}  {same}", flush=True)
                wrong += sum(figures[1:]) + different
                all_kills += figures[0]
    print(f"{all_kills} kills, {wrong} faults")
    return wrong


@contextlib.contextmanager
def cluster(wanted: bool) -> Iterator[str | None]:
    """One Ray cluster that all drivers join: it outlives them."""
    if not wanted:
        yield None
        return
    from searchitect.executors.ray_cluster import Needs, join, leave

    joined = join(None, 4, Needs())
    import ray

    try:
        yield ray.get_runtime_context().gcs_address
    finally:
        leave(joined)


# ---- faults


class Faulty:
    """By the architecture's width: 5 % crash, 5 % hang, 5 % eat memory; the others take 50 ms."""

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        kind = planted(float(str(proposal.architecture["width"])))
        if kind == "crash":
            ctypes.string_at(0)
        if kind == "hang":
            time.sleep(1e6)
        if kind == "memory":
            bytearray(4_000_000_000)
        time.sleep(0.05)
        return {"score": float(str(proposal.architecture["width"]))}


def planted(width: float) -> str | None:
    return {0: "crash", 1: "hang", 2: "memory"}.get(int(width * 20))


def resident(pid: int) -> float:
    """MB of memory that a process holds."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def children() -> dict[int, str]:
    """State by process number of what this process has started."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == os.getpid():
                    found[int(entry.name)] = fields[0]
    return found


class Watch:
    """Notes memory and zombies at every hundredth trial."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, float, float]] = []
        self.zombies = self.trials = 0

    def __call__(self, event: Mapping[str, Any]) -> None:
        if event["kind"] != "end":
            return
        self.trials += 1
        if self.trials % 100 == 0:
            living = children()
            self.zombies = max(self.zombies, sum(state == "Z" for state in living.values()))
            workers = [resident(pid) for pid in living]
            self.samples.append((self.trials, resident(os.getpid()), max(workers, default=0.0)))

    def slope(self, column: int) -> float:
        """kB per trial, least squares over the second half: the first fills caches."""
        half = self.samples[len(self.samples) // 2 :]
        xs, ys = [s[0] for s in half], [s[column] for s in half]
        mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
        spread = sum((x - mx) ** 2 for x in xs)
        return 1e3 * sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0


def faults(minutes: float, seed: int) -> int:
    """Print what was found and return how many things were wrong."""
    watch, before = Watch(), children()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        folder = Path(place)
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
        executor: Executor = open_executor(Faulty(), 2, memory_bytes=1_000_000_000, hang_seconds=3.0)
        with Study(Net, strategy="random", seed=seed, store=str(folder / "s.db"), workers=2, on_event=watch) as study:
            run_phase(study, "search", Runner(executor, Clock()), Limit(seconds=60 * minutes))
            executor.close()
            trials, causes = study.trials, study.state.causes
        left = [str(path) for path in (folder / "tmp").rglob("*")]
    tempfile.tempdir = None
    told = Counter((planted(float(str(t.architecture["width"]))), causes.get(t.number)) for t in trials)
    wrong = sum(count for (plan, cause), count in told.items() if plan != cause)
    orphans = set(children()) - set(before)
    print(f"{len(trials)} trials in {minutes:g} min; " + ", ".join(f"{c or 'sound'} {n}" for (_, c), n in told.items()))
    left_over = f"processes left {len(orphans)}; files left {len(left)}"
    print(f"ended otherwise than planted {wrong}; zombies {watch.zombies}; {left_over}")
    if len(watch.samples) > 3:
        first, last = watch.samples[0], watch.samples[-1]
        print(f"driver {first[1]:.0f} -> {last[1]:.0f} MB, {watch.slope(1):+.2f} kB per trial (the journal's records); "
              f"largest worker {first[2]:.0f} -> {last[2]:.0f} MB, {watch.slope(2):+.2f} kB per trial")  # fmt: skip
    return wrong + watch.zombies + len(orphans) + len(left)


def main() -> None:
    if sys.argv[1:2] == ["drive"]:
        folder, executor, strategy, trials, seed = sys.argv[2:7]
        address = sys.argv[7] if executor == "ray" else None
        drive(Path(folder), executor, strategy, int(trials), int(seed), address)
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("kills", "faults"))
    parser.add_argument("--points", type=int, default=200, help="kills in all")
    parser.add_argument("--executors", nargs="+", default=EXECUTORS, choices=EXECUTORS)
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES)
    parser.add_argument("--trials", type=int, default=40, help="of each study")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.what == "kills":
        wrong = kills(given.points, given.executors, given.strategies, given.trials, given.seed)
    else:
        wrong = faults(given.minutes, given.seed)
    sys.exit(min(wrong, 1))


if __name__ == "__main__":
    main()
