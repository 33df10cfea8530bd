"""How an evaluator travels to a worker: by cloudpickle, over our own connection, never to disk.

Classes of `__main__` (a script, a notebook, standard input) travel by value, and so do those of modules that a fresh
process could not import by name, such as a file loaded under a made-up name. Everything else travels by name.
"""

from __future__ import annotations

import dataclasses
import importlib.machinery
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, MethodType, ModuleType

import cloudpickle

from searchitect.errors import ConfigError

__all__ = ["serialised"]


def serialised(evaluator: object) -> bytes:
    """Return the evaluator as bytes for `cloudpickle.loads` in a worker.

    Raises:
        ConfigError: something in it cannot travel, such as an open file; the message names it.
    """
    with _by_value(list(_unreachable())):
        try:
            return bytes(cloudpickle.dumps(evaluator))
        except Exception as error:  # whatever a user's __reduce__ raises
            name, part = _culprit("evaluator", evaluator)
            raise ConfigError(
                f"{name} ({type(part).__name__}) cannot travel to a worker process: {error}",
                hint="make it inside the function that needs it, or run with workers=0",
            ) from error


@contextmanager
def _by_value(modules: list[ModuleType]) -> Iterator[None]:
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _unreachable() -> Iterator[ModuleType]:
    """Top-level modules of Python code that a fresh process with our sys.path would not find, or find another."""
    registered = cloudpickle.list_registry_pickle_by_value()
    for name, module in list(sys.modules.items()):
        if "." in name or name == "__main__" or name in sys.stdlib_module_names or name in registered:
            continue
        if getattr(module, "__name__", None) == name and not _importable(name, module):
            yield module


def _importable(name: str, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is None or not file.endswith(".py"):
        return True  # compiled code has no value to travel by
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, None)
        except Exception:  # noqa: BLE001 - a foreign finder; the next one is asked
            continue
        if spec is not None:
            return _same(spec, file)
    return False


def _same(spec: importlib.machinery.ModuleSpec, file: str) -> bool:
    if spec.origin is None or not spec.has_location:
        return True
    return Path(spec.origin).resolve() == Path(file).resolve()


def _culprit(name: str, value: object, depth: int = 6) -> tuple[str, object]:
    """The innermost part that cannot travel, and the way to it."""
    if depth > 0:
        for label, part in _parts(value):
            if not _travels(part):
                return _culprit(f"{name}{label}", part, depth - 1)
    return name, value


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, MethodType):
        yield ".__self__", value.__self__
    elif isinstance(value, FunctionType):
        for variable, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
            yield f", variable {variable!r}", cell.cell_contents
        for variable in value.__code__.co_names:
            if variable in value.__globals__:
                yield f", global {variable!r}", value.__globals__[variable]
    elif isinstance(value, Mapping):
        yield from ((f"[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((f".{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value))
    elif not isinstance(value, (type, ModuleType)):
        yield from ((f".{key}", part) for key, part in getattr(value, "__dict__", {}).items())


def _travels(value: object) -> bool:
    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001 - the question is only whether it raises
        return False
    return True
