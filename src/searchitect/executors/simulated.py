"""A simulated clock: many workers, recorded costs, no waiting.

A search that would take days on eight machines is played in seconds, in the order in which its trials would have
ended (as in the asynchronous benchmarks of Klein et al., "Model-based Asynchronous Hyperparameter and Neural
Architecture Search", 2020).
"""

from __future__ import annotations

import dataclasses
import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Evaluator, Job, Listener, Outcome
from searchitect.executors.pool import Closing, check_workers, not_taken
from searchitect.executors.running import OnReport, run_job
from searchitect.trial import Proposal, TrialState

__all__ = ["Cost", "SimulatedExecutor", "unit_cost"]

Cost = Callable[[Proposal], float]
"""What one evaluation takes, in seconds or whatever the clock is to count; not negative."""


def unit_cost(proposal: Proposal) -> float:
    """Every evaluation takes as long as every other."""
    return 1.0


class SimulatedExecutor(Closing):
    """Plays jobs on virtual workers: a job ends its recorded cost after it was submitted, on a clock of our own.

    The evaluator is called when the job's end is collected, in order of virtual ends (of equal ones, in order of
    submission); a table answers at once, so nobody waits. `now` is the virtual time; give it to `study.loop.Clock` and
    the journal's times are virtual too. A job that costs more than `job.seconds` fails at that moment, unevaluated.

    Followed, it plays reports too: the evaluator is called at submission, its reports arrive spread over the job's time
    (by `progress`, or else by step), and a job that is stopped ends at that moment and has cost that much.

    Args:
        cost: what a proposal takes. Where it raises `EvaluationError`, the job takes no time and fails.
        workers: how many jobs run at the same time.
        on_report: called with (trial number, step, measurements) for each report.

    Raises:
        ConfigError: `workers` is not a whole number from 1 on.
    """

    def __init__(
        self, evaluator: Evaluator, cost: Cost = unit_cost, workers: int = 1, *, on_report: OnReport | None = None
    ) -> None:
        check_workers(workers, 1, what="simulated workers are")
        self.evaluator, self.workers = evaluator, workers
        self._cost, self._on_report = cost, on_report
        self._time, self._submitted, self._closed = 0.0, 0, False
        self._running: list[tuple[float, int, float, Job]] = []
        self._listener: Listener | None = None
        self._plays: dict[int, _Play] = {}

    @property
    def capacity(self) -> int:
        """How many virtual workers are idle."""
        return 0 if self._closed else self.workers - len(self._running)

    def now(self) -> float:
        """Virtual time: the end of the latest job that was collected."""
        return self._time

    def submit(self, job: Job) -> None:
        """Start a job at the present virtual time.

        Raises:
            ConfigError: no worker is idle, the executor is closed, or the cost is negative or no finite number.
        """
        if self.capacity == 0:
            raise not_taken(job, closed=self._closed)
        takes = self._takes(job)
        ends = self._time + (takes if job.seconds is None else min(takes, job.seconds))
        if self._listener is not None:
            played = run_job(self.evaluator, job, self._on_report)
            self._plays[job.number] = _Play(self._time, self._submitted, played, _times(self._time, takes, played))
        heapq.heappush(self._running, (ends, self._submitted, takes, job))
        self._submitted += 1

    def collect(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Move the clock to the next end and return every job that ends then; at once, whatever `timeout` says."""
        if not self._running:
            return ()
        stopped = self._play_reports()
        if stopped:
            return stopped
        self._time = self._running[0][0]
        ended = []
        while self._running and self._running[0][0] == self._time:
            _, _, takes, job = heapq.heappop(self._running)
            ended.append(self._outcome(job, takes))
        return ended

    def follow(self, listener: Listener | None, *, exact: bool = False) -> None:
        """Call `listener` for every report of the jobs that are submitted from now on."""
        self._listener = listener

    def stop(self, number: int, reason: str) -> None:
        """Let the job end now, or with its next report where none is being told."""
        if number in self._plays and self._plays[number].stopped is None:
            self._plays[number].stopped = reason

    def close(self) -> None:
        """Drop the jobs that have not ended. Safe to call twice."""
        self._running.clear()
        self._plays.clear()
        self._closed = True

    def _takes(self, job: Job) -> float:
        try:
            takes = float(self._cost(job.proposal))
        except EvaluationError:
            return 0.0  # what cannot be costed cannot be evaluated either: the evaluator says why
        if not math.isfinite(takes) or takes < 0:
            raise ConfigError(f"trial {job.number} costs {takes}: a finite number that is not negative was expected")
        return takes

    def _play_reports(self) -> list[Outcome]:
        """Hand over reports in virtual time, up to the next end or the first job that is stopped."""
        while waiting := [play for play in self._plays.values() if play.times]:
            play = min(waiting, key=lambda one: (one.times[0], one.order))
            if play.times[0] > self._running[0][0]:
                return []
            self._time = play.times.popleft()
            step, measurements = play.outcome.reports[play.told]
            play.told += 1
            if self._listener is not None:
                self._listener(play.outcome.number, step, measurements)
            if play.stopped is not None:
                return [self._stopped(play, play.stopped)]
        return []

    def _stopped(self, play: _Play, reason: str) -> Outcome:
        number, reports = play.outcome.number, play.outcome.reports[: play.told]
        self._running = [entry for entry in self._running if entry[3].number != number]
        heapq.heapify(self._running)
        del self._plays[number]
        return Outcome(number, TrialState.PRUNED, reports[-1][1], reason, reports, self._time - play.begun)

    def _outcome(self, job: Job, takes: float) -> Outcome:
        play = self._plays.pop(job.number, None)
        if job.seconds is not None and takes > job.seconds:
            reason = f"stopped after {job.seconds:g} s (simulated); it would have taken {takes:g} s"
            told = () if play is None else play.outcome.reports[: play.told]
            return Outcome(job.number, TrialState.FAILED, reason=reason, reports=told, seconds=job.seconds)
        outcome = run_job(self.evaluator, job, self._on_report) if play is None else play.outcome
        return dataclasses.replace(outcome, seconds=takes)


@dataclass(slots=True)
class _Play:
    """A job whose outcome is known and whose reports are told one by one.

    Attributes:
        times: virtual times of the reports that are still to be told.
        told: how many were.
        stopped: why it is to end.
    """

    begun: float
    order: int
    outcome: Outcome
    times: deque[float]
    told: int = field(default=0)
    stopped: str | None = None


def _times(begin: float, takes: float, outcome: Outcome) -> deque[float]:
    """When each report is due: at its `progress`, or else at its step of the last one's."""
    last = max((step for step, _ in outcome.reports), default=1) or 1
    shares = [measured.get("progress", step / last) for step, measured in outcome.reports]
    return deque(begin + takes * min(1.0, max(0.0, share)) for share in shares)
