"""Where the shared data lies that some tests need: `SEARCHITECT_DATA`, else the folder `shared` beside the checkout."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("SEARCHITECT_DATA", Path(__file__).parents[2] / "shared"))


def shared(*parts: str) -> Path:
    """Return a path below the folder, or skip the test, saying why."""
    path = FOLDER.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(parts)} is absent: set SEARCHITECT_DATA to what holds benchmarks/ and datasets/")
    return path
