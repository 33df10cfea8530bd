"""Imports point down only: the table of DESIGN §3, checked from the syntax trees.

Every import counts, at any depth and under TYPE_CHECKING; registry strings do not. Torch is allowed where the
table says so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "searchitect"


@dataclass(frozen=True)
class Row:
    """One row of the table: its layer, the layers and rooms it may import, and where it may import torch."""

    layer: int
    below: int  # every room of the layers 0..below may be imported; -1: none
    torch: str  # "no"; "function": inside functions or for typing only; "yes"
    also: frozenset[str] = frozenset()


def _row(layer: int, below: int, torch: str, *also: str) -> Row:
    return Row(layer, below, torch, frozenset(also))


RECORDS = ("trial", "objectives", "pareto", "evaluation")
LOOP = ("study", "result", "portfolio")
TOP = ("report", "cli", "config", "api", "__main__")  # `python -m searchitect` is the command line

TABLE: dict[str, Row] = {
    **dict.fromkeys(("errors", "seeding"), _row(0, -1, "no")),
    "spaces": _row(1, 0, "no"),
    **{name: _row(2, 1, "no", *RECORDS) for name in RECORDS},
    "predictors": _row(2, 1, "function"),
    "strategies": _row(3, 2, "function"),
    "storage": _row(3, 2, "no"),
    "nn": _row(3, 1, "yes"),
    "catalog": _row(4, 1, "function", "nn"),
    "tasks": _row(4, 2, "function"),
    "training": _row(4, 2, "yes", "nn"),
    "hardware": _row(4, 2, "yes", "nn"),
    "supernet": _row(5, 4, "yes"),
    "evaluators": _row(5, 4, "yes", "supernet"),
    "executors": _row(5, 2, "no"),
    **{name: _row(6, 3, "no", *LOOP) for name in LOOP},
    "tabular": _row(7, 6, "no"),
    **dict.fromkeys(("explain", "refine", "deploy", "federated"), _row(7, 6, "yes")),
    **{name: _row(8, 7, "function", *TOP) for name in TOP},
    "testing": _row(9, 8, "function"),
}
ROOT = "searchitect"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FRONT_DOOR = "__init__"  # the lazy list of public names; its imports are for type checkers


@dataclass(frozen=True)
class Import:
    """One import statement: what it names, where, and whether it runs when the module is loaded."""

    target: str
    line: int
    deferred: bool


def violations(source: Path) -> list[str]:
    """Return one sentence for each import below `source` that the table forbids."""
    found = []
    for path in sorted(source.rglob("*.py")):
        room = room_of(path, source)
        if room == FRONT_DOOR:
            continue
        where = path.relative_to(source).as_posix()
        if room not in TABLE:
            found.append(f"{where}: room '{room}' has no row in DESIGN §3")
            continue
        for item in imports(path, source):
            reason = _forbidden(room, item)
            if reason:
                found.append(f"{where}:{item.line}: {reason}")
    return found


def imports(path: Path, source: Path) -> Iterator[Import]:
    """Yield every import of a file; relative ones are made absolute."""
    package = [ROOT, *path.relative_to(source).parent.parts]
    for node, deferred in _walk(ast.parse(path.read_text("utf-8")), deferred=False):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, deferred) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = (f".{alias.name}" if module == ROOT else "" for alias in node.names)
            yield from (Import(module + name, node.lineno, deferred) for name in names)


def _walk(node: ast.AST, *, deferred: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        later = deferred or isinstance(child, FUNCTIONS) or _for_typing(child)
        yield child, later
        yield from _walk(child, deferred=later)


def _for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def room_of(path: Path, source: Path) -> str:
    """Return the folder or file directly below `source` that a file belongs to."""
    parts = path.relative_to(source).parts
    return parts[0] if len(parts) > 1 else path.stem


def _forbidden(room: str, item: Import) -> str | None:
    top, _, rest = item.target.partition(".")
    if top == ROOT:
        return _forbidden_room(room, rest.split(".")[0])
    if top in ("torch", "torchvision") or item.target == "safetensors.torch":
        return _forbidden_torch(room, item)
    return None


def _forbidden_torch(room: str, item: Import) -> str | None:
    allowed = TABLE[room].torch
    if allowed == "no":
        return f"'{room}' may not import torch"
    if allowed == "function" and not item.deferred:
        return f"'{room}' may import torch inside a function only"
    return None


def _forbidden_room(room: str, other: str) -> str | None:
    row = TABLE[room]
    if other in (room, "__version__") or other in row.also:
        return None
    if other not in TABLE:
        return f"'{room}' imports '{other or ROOT}', the front door: import the room that owns it"
    if TABLE[other].layer > row.below:
        return f"'{room}' (layer {row.layer}) may not import '{other}' (layer {TABLE[other].layer})"
    return None


def test_imports_point_down_only() -> None:
    assert violations(SOURCE) == []


def test_no_module_bears_the_name_of_a_public_function() -> None:
    import searchitect

    public = {name for name in searchitect._PUBLIC if searchitect._PUBLIC[name] != f"{ROOT}.{name}"}
    rooms = {room_of(path, SOURCE) for path in SOURCE.rglob("*.py")}
    assert public & rooms == set()


def test_no_room_is_a_junk_room() -> None:
    names = {part for path in SOURCE.rglob("*.py") for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert names & {"utils", "util", "common", "core", "helpers", "helper", "misc"} == set()


@pytest.mark.parametrize(
    ("file", "code", "expected"),
    [
        ("strategies/random.py", "from searchitect.storage import journal", "may not import 'storage'"),
        ("storage/sql.py", "import searchitect.nn", "may not import 'nn'"),
        ("nn/cell.py", "from searchitect import strategies", "may not import 'strategies'"),
        ("spaces/space.py", "from ..trial import Trial", "may not import 'trial'"),
        ("spaces/space.py", "import torch.nn as nn", "may not import torch"),
        ("study.py", "def f():\n    import torch", "may not import torch"),
        ("study.py", "from searchitect.evaluators import X", "may not import 'evaluators'"),
        ("study.py", "if TYPE_CHECKING:\n    from searchitect.api import search", "may not import 'api'"),
        ("tasks/images.py", "import torch", "inside a function only"),
        ("tasks/images.py", "class A:\n    import torch", "inside a function only"),
        ("deploy/writing.py", "import searchitect as sa", "the front door"),
        ("deploy/writing.py", "from searchitect import search", "the front door"),
        ("helpers/thing.py", "", "no row in DESIGN"),
        ("executors/pool.py", "from safetensors.torch import save_file", "may not import torch"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, code: str, expected: str) -> None:
    _plant(tmp_path, file, code)
    [sentence] = violations(tmp_path)
    assert sentence.startswith(file)
    assert expected in sentence


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("tasks/images.py", "def f():\n    import torch"),
        ("tasks/images.py", "if TYPE_CHECKING:\n    from torch import nn"),
        ("nn/cell.py", "import torch\nfrom . import other\nfrom searchitect.spaces import choice"),
        ("result.py", "from searchitect.study import Study\nfrom searchitect.storage.journal import Event"),
        ("strategies/__init__.py", "STRATEGIES = {'darts': 'searchitect.supernet.darts:search'}"),
        ("cli/run.py", "from searchitect import __version__\nfrom searchitect.config import read"),
        ("__init__.py", "if TYPE_CHECKING:\n    from searchitect.api import search"),
    ],
)
def test_what_the_table_allows_is_not_reported(tmp_path: Path, file: str, code: str) -> None:
    _plant(tmp_path, file, code)
    assert violations(tmp_path) == []


def _plant(source: Path, file: str, code: str) -> None:
    path = source / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, "utf-8")
