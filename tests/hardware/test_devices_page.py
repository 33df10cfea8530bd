"""The part of docs/devices.md on measuring is one program, and its table of columns is the real one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from searchitect.evaluators.measurements import KNOWN_BEFORE_TRAINING, TIMED
from searchitect.hardware.measure_onnx import COLUMNS

TEXT = (Path(__file__).parents[2] / "docs" / "devices.md").read_text("utf-8")
PAGE = TEXT.partition("## Measuring on this machine")[2]


def test_the_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 3
    exec(compile("\n".join(blocks), "devices.md", "exec"), {"__name__": "program"})


def test_every_measurement_and_column_is_named() -> None:
    assert [name for name in (*KNOWN_BEFORE_TRAINING, *TIMED, *COLUMNS) if f"`{name}`" not in PAGE] == []
