"""Feed damaged files to every reader: no hang, no crash, nothing run, bounded memory, every rejection an error of ours.

    python benchmarks/fuzz_soak.py --inputs 200000 --seconds 30     # per reader, whichever comes first
    python benchmarks/fuzz_soak.py --reader parquet --seed 7 --inputs 1000

Inputs are numbered: input n of a reader is made from (seed, n) alone, so that a fault can be looked at again with
`--reader NAME --first n --inputs 1`. The exit code is 1 where there was a fault.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.damage import damaged
from tests.fuzz.readers import DESCRIPTION, READERS, TABLE, seeds
from tests.fuzz.watching import watched

from searchitect.errors import SearchitectError

HANG = 10
"""Seconds after which reading one file counts as a hang."""


class HangError(BaseException):
    """Reading took too long."""


@dataclass
class Tally:
    """What came of one reader's inputs; `faults` maps the kind of a fault to its count and first input."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    grown: int = 0
    faults: dict[str, list[int]] = field(default_factory=lambda: collections.defaultdict(list))


def soak(name: str, folder: Path, options: argparse.Namespace) -> Tally:
    reader, tally = READERS[name], Tally()
    place = folder / name.replace("/", "-")
    place.mkdir()
    (place / "table.csv").write_bytes(TABLE)
    (place / "fixed.toml").write_text(DESCRIPTION)
    path = place / reader.file
    for content in seeds(name):
        path.write_bytes(content)
        reader.read(path)  # what is imported at the first use is imported now
    before, begin = _peak(), time.process_time()
    for number in range(options.first, options.first + options.inputs):
        if time.process_time() - begin > options.seconds:
            break
        rng = random.Random(f"{options.seed}/{name}/{number}")
        _one(reader, path, damaged(rng.choice(seeds(name)), rng), number, tally)
    tally.seconds, tally.grown = time.process_time() - begin, _peak() - before
    return tally


def _one(reader, path: Path, content: bytes, number: int, tally: Tally) -> None:
    path.write_bytes(content)
    begin = time.perf_counter()
    signal.alarm(HANG)
    try:
        with nullcontext() if "SQLite" in reader.name else watched():
            reader.read(path)
        tally.read += 1
    except SearchitectError as error:
        tally.refused += 1
        if len(str(error)) > 5_000:
            tally.faults["a message of more than 5,000 letters"].append(number)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        tally.faults[_kind(error)].append(number)
    finally:
        signal.alarm(0)
    tally.inputs += 1
    tally.slowest = max(tally.slowest, time.perf_counter() - begin)


def _kind(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}searchitect{os.sep}" in f.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {where}: {str(error)[:80]!r}" if not isinstance(error, HangError) else "hang"


def _peak() -> int:
    """Largest memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _hang(number, frame):
    raise HangError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=200_000, help="per reader, at most")
    parser.add_argument("--seconds", type=float, default=30.0, help="of processor time per reader, at most")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", choices=READERS, help="repeat for more; default: all")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _hang)
    faulty = False
    heads = ("inputs", "read", "refused", "faults", "slowest", "memory", "seconds")
    print(f"{'reader':28} " + " ".join(f"{head:>9}" for head in heads))
    with tempfile.TemporaryDirectory() as folder:
        for name in options.reader or READERS:
            tally = soak(name, Path(folder), options)
            count = sum(map(len, tally.faults.values()))
            print(
                f"{name:28} {tally.inputs:9,} {tally.read:9,} {tally.refused:9,} {count:9,} "
                f"{1e3 * tally.slowest:6.0f} ms {tally.grown:5} MiB {tally.seconds:9.1f}",
                flush=True,
            )
            for kind, numbers in sorted(tally.faults.items(), key=lambda item: -len(item[1])):
                print(f"    {len(numbers):6,} × {kind} (first: input {numbers[0]})", flush=True)
            faulty = faulty or count > 0
    return int(faulty)


if __name__ == "__main__":
    sys.exit(main())
