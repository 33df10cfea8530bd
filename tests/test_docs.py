"""What the documentation says is true: links lead somewhere, code blocks run, options and keys are the real ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from searchitect.cli.exits import ExitCode
from searchitect.cli.options import _SETTINGS
from searchitect.config import RunSettings
from searchitect.strategies import STRATEGIES

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CLI = (ROOT / "docs" / "cli.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


PAGES = ["warm_starts.md", "extend.md", "data.md", "portfolio.md", "many_objectives.md", "stores.md", "explain.md"]
PAGES += [pytest.param("maps.md", marks=pytest.mark.slow)]


@pytest.mark.parametrize("page", PAGES)
def test_code_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page are one program."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    program = tmp_path / "program.py"
    program.write_text("\n".join(blocks), "utf-8")
    exec(compile(program.read_text("utf-8"), str(program), "exec"), {"__name__": "program"})
    assert len(blocks) >= 3


def test_the_table_of_options_is_complete() -> None:
    flags = set(re.findall(r"^\| `(--[a-z-]+)", CLI, flags=re.MULTILINE))
    wanted = {f"--{name.replace('_', '-')}" for name in set(_SETTINGS) - {"task", "random"}}
    assert flags == wanted | {"--no-random", "--config", "--json", "--quiet", "--debug"}


def test_the_example_of_a_settings_file_can_be_read() -> None:
    import tomllib

    [example] = re.findall(r"^```toml\n(.*?)^```", CLI, flags=re.DOTALL | re.MULTILINE)
    assert RunSettings().updated(tomllib.loads(example)).budget == "5min"


def test_every_exit_code_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \|", CLI, flags=re.MULTILINE)
    assert [int(row) for row in rows] == sorted(int(code) for code in ExitCode)


def test_the_architecture_page_has_the_rows_of_the_layer_test() -> None:
    from tests.test_layers import TABLE

    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)/?`", page))
    assert set(TABLE) <= named


def test_every_strategy_has_its_paper_file_and_test_in_the_docs() -> None:
    text = (ROOT / "docs" / "strategies.md").read_text()
    rows = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)}
    assert set(rows) >= set(STRATEGIES)
    for name in STRATEGIES:
        files = ["src/searchitect/" + file for file in re.findall(r"`([\w/]+\.py)`", rows[name][2])]
        tests = re.findall(r"`([\w/]+\.py)`", rows[name][3])
        assert files, name
        assert tests, name
        missing = [file for file in files + tests if not (ROOT / file).is_file()]
        assert missing == [], name
        module = STRATEGIES[name].split(":")[0].replace(".", "/") + ".py"
        assert f"src/{module}" in files
