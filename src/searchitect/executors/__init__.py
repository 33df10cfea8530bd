"""An *executor* runs evaluations and gives an outcome back for each, whatever the candidate does.

`SerialExecutor` runs them here, where a breakpoint works; `ProcessExecutor` in persistent worker processes,
which a crash, a hang or a memory hog cannot bring down; `SimulatedExecutor` on a virtual clock, with recorded costs.
All own the evaluator; none imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchitect.executors.registry import EXECUTORS, open_executor
from searchitect.executors.running import OnReport
from searchitect.executors.serial import SerialExecutor
from searchitect.executors.simulated import SimulatedExecutor

if TYPE_CHECKING:
    from searchitect.executors.processes import ProcessExecutor

__all__ = ["EXECUTORS", "OnReport", "ProcessExecutor", "SerialExecutor", "SimulatedExecutor", "open_executor"]


def __getattr__(name: str) -> object:
    if name == "ProcessExecutor":  # brings cloudpickle and, with fcntl, needs POSIX
        from searchitect.executors.processes import ProcessExecutor

        return ProcessExecutor
    raise AttributeError(f"module 'searchitect.executors' has no attribute {name!r}")
