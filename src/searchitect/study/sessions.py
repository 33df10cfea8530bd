"""What happened to the driver and its store between the ends of two trials: facts of the clock, noted with the next.

They stand under "clock", so that the journal of a study that was killed is, without it, that of one that was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searchitect.storage.journal import Event, Store

__all__ = ["CUT_OFF", "RECONNECTED", "Session", "parted"]

CUT_OFF = "cut_off"
"""Numbers of the trials that ran when the driver before this one ended."""

RECONNECTED = "reconnected"
"""How often the connection to the store was opened again since the trial that ended before."""


class Session:
    """One driver of a study, from its start to its end.

    Args:
        running: trials that started in an earlier session and did not end.
        store: asked how often its connection was lost (`reconnected`; a store without one loses none).
    """

    def __init__(self, running: list[int], store: Store) -> None:
        self._running, self._store = running, store
        self._known = self._reconnected()

    def noted(self, event: Event) -> Event:
        """The end of a trial with what has happened since the last one."""
        now = self._reconnected()
        told: dict[str, Any] = {CUT_OFF: self._running} if self._running else {}
        told |= {RECONNECTED: now - self._known} if now > self._known else {}
        self._running, self._known = [], now
        return {**event, "clock": event["clock"] | told} if told else event

    def _reconnected(self) -> int:
        return int(getattr(self._store, "reconnected", 0))


def parted(clock: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The clock of an end without the facts of its session, and these."""
    told = {name: clock[name] for name in (CUT_OFF, RECONNECTED) if name in clock}
    return ({name: value for name, value in clock.items() if name not in told} if told else clock), told
