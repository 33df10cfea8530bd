"""The page in a real browser, where one is installed: no console errors, figures drawn, the table sorts and filters."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from searchitect.report.page import write_report
from searchitect.result import Result
from tests.report.studies import empty, finished

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium or chrome on the path")

ACTIONS = """
<script>
console.error("canary");
const trials = document.getElementById("trials");
const rows = () => Array.from(trials.tBodies[0].rows);
const shown = () => rows().filter((row) => !row.hidden).map((row) => row.dataset.n).join(",");
const said = [];
trials.tHead.querySelectorAll("button")[0].click(); said.push("up " + shown());
trials.tHead.querySelectorAll("button")[0].click(); said.push("down " + shown());
trials.tBodies[0].querySelector("button").click();
said.push("folded " + trials.querySelector(".folded").textContent);
const filter = document.getElementById("filter");
filter.value = "nan epoch"; filter.dispatchEvent(new Event("input")); said.push("nan " + shown());
filter.value = ""; const state = document.getElementById("filter-state");
state.value = "pruned"; state.dispatchEvent(new Event("change")); said.push("pruned " + shown());
document.querySelectorAll(".views button")[1].click();
said.push("axis " + document.querySelector("#plot-best-so-far .xtitle").textContent);
document.body.append(Object.assign(document.createElement("pre"), { id: "said", textContent: said.join("\\n") }));
</script>
"""


def opened(page: Path, folder: Path) -> tuple[str, list[str]]:
    """The page's elements after its scripts have run, and what they wrote on the console."""
    assert BROWSER is not None
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1280,800", "--virtual-time-budget=4000"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    if "<html" not in done.stdout:
        pytest.skip(f"the browser does not run here: {done.stderr.strip()[-200:]}")
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_the_page_opens_without_console_errors_and_its_controls_work(tmp_path: Path) -> None:
    result = finished()
    path = write_report(result, tmp_path / "report.html")
    path.write_text(path.read_text("utf-8").replace("</body>", ACTIONS + "</body>"), "utf-8")
    elements, console = opened(path, tmp_path)
    assert len(console) == 1, "only our canary, which shows that errors would be seen"
    assert "canary" in console[0]
    assert elements.count('class="main-svg"') >= 5, "every figure is drawn"
    said = dict(line.split(" ", 1) for line in _said(elements))
    numbers = [t.number for t in result.trials]
    assert said["up"] == ",".join(map(str, numbers))
    assert said["down"] == ",".join(map(str, reversed(numbers)))
    assert f"stem = {result.trials[-1].architecture['stem']}" in said["folded"]
    assert said["nan"].split(",") == _numbers(result, "failed")[::-1]
    assert said["pruned"].split(",") == _numbers(result, "pruned")[::-1]
    assert said["axis"].startswith("evaluations"), "time ended this search, so seconds come first"


@pytest.mark.slow
def test_a_page_without_trials_opens_without_console_errors(tmp_path: Path) -> None:
    _, console = opened(write_report(empty(), tmp_path / "report.html"), tmp_path)
    assert console == []


def _said(elements: str) -> list[str]:
    found = re.search(r'<pre id="said">(.*?)</pre>', elements, re.S)
    assert found is not None, "the page's script ran to its end"
    return found.group(1).splitlines()


def _numbers(result: Result, state: str) -> list[str]:
    return [str(t.number) for t in result.trials if t.state.value == state and t.reused is None]
