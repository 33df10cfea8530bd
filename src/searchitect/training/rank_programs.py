"""The other ranks of a training, as programs of their own: started, told what to do, and ended with this one.

A rank hears one pickle over our own pipe, which stays open: its end, however this program ends, is the end of the rank.
It answers one JSON list for each step of its life: ["ready"], ["end"] or ["failed", reason].
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cloudpickle

from searchitect.errors import EvaluationError, SearchitectError
from searchitect.training.ranks import RankError, Ranks, join

__all__ = ["accompanied", "main"]

START = 120.0
"""Seconds that a rank may take to start: it imports torch and takes over the data."""

_ASK = 5.0  # seconds in which one that was lost can be heard of
_PROGRAM = """\
import json, sys
sys.path[:] = json.loads(sys.argv.pop())
from searchitect.training.rank_programs import main
main()
"""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@contextmanager
def accompanied(size: int, work: Callable[[Ranks], object]) -> Iterator[Ranks | None]:
    """Let `size` - 1 other programs do this work while the caller does it as rank 0; they are gone afterwards.

    Args:
        size: how many ranks there are; of one, nothing is started and there is no group.
        work: what another rank does; travels by cloudpickle.

    Raises:
        EvaluationError: a rank died, failed or could not start, with its reason.
    """
    if size == 1:
        yield None
        return
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="searchitect-ranks-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        meeting = Path(folder, "meeting")
        others = [stack.enter_context(_Rank(rank)) for rank in range(1, size)]
        payload = cloudpickle.dumps(work)
        for other in others:
            other.send(cloudpickle.dumps((other.rank, size, meeting, payload)))
        for other in others:
            other.demand("ready", START)
        try:
            ranks = join(meeting, 0, size)
            shutil.rmtree(folder, ignore_errors=True)  # now, so that a kill in the middle leaves nothing
            yield ranks
        except RankError as error:
            said = next((reason for other in others if (reason := other.fate()) is not None), error.message)
            raise EvaluationError(said) from RuntimeError(said)  # by whose words exhausted memory is known


class _Rank:
    """One of the other programs. It stays in our process group, so that what ends a worker ends it, too."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-P", "-c", _PROGRAM, json.dumps(sys.path)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._ear, self._mouth = self._process.stdout, self._process.stdin

    def __enter__(self) -> _Rank:
        return self

    def __exit__(self, *_: object) -> None:
        self._mouth.close()
        self._process.kill()
        self._process.wait()
        self._ear.close()

    def send(self, payload: bytes) -> None:
        """Give it its work."""
        left = memoryview(struct.pack("!Q", len(payload)) + payload)
        with contextlib.suppress(OSError):  # it has died: `demand` says so
            while left:
                left = left[os.write(self._mouth.fileno(), left) :]

    def demand(self, kind: str, seconds: float) -> None:
        """Wait until it says so.

        Raises:
            EvaluationError: it says something else, nothing, or has died.
        """
        told = self._hear(seconds)
        if told is None or told[0] != kind:
            raise EvaluationError(self._explained(told) or f"rank {self.rank} did not start within {seconds:g} s")

    def fate(self) -> str | None:
        """What became of it where it did not do its part; None where it seems well."""
        return self._explained(self._hear(_ASK))

    def _explained(self, told: list[str] | None) -> str | None:
        if told is not None and told[0] == "failed":
            return f"rank {self.rank}: {told[1]}"
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(0.5)
            if code == 0:  # it went because another did
                return None
            how = f"signal {-code}, {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            return f"rank {self.rank} of the training died ({how})"
        return None

    def _hear(self, seconds: float) -> list[str] | None:
        """The next thing it says; None where it says nothing, or is gone."""
        if not select.select([self._ear], [], [], seconds)[0]:
            return None
        line = self._ear.readline()
        return json.loads(line) if line else None


def main() -> None:
    """Be another rank: take the work, do it, and end; also when the program that gave it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of rank 0
    faulthandler.enable(all_threads=False)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the user's code prints goes where that of rank 0 goes

    def say(*words: str) -> None:
        print(json.dumps(words), file=answers, flush=True)

    try:
        length = struct.unpack("!Q", sys.stdin.buffer.read(8))[0]
        payload = sys.stdin.buffer.read(length)
        threading.Thread(target=_watch, daemon=True).start()
        rank, size, meeting, work = cloudpickle.loads(payload)
        work = cloudpickle.loads(work)
        import torch

        torch.set_num_threads(1)
        say("ready")
        work(join(meeting, rank, size))
        say("end")
    except RankError:
        pass  # rank 0 asks the one that was lost
    except BaseException as error:  # noqa: BLE001 - whatever a candidate raises is the reason of the trial
        with contextlib.suppress(OSError):
            say("failed", error.message if isinstance(error, SearchitectError) else f"{type(error).__name__}: {error}")
    os._exit(0)  # threads that the user's code left behind must not keep it alive


def _watch() -> None:
    """End this rank once rank 0 is gone, even in the middle of a step."""
    poll = select.poll()
    poll.register(0, select.POLLHUP)
    poll.poll()
    os._exit(1)
