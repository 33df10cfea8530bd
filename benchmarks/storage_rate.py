"""How many events a store takes and gives back per second, alone and with several processes writing.

    python benchmarks/storage_rate.py [--events 20000]

Target: at least 12,000 appends/s of about 400 bytes on SQLite. The last tenth stands beside the whole.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from searchitect.storage import Journal, open_store

EVENT = {
    "kind": "end",
    "number": 1,
    "architecture": {"space": "0" * 32, "decisions": {f"blocks.{i}.kernel": 3 for i in range(10)}},
    "measurements": {"accuracy": 0.98, "parameters": 12345, "flops": 12345678},
    "state": "complete",
}
WRITER = """
import sys, time
sys.path[:0] = [sys.argv[1]]
from storage_rate import EVENT, append
from searchitect.storage import open_store
journal = open_store(sys.argv[2]).journal("several", create=True)
print(time.time(), append(journal, int(sys.argv[3])) and time.time())
"""


def append(journal: Journal, count: int) -> float:
    """Seconds for so many appends."""
    begin = time.perf_counter()
    for _ in range(count):
        journal.append(EVENT)
    return time.perf_counter() - begin


def row(name: str, url: str | None, durability: str, events: int) -> None:
    store = open_store(url, durability="full" if durability == "full" else "normal")
    journal = store.journal("one", create=True)
    tenth = events // 10
    whole = append(journal, events - tenth)
    last = append(journal, tenth)
    begin = time.perf_counter()
    read = sum(1 for _ in journal.read())
    reading = time.perf_counter() - begin
    store.close()
    print(f"{name:<22}{events / (whole + last):>12,.0f}{tenth / last:>14,.0f}{read / reading:>12,.0f}")


def several(path: Path, writers: int, events: int) -> None:
    """Real processes on one study; the rate is over the time in which any of them wrote."""
    open_store(path).close()
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", WRITER, here, str(path), str(events // writers)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(writers)]
    spans = [tuple(float(x) for x in process.communicate()[0].split()) for process in running]
    seconds = max(end for _, end in spans) - min(begin for begin, _ in spans)
    print(f"{f'SQLite, {writers} processes':<22}{events // writers * writers / seconds:>12,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    events = parser.parse_args().events
    print(f"{'store':<22}{'appends/s':>12}{'last tenth/s':>14}{'reads/s':>12}")
    with tempfile.TemporaryDirectory() as folder:
        row("memory", None, "normal", events)
        row("SQLite", f"{folder}/normal.db", "normal", events)
        row("SQLite, full", f"{folder}/full.db", "full", events // 4)
        several(Path(folder) / "several.db", 4, events)


if __name__ == "__main__":
    main()
