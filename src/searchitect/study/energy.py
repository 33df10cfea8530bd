"""The energy of a study: counted by the machine where it can be, otherwise estimated from the workers' busy seconds."""

from __future__ import annotations

from typing import Any

from searchitect.evaluation import Energy, Meter
from searchitect.study.state import StudyState

__all__ = ["Metering", "spent_energy"]


class Metering:
    """Counts the joules of one phase in one session.

    Args:
        meter: None where the machine has none: then nothing is written.
    """

    def __init__(self, meter: Meter | None, state: StudyState, phase: str) -> None:
        self._meter, self._state, self._phase = meter, state, phase
        self._joules = 0.0 if meter is None else meter.joules()
        self._busy = state.seconds.get(phase, 0.0)

    def clock(self) -> dict[str, Any]:
        """What goes under "clock" of the event that ends the phase."""
        if self._meter is None:
            return {}
        busy = self._state.seconds.get(self._phase, 0.0) - self._busy
        used = self._meter.joules() - self._joules
        return {"joules": round(used, 3), "metered_seconds": round(busy, 3), "meter": self._meter.source}


def spent_energy(state: StudyState) -> Energy | None:
    """What the evaluations of a study have used, on all workers; None before the first has ended.

    Busy seconds that no counter covers (a machine without one, a session that was killed within a phase) are estimated,
    and the whole counts as estimated then. A counter covers the whole machine, this program's own work included.
    """
    if state.manifest is None or not state.seconds:
        return None
    counted = [phase["clock"] for phase in state.phases.values() if "joules" in phase.get("clock", {})]
    left = sum(state.seconds.values()) - sum(clock["metered_seconds"] for clock in counted)
    device = state.manifest["recorded"].get("device") or "cpu"
    parts = [Energy.metered(clock["joules"], clock["meter"]) for clock in counted]
    if not parts or left > 0.01 * sum(state.seconds.values()):
        parts.append(Energy.estimated(max(0.0, left), device))
    return Energy(sum(p.joules for p in parts), sum(p.error for p in parts), parts[-1].source)
