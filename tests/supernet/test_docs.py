"""The programs of docs/supernets.md run, and its tables name what exists."""

import re
from pathlib import Path

import pytest

from searchitect.supernet import METHODS

PAGE = (Path(__file__).parents[2] / "docs" / "supernets.md").read_text("utf-8")


@pytest.mark.filterwarnings("ignore")
def test_the_programs_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    exec(compile("\n".join(programs), "supernets.md", "exec"), {"__name__": "page"})
    assert len(programs) >= 4
    assert "Kendall" in capsys.readouterr().out


def test_the_page_has_every_method():
    table = PAGE.partition("| `method=` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == set(METHODS)
