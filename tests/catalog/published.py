"""Where the published tables lie, for the tests that read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(os.environ.get("SEARCHITECT_DATA", Path(__file__).parents[3] / "shared")) / "benchmarks"


def rows(table: str, columns: list[str]) -> list[dict[str, Any]]:
    """Return the rows of a shared table, or skip the test, saying why."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra that reads tables is not installed")
    path = BENCHMARKS / table / "table.parquet"
    if not path.is_file():
        pytest.skip("the shared tables are absent: set SEARCHITECT_DATA to the folder that holds benchmarks/")
    return parquet.read_table(path, columns=columns).to_pylist()
