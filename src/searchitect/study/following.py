"""The driver's ear: reports of running trials on their way into the journal, and stops on their way back.

Freely, a report is an event as soon as it arrives, and its verdict with it. Deterministically the order of arrival may
not show: a job waits for its verdict, which compares only with the trials that had ended when it started, and its
reports become events when its end does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from searchitect.errors import ConfigError
from searchitect.evaluation import Executor, LiveExecutor
from searchitect.storage.journal import Event
from searchitect.study.events import reported
from searchitect.study.stopping import judged
from searchitect.study.study import Study
from searchitect.trial import Trial

__all__ = ["Following", "follow"]


class Following:
    """What happens to the reports of the jobs that run.

    Args:
        exact: the journal may not depend on who is faster.
    """

    def __init__(self, study: Study, executor: LiveExecutor, exact: bool) -> None:
        self._study, self._executor, self._exact = study, executor, exact
        self._trials: dict[int, Trial] = {}
        self._held: dict[int, list[Event]] = {}

    def hear(self, number: int, step: int, measurements: Mapping[str, float]) -> None:
        """Take a report of a running trial, and stop it where the rule says so."""
        if number not in self._study.state.running:
            return
        if self._exact:
            reason = self._hold(number, step, measurements)
        else:
            reason = self._study.report(number, step, **measurements)
        if reason is not None:
            self._executor.stop(number, reason)

    def settle(self, number: int) -> None:
        """Write what was held back of a trial whose end is written next."""
        self._trials.pop(number, None)
        for event in self._held.pop(number, ()):
            self._study.mark(event)

    def _hold(self, number: int, step: int, measurements: Mapping[str, float]) -> str | None:
        study = self._study
        trial = self._trials.get(number, study.state.trials[number])
        record, reason = judged(study, trial, (step, measurements), seen=study.state.seen[number])
        if record is not None:
            self._trials[number] = record
            self._held.setdefault(number, []).append(reported(number, step, record.reports[-1][1], reason))
        return reason


def follow(study: Study, phase: str, executor: Executor, *, exact: bool) -> Following | None:
    """Begin to listen where a stopping rule wants to hear, in the search; end it elsewhere.

    Raises:
        ConfigError: the study has a stopping rule, and the executor cannot stop a running job.
    """
    live: Any = executor
    can = callable(getattr(live, "follow", None)) and callable(getattr(live, "stop", None))
    if study.stopping is None or phase != "search":
        if can:
            live.follow(None)
        return None
    if not can:
        raise ConfigError(
            f"a stopping rule needs reports of running trials, and {type(executor).__name__} hands none over",
            hint="give it `follow` and `stop` (evaluation.LiveExecutor), or leave stopping out",
        )
    following = Following(study, cast(LiveExecutor, executor), exact)
    live.follow(following.hear, exact=exact)
    return following
