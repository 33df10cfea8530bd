from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from searchitect.errors import ConfigError
from searchitect.executors import EXECUTORS, ProcessExecutor, SerialExecutor, open_executor
from searchitect.testing.executors import Scripted


def test_every_listed_executor_can_be_imported() -> None:
    for name, place in EXECUTORS.items():
        module, attribute = place.split(":")
        assert hasattr(importlib.import_module(module), attribute), name


def test_no_workers_means_this_process_and_some_mean_processes() -> None:
    with open_executor(Scripted(), 0) as serial:  # type: ignore[attr-defined]
        assert isinstance(serial, SerialExecutor)
    with open_executor(Scripted(), 1) as processes:  # type: ignore[attr-defined]
        assert isinstance(processes, ProcessExecutor)
        assert processes.workers == 1


@pytest.mark.parametrize("workers", [-1, 1.5, True, "2"])
def test_another_number_of_workers_is_refused(workers: object) -> None:
    with pytest.raises(ConfigError, match="whole number"):
        open_executor(Scripted(), workers)  # type: ignore[arg-type]


def test_importing_the_room_loads_no_torch() -> None:
    program = "import sys, searchitect.executors as e; e.ProcessExecutor; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
