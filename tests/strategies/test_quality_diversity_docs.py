"""The example of docs/quality_diversity.md runs, and its tables name what there is."""

import re
from pathlib import Path

from searchitect.strategies import STRATEGIES
from searchitect.strategies.niches import parse_niches
from searchitect.strategies.tessellation import NICHED

PAGE = (Path(__file__).parents[2] / "docs" / "quality_diversity.md").read_text("utf-8")


def test_the_example_runs_and_fills_every_niche(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "program.py").write_text(block, "utf-8")
    exec(compile(block, str(tmp_path / "program.py"), "exec"), {"__name__": "program"})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["parameters<=500", "parameters<=5000", "parameters<=50000"]
    assert lines[3].startswith("1.0 ")


def test_every_strategy_for_niches_is_named():
    assert set(NICHED) <= set(STRATEGIES)
    assert all(f"`{name}`" in PAGE for name in NICHED)


def test_the_forms_of_niches_can_be_read():
    assert len(parse_niches(["latency_ms<=5", "latency_ms<=10 and parameters<=1e5"]).names) == 2
    assert len(parse_niches({"grid": {"flops": [1e6, 1e7], "stages.length": [2]}}).names) == 6
