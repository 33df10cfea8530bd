"""An *executor* runs evaluations and gives an outcome back for each, whatever the candidate does.

`SerialExecutor` runs them here, where a breakpoint works; `ProcessExecutor` in persistent worker processes,
which a crash, a hang or a memory hog cannot bring down. Both own the evaluator; neither imports torch.
"""

from __future__ import annotations

from searchitect.executors.registry import EXECUTORS, open_executor
from searchitect.executors.serial import SerialExecutor

__all__ = ["EXECUTORS", "SerialExecutor", "open_executor"]
