from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from searchitect.errors import ConfigError
from searchitect.executors.travel import serialised

LOCK = threading.Lock()


class Holder:
    def __init__(self, part: Any) -> None:
        self.part = part


def loaded_under(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def answer_in_a_fresh_process(payload: bytes) -> str:
    program = "import sys, cloudpickle; print(cloudpickle.loads(sys.stdin.buffer.read()).answer())"
    done = subprocess.run([sys.executable, "-P", "-c", program], input=payload, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.mark.parametrize("name", ["made_up_name_of_a_file", "shlex_like", "wave_again"])
def test_a_class_of_a_file_under_a_made_up_name_travels_by_value(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.py"
    path.write_text("BASE = 40\ndef two(): return 2\nclass Mine:\n    def answer(self): return BASE + two()\n")
    module = loaded_under(name, path, monkeypatch)
    assert answer_in_a_fresh_process(serialised(module.Mine())) == "42"


def test_a_file_that_bears_the_name_of_another_module_travels_by_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.py"
    path.write_text("class Mine:\n    def answer(self): return 42\n")
    module = loaded_under("filelock", path, monkeypatch)
    assert answer_in_a_fresh_process(serialised(module.Mine())) == "42"


def test_serialising_leaves_no_trace_in_cloudpickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cloudpickle

    before = cloudpickle.list_registry_pickle_by_value()
    (tmp_path / "mine.py").write_text("class Mine: pass\n")
    serialised(loaded_under("made_up", tmp_path / "mine.py", monkeypatch).Mine())
    assert cloudpickle.list_registry_pickle_by_value() == before


def uses_closure() -> Any:
    lock = threading.Lock()
    return lambda: lock


@pytest.mark.parametrize(
    ("part", "where"),
    [
        (LOCK, r"evaluator\.part \(lock\)"),
        ({"a": [1, LOCK]}, r"evaluator\.part\['a'\]\[1\] \(lock\)"),
        (Holder(Holder(LOCK)), r"evaluator\.part\.part\.part \(lock\)"),
        (uses_closure(), r"evaluator\.part, variable 'lock' \(lock\)"),
        (partial(print, file=sys.__stderr__), r"evaluator\.part"),
        ((n for n in range(3)), r"evaluator\.part \(generator\)"),
    ],
)
def test_what_cannot_travel_is_named(part: object, where: str) -> None:
    with pytest.raises(ConfigError, match=where + ".*cannot travel to a worker process") as caught:
        serialised(Holder(part))
    assert "workers=0" in str(caught.value)
