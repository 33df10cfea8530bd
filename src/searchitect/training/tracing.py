"""A torch.profiler trace of the first steps of a training, for chrome://tracing or https://ui.perfetto.dev."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from torch.profiler import ProfilerActivity, profile

__all__ = ["TRACED_STEPS", "StepTrace"]

TRACED_STEPS = 20
"""Steps in a trace; a whole training would fill hundreds of megabytes."""


class StepTrace:
    """Records operations from its start until `step` was called `TRACED_STEPS` times, or until it is left.

    Args:
        path: where the chrome trace (JSON) is written; None records nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._steps = 0
        self._profile = None if path is None else profile(activities=_activities(), record_shapes=True)

    def __enter__(self) -> StepTrace:
        if self._profile is not None:
            self._profile.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()

    def step(self) -> None:
        """Note that a step of the optimiser ended."""
        if self._profile is None:
            return
        self._steps += 1
        if self._steps >= TRACED_STEPS:
            self._finish()

    def _finish(self) -> None:
        if self._profile is None or self._path is None:
            return
        recorder, self._profile = self._profile, None
        recorder.stop()
        recorder.export_chrome_trace(str(self._path))


def _activities() -> list[ProfilerActivity]:
    import torch

    gpu = [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    return [ProfilerActivity.CPU, *gpu]
