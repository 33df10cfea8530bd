"""It answers at once: what `import searchitect` and `searchitect --help` load, and how long they take."""

from __future__ import annotations

import importlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import searchitect
from tests.test_layers import SOURCE, TABLE, room_of

HEAVY = {
    "torch",
    "sklearn",
    "scipy",
    "sqlalchemy",
    "plotly",
    "onnx",
    "onnxruntime",
    "pyarrow",
    "PIL",
    "numpy",
}


def _modules() -> list[str]:
    paths = [path for path in sorted(SOURCE.rglob("*.py")) if path.stem != "__main__"]
    return [_dotted(path) for path in paths if room_of(path, SOURCE) in TABLE]


def _dotted(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(["searchitect", *(parts[:-1] if parts[-1] == "__init__" else parts)])


def _run(code: str) -> str:
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _loaded_by(code: str) -> set[str]:
    return set(_run(f"{code}\nimport sys\nprint('loaded:', *sys.modules)").rpartition("loaded:")[2].split())


def test_import_searchitect_loads_nothing_heavy() -> None:
    assert _loaded_by("import searchitect") & (HEAVY | {"typer", "rich"}) == set()


def test_help_loads_nothing_heavy() -> None:
    assert _loaded_by("from searchitect.cli import main\nassert main(['--help']) == 0") & HEAVY == set()


def test_help_answers_in_under_a_third_of_a_second() -> None:
    """Seconds of processor time, the best of five: other work on the machine is not ours."""
    assert min(_seconds("from searchitect.cli import main; main(['--help'])") for _ in range(5)) < 0.3


def _seconds(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_no_room_loads_torch_before_it_is_needed() -> None:
    """Rooms whose row says "no" or "inside a function" may not bring it, not even indirectly."""
    light = [name for name in _modules() if TABLE[name.split(".")[1]].torch != "yes"]
    check = "if 'torch' in sys.modules: sys.exit('torch is brought by ' + {!r})"
    _run("import sys\n" + "\n".join(f"import {name}\n{check.format(name)}" for name in light))


@pytest.mark.parametrize("name", searchitect.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(searchitect, name) is not None


@pytest.mark.parametrize("name", _modules())
def test_every_name_in_all_exists(name: str) -> None:
    module = importlib.import_module(name)
    assert [entry for entry in getattr(module, "__all__", ()) if not hasattr(module, entry)] == []


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        searchitect.serach
