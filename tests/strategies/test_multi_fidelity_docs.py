"""The programs of docs/multi_fidelity.md run, and its tables name what exists."""

import re
from pathlib import Path

import pytest

from searchitect.strategies.rung_samplers import BY_RUNGS

NICHED = {"qd_hb", "bop_elites_hb"}  # docs/quality_diversity.md
PAGE = (Path(__file__).parents[2] / "docs" / "multi_fidelity.md").read_text("utf-8")


@pytest.mark.filterwarnings("ignore")
def test_the_programs_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    scope = {"__name__": "page"}
    exec(compile("\n".join(programs), "multi_fidelity.md", "exec"), scope)
    assert len(programs) >= 5
    epochs = [trial.proposal.fidelity.epochs for trial in scope["result"].trials[:13]]
    assert epochs == [1] * 9 + [3] * 3 + [9]
    shown = capsys.readouterr().out
    assert "architectures on both rungs" in shown
    assert "best: 0." in shown
    assert "epochs on record: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)" in shown


def test_the_page_has_every_strategy_by_rungs():
    table = PAGE.partition("| `strategy=` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == BY_RUNGS - NICHED
