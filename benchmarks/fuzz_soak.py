"""Feed damaged files to every reader: no hang, no crash, nothing run, bounded memory, every rejection an error of ours.

    python benchmarks/fuzz_soak.py --inputs 200000 --seconds 30     # per reader, whichever comes first
    python benchmarks/fuzz_soak.py --reader parquet --seed 7 --inputs 1000
    python benchmarks/fuzz_soak.py --again                          # what had faults, once more

Inputs are numbered: input n of a reader is made from (seed, n) alone, so that a fault can be looked at again with
`--reader NAME --first n --inputs 1`. What was done is kept in `--out`, a line per block of inputs: the next run goes on
with the next number, the readers that cost least first, and prints the sum of all runs. A block that is run again takes
the place of its earlier line. The exit code is 1 where there is a fault in the sum.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.damage import damaged
from tests.fuzz.readers import DESCRIPTION, READERS, TABLE, seeds
from tests.fuzz.watching import watched

from searchitect.errors import SearchitectError

HANG = 10
"""Seconds after which reading one file counts as a hang."""

BLOCK = 10_000
"""So many inputs are one line of the file of results: what a run that is cut off loses at most."""

MEMORY = Path("/dev/shm")
"""Where it is there, files are written to memory: on a disk, writing them costs ten times what reading does."""


class HangError(BaseException):
    """Reading took too long."""


@dataclass
class Tally:
    """What came of inputs of one reader; `faults` maps the kind of a fault to the numbers of its inputs.

    Attributes:
        seconds, slowest: of processor time, for all inputs (making them, too) and for one.
        grown: by how many MiB the largest memory of the process rose; at most in one block.
    """

    reader: str
    seed: int
    first: int
    inputs: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    grown: int = 0
    faults: dict[str, list[int]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Count another block of the same reader in."""
        for name in ("inputs", "read", "refused", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.slowest, self.grown = max(self.slowest, other.slowest), max(self.grown, other.grown)
        for kind, numbers in other.faults.items():
            self.faults.setdefault(kind, []).extend(numbers)


def prepared(name: str, folder: Path) -> Path:
    """Where the damaged files of a reader come to lie, beside what it reads them with."""
    reader = READERS[name]
    place = folder / name.replace("/", "-")
    place.mkdir()
    (place / "table.csv").write_bytes(TABLE)
    (place / "fixed.toml").write_text(DESCRIPTION)
    path = place / reader.file
    for content in seeds(name):
        path.write_bytes(content)
        reader.read(path)  # what is imported at the first use is imported now
    return path


def soak(path: Path, tally: Tally, inputs: int, seconds: float) -> Tally:
    """Read inputs of `tally.reader` from `tally.first` on."""
    name = tally.reader
    before, begin = _peak(), time.process_time()
    for number in range(tally.first, tally.first + inputs):
        if time.process_time() - begin > seconds:
            break
        rng = random.Random(f"{tally.seed}/{name}/{number}")
        _one(READERS[name], path, damaged(rng.choice(seeds(name)), rng), number, tally)
    tally.seconds, tally.grown = time.process_time() - begin, _peak() - before
    return tally


def _one(reader, path: Path, content: bytes, number: int, tally: Tally) -> None:
    path.write_bytes(content)
    begin = time.process_time()
    signal.alarm(HANG)
    try:
        with nullcontext() if "SQLite" in reader.name else watched():
            reader.read(path)
        tally.read += 1
    except SearchitectError as error:
        tally.refused += 1
        if len(str(error)) > 5_000:
            tally.faults.setdefault("a message of more than 5,000 letters", []).append(number)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        tally.faults.setdefault(_kind(error), []).append(number)
    finally:
        signal.alarm(0)
    tally.inputs += 1
    tally.slowest = max(tally.slowest, time.process_time() - begin)


def _kind(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}searchitect{os.sep}" in f.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return (
        f"hang at {where}"
        if isinstance(error, HangError)
        else f"{type(error).__name__} at {where}: {str(error)[:80]!r}"
    )


def _peak() -> int:
    """Largest memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _hang(number, frame):
    raise HangError


class Book:
    """The blocks that were run, in a file of one JSON object per line; without a file, they are kept for the sum."""

    def __init__(self, out: Path | None) -> None:
        self._out = out
        self.blocks: dict[tuple[str, int, int], Tally] = {}
        if out is not None and out.exists():
            for line in out.read_text().splitlines():
                self._put(Tally(**json.loads(line)))

    def _put(self, block: Tally) -> None:
        self.blocks[block.reader, block.seed, block.first] = block

    def add(self, block: Tally) -> None:
        self._put(block)
        if self._out is not None and block.inputs:
            self._out.parent.mkdir(exist_ok=True)
            with self._out.open("a") as file:
                file.write(json.dumps(asdict(block)) + "\n")

    def of(self, name: str, seed: int) -> list[Tally]:
        return [block for block in self.blocks.values() if (block.reader, block.seed) == (name, seed)]

    def next(self, name: str, seed: int) -> int:
        """The number of the first input that was not read."""
        return max((block.first + block.inputs for block in self.of(name, seed)), default=0)

    def total(self, name: str, seed: int) -> Tally:
        total = Tally(name, seed, 0)
        for block in self.of(name, seed):
            total.add(block)
        return total

    def cost(self, name: str, seed: int) -> float:
        """Seconds per input, as far as they are known."""
        total = self.total(name, seed)
        return total.seconds / max(1, total.inputs)


def go_on(book: Book, name: str, path: Path, options: argparse.Namespace) -> None:
    """Read up to input number `inputs`, in blocks, as long as `seconds` last."""
    left = options.seconds
    while left > 0 and (first := max(options.first or 0, book.next(name, options.seed))) < options.end:
        block = soak(path, Tally(name, options.seed, first), min(BLOCK, options.end - first), left)
        book.add(block)
        left -= block.seconds


def show(total: Tally) -> None:
    count = sum(map(len, total.faults.values()))
    print(
        f"{total.reader:28} {total.inputs:9,} {total.read:9,} {total.refused:9,} {count:9,} "
        f"{1e3 * total.slowest:6.0f} ms {total.grown:5} MiB {total.seconds:9.1f}",
        flush=True,
    )
    for kind, numbers in sorted(total.faults.items(), key=lambda item: -len(item[1])):
        print(f"    {len(numbers):6,} × {kind} (first: input {min(numbers)})", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=200_000, help="per reader, over all runs")
    parser.add_argument("--seconds", type=float, default=30.0, help="of processor time per reader in this run, at most")
    parser.add_argument("--first", type=int, help="begin with this input, and keep nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", choices=READERS, help="repeat for more; default: all")
    parser.add_argument("--again", action="store_true", help="run the blocks that had faults again, and no others")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz_soak.jsonl"))
    options = parser.parse_args()
    options.end = (options.first or 0) + options.inputs
    return options


def main() -> int:
    options = arguments()
    faulthandler.enable()
    signal.signal(signal.SIGALRM, _hang)
    book = Book(options.out if options.first is None else None)
    names = sorted(options.reader or READERS, key=lambda name: book.cost(name, options.seed))
    heads = ("inputs", "read", "refused", "faults", "slowest", "memory", "seconds")
    print(f"{'reader':28} " + " ".join(f"{head:>9}" for head in heads))
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for name in names:
            path = prepared(name, Path(folder))
            if options.again:
                for block in [block for block in book.of(name, options.seed) if block.faults]:
                    book.add(soak(path, Tally(name, options.seed, block.first), block.inputs, float("inf")))
            else:
                go_on(book, name, path, options)
            show(book.total(name, options.seed))
    totals = [book.total(name, options.seed) for name in names]
    together = Tally("all", options.seed, 0)
    for total in totals:
        together.add(total)
    faulty, together.faults = bool(together.faults), {}  # each was shown with its reader
    show(together)
    return int(faulty)


if __name__ == "__main__":
    sys.exit(main())
