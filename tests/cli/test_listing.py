"""`list` shows every name once, with a line that explains it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, FakeApi

Typed = Callable[..., Answer]


@pytest.mark.parametrize(
    ("what", "registry"),
    [
        ("spaces", "searchitect.catalog:FAMILIES"),
        ("strategies", "searchitect.strategies:STRATEGIES"),
        ("tasks", "searchitect.tasks:TASKS"),
    ],
)
def test_every_registered_name_is_listed_with_an_explanation(typed: Typed, what: str, registry: str) -> None:
    import importlib

    module, name = registry.split(":")
    names = getattr(importlib.import_module(module), name)
    rows = dict(line.split(maxsplit=1) for line in typed("list", what).out.splitlines()[2:] if len(line.split()) > 1)
    assert set(names) <= set(rows)
    assert all(len(rows[name]) > 10 for name in names)


def test_studies_are_listed_with_their_age_and_size(api: FakeApi, typed: Typed) -> None:
    lines = typed("list", "studies", "--store", "s.db").out.splitlines()
    assert lines[0].split() == ["study", "created", "events"]
    assert lines[2].split() == ["one", "2026-01-01T00:00:00Z", "1,234"]
    assert api.calls == [("opened", ("s.db",), {})]


def test_an_empty_store_says_how_to_start(api: FakeApi, typed: Typed) -> None:
    api.kept = []
    assert "searchitect run digits" in typed("list", "studies").out


def test_every_benchmark_is_listed_and_says_whether_its_table_is_here(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SEARCHITECT_DATA", raising=False)
    lines = typed("list", "benchmarks").out.splitlines()
    rows = {line.split()[0]: line.split()[1] for line in lines[2:-1]}
    assert rows["nasbench201/cifar10"] == "absent"
    assert rows["planted/infeasible"] == "here"
    assert "SEARCHITECT_DATA" in lines[-1]


def test_devices_are_listed_with_their_memory_and_power(typed: Typed) -> None:
    out = typed("list", "devices").out
    (mcu,) = [line for line in out.splitlines() if line.startswith("mcu_256kb")]
    assert {"256", "kB", "MB", "int8"} <= set(mcu.split())
    assert "docs/devices.md" in out
