"""Events per second that many processes write into one store, and whether each of them is there exactly once.

    python benchmarks/store_writers.py [--events 40000] [--url postgresql://…] [--writers 8 32]

Rows: SQLite with 8 processes and PostgreSQL with 32, all on one study and each on a study of its own. Events are the
start and the end of a small trial, about 300 bytes. Every process waits for the last to be ready; the rate is over the
time in which any of them wrote. Afterwards all events are read back: `lost` and `twice` count those not there once, at
the position that their writer was told. Without --url a server is started here, as it comes: it waits
for its disk at every commit; a second one does not (`fsync=off`), which shows what the disk costs.
`µs each` is processor time for an event, of writers and server together: where others use the machine too, it says more
than the rate.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from searchitect.storage import open_store

WRITER = """
import sys, time
sys.path[:0] = [sys.argv[1]]
from store_writers import events
from searchitect.storage import open_store
journal = open_store(sys.argv[2]).journal(sys.argv[3], create=True)
written = list(events(int(sys.argv[4]), int(sys.argv[5])))
print("ready", flush=True)
sys.stdin.readline()
begin, busy = time.time(), time.process_time()
told = [journal.append(event) for event in written]
print(begin, time.time(), time.process_time() - busy, *told)
"""


def events(writer: int, count: int) -> Iterator[dict[str, object]]:
    """What one writer appends: starts and ends of its trials, each event once."""
    decisions = {f"blocks.{i}.width": 32 for i in range(6)}
    for n in range(count // 2):
        yield {"kind": "start", "number": n, "writer": writer, "phase": "search", "architecture": decisions, "seed": n}
        yield {
            "kind": "end",
            "number": n,
            "writer": writer,
            "state": "complete",
            "measurements": {"accuracy": n / count},
            "reason": None,
            "reports": [],
            "clock": {"seconds": 0.1, "elapsed": 0.1 * n},
        }


def row(name: str, url: str, writers: int, events_in_all: int, *, shared: bool, server: int | None = None) -> None:
    studies = ["all" if shared else f"of {w}" for w in range(writers)]
    store = open_store(url)
    for study in dict.fromkeys(studies):
        store.journal(study, create=True)
    each = events_in_all // writers // 2 * 2
    here = str(Path(__file__).parent)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, here, url, study, str(w), str(each)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for w, study in enumerate(studies)
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    before = _busy(server)
    answers = [process.communicate()[0].split() for process in running]
    seconds = max(float(a[1]) for a in answers) - min(float(a[0]) for a in answers)
    lost, twice = _compared(url, studies, [[int(p) for p in answer[3:]] for answer in answers])
    store.close()
    work = sum(float(a[2]) for a in answers) + _busy(server) - before
    print(
        f"{name:<44}{writers:>8}{each * writers / seconds:>12,.0f}{1e6 * work / each / writers:>9.0f}"
        f"{lost:>7}{twice:>7}",
        flush=True,
    )


def _busy(server: int | None) -> float:
    """Processor seconds of a server and of what it has ended, from its number; Linux only."""
    stat = Path(f"/proc/{server}/stat")
    if server is None or not stat.exists():
        return 0.0
    return sum(int(ticks) for ticks in stat.read_text().rpartition(")")[2].split()[11:15]) / os.sysconf("SC_CLK_TCK")


def _compared(url: str, studies: list[str], told: list[list[int]]) -> tuple[int, int]:
    """How many acknowledged events are not where they should be, and how many are there more than once."""
    store = open_store(url)
    found = {
        study: {p: (e["writer"], e["kind"], e["number"]) for p, e in store.journal(study).read()}
        for study in {*studies}
    }
    store.close()
    lost = 0
    for writer, (study, positions) in enumerate(zip(studies, told, strict=True)):
        wanted = [(writer, event["kind"], event["number"]) for event in events(writer, len(positions))]
        lost += sum(found[study].get(p) != want for p, want in zip(positions, wanted, strict=True))
    counts = Counter((study, event) for study, there in found.items() for event in there.values())
    return lost, sum(count - 1 for count in counts.values())


@contextmanager
def server(settings: str) -> Iterator[tuple[str, int]]:
    sys.path[:0] = [str(Path(__file__).parents[1])]
    from tests.storage.postgres_server import PostgresServer, programs

    found = programs()
    if found is None:
        raise SystemExit("PostgreSQL is not installed here: name a server with --url")
    running = PostgresServer(found, settings=settings)
    running.start()
    try:
        yield running.url(), int(Path(running.data, "postmaster.pid").read_text().split()[0])
    finally:
        running.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--url", help="a PostgreSQL database that may be written")
    parser.add_argument("--writers", type=int, nargs=2, default=(8, 32), help="processes on SQLite, on PostgreSQL")
    options = parser.parse_args()
    few, many = options.writers
    print(f"{'store':<44}{'writers':>8}{'events/s':>12}{'µs each':>9}{'lost':>7}{'twice':>7}")
    folder = Path(tempfile.mkdtemp())
    try:
        for shared, what in ((True, "one study"), (False, "own studies")):
            row(f"SQLite, {what}", str(folder / f"{shared}.db"), few, options.events, shared=shared)
    finally:
        shutil.rmtree(folder)
    if options.url is not None:
        row("PostgreSQL, own studies", options.url, many, options.events, shared=False)
        return
    for settings, name in (("-c fsync=on", "PostgreSQL"), ("-c fsync=off", "PostgreSQL, fsync=off")):
        for shared, what in ((True, "one study"), (False, "own studies")):
            with server(settings) as (url, number):
                row(f"{name}, {what}", url, many, options.events, shared=shared, server=number)


if __name__ == "__main__":
    main()
