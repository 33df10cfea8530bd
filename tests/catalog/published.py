"""Where the published tables lie, for the tests that read them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shared_data import shared


def rows(table: str, columns: list[str]) -> list[dict[str, Any]]:
    """Return the rows of a shared table, or skip the test, saying why."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra that reads tables is not installed")
    path = shared("benchmarks", table, "table.parquet")
    return parquet.read_table(path, columns=columns).to_pylist()
