"""What executors have in common: they are closed at the end of a `with`, and those with workers wait for them alike."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from searchitect.errors import ConfigError
from searchitect.evaluation import Job, Listener, Outcome
from searchitect.executors.running import OnReport

__all__ = ["Closing", "Pool", "Worker", "check_workers", "not_taken"]


class Worker(Protocol):
    """What a pool knows of a worker: the job that it was given, if any."""

    job: Job | None


W = TypeVar("W", bound=Worker)


class Closing(ABC):
    """Is closed at the end of a `with`, however that ends."""

    @abstractmethod
    def close(self) -> None:
        """Stop; jobs still running are abandoned without an outcome. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Pool(Closing, Generic[W]):
    """Workers that have a job each, or none. To be used from one thread."""

    def __init__(self, on_report: OnReport | None) -> None:
        self._pool: list[W] = []
        self._ended: list[Outcome] = []
        self._on_report = on_report
        self._listener: Listener | None = None
        self._exact = False

    @abstractmethod
    def _step(self, end: float | None) -> None:
        """Wait for something to happen, until `end` of the monotonic clock at most, and deal with it."""

    @property
    def capacity(self) -> int:
        """How many workers have no job. A worker that is still starting counts: its job waits for it."""
        return sum(worker.job is None for worker in self._pool)

    def collect(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Wait until a job has ended, or `timeout` seconds; return all that ended, by trial number.

        Returns at once where no job was given.

        Raises:
            ConfigError: no worker can start, or the evaluator cannot be loaded. The executor is closed then.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self._ended and any(worker.job is not None for worker in self._pool):
            try:
                self._step(end)
            except ConfigError:
                self.close()
                raise
            if end is not None and time.monotonic() >= end:
                break
        ended, self._ended = self._ended, []
        return sorted(ended, key=lambda outcome: outcome.number)

    def follow(self, listener: Listener | None, *, exact: bool = False) -> None:
        """Call `listener` for every report as it arrives; with `exact` the job waits for it."""
        self._listener, self._exact = listener, exact and listener is not None

    def _idle(self, job: Job) -> list[W]:
        """The workers that may take this job.

        Raises:
            ConfigError: there is none, or the executor is closed.
        """
        idle = [worker for worker in self._pool if worker.job is None]
        if not idle:
            raise not_taken(job, closed=not self._pool)
        return idle

    def _tell(self, number: int, step: int, measurements: Mapping[str, float]) -> None:
        for told in (self._on_report, self._listener):
            if told is not None:
                told(number, step, measurements)


def not_taken(job: Job, *, closed: bool) -> ConfigError:
    """The error of a job that was given although there is no room for it."""
    return ConfigError(f"the executor is {'closed' if closed else 'full'}: it cannot take trial {job.number}")


def check_workers(workers: int, least: int, *, what: str = "workers is", hint: str | None = None) -> None:
    """Refuse what is no number of workers.

    Raises:
        ConfigError: it is not a whole number from `least` on.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < least:
        raise ConfigError(f"{what} a whole number from {least} on, got {workers!r}", hint=hint)
