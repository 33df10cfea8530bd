"""What docs/security.md promises of data, stores and pages that nobody trusts, where no other test shows it."""

from __future__ import annotations

import json
import os
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from searchitect import tasks
from searchitect.api.preparing import folder_name
from searchitect.cli.text import as_csv, printable, table
from searchitect.errors import TaskError
from searchitect.tasks.npz import read_arrays

ROOT = Path(__file__).parents[1]
EVIL = "<script>window.owned=1</script><img src=x onerror=window.owned=1>"


def images(folder: Path, classes: tuple[str, ...] = ("a", "b")) -> Path:
    """A folder of 24 small images."""
    from PIL import Image

    for name in classes:
        (folder / name).mkdir(parents=True)
        for n in range(12):
            Image.fromarray(np.full((6, 6), n * 9, dtype=np.uint8)).save(folder / name / f"{n}.png")
    return folder


# ---- links, pipes, archives, sizes


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_that_leads_out_of_a_folder_of_images_is_refused_unless_asked_for(tmp_path: Path, what: str) -> None:
    other, data = images(tmp_path / "other", ("c",)), images(tmp_path / "data")
    if what == "file":
        (data / "a" / "link.png").symlink_to(other / "c" / "0.png")
    else:
        (data / "c").symlink_to(other / "c", target_is_directory=True)
    with pytest.raises(TaskError, match="leads out of the folder"):
        tasks.task(data)
    assert sum(tasks.task(data, follow_links=True).describe()["sizes"].values()) == (25 if what == "file" else 36)


def test_a_link_within_the_folder_is_read(tmp_path: Path) -> None:
    data = images(tmp_path / "data")
    (data / "a" / "again.png").symlink_to(data / "a" / "0.png")
    assert sum(tasks.task(data).describe()["sizes"].values()) == 25


def test_a_pipe_among_the_images_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    data = images(tmp_path / "data")
    os.mkfifo(data / "a" / "pipe.png")
    with pytest.raises(TaskError, match="no regular file"):
        tasks.task(data)


def test_an_archive_writes_nothing_wherever_its_names_lead(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", X=np.zeros((4, 2)))
    with zipfile.ZipFile(tmp_path / "good.npz") as good, zipfile.ZipFile(tmp_path / "slip.npz", "w") as slip:
        slip.writestr("../../outside.npy", good.read("X.npy"))
        slip.writestr("/tmp/outside.npy", good.read("X.npy"))
    before = sorted(tmp_path.parent.rglob("*outside*"))
    assert len(read_arrays(tmp_path / "slip.npz", 1 << 20)) == 2
    assert sorted(tmp_path.parent.rglob("*outside*")) == before


def test_an_archive_that_lies_about_its_size_is_not_unpacked_beyond_it(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", X=np.zeros(50_000_000, dtype=np.uint8))
    data = bytearray((tmp_path / "bomb.npz").read_bytes())
    assert len(data) < 100_000
    size = (50_000_128).to_bytes(4, "little")
    (tmp_path / "bomb.npz").write_bytes(data.replace(size, (500).to_bytes(4, "little")))
    with pytest.raises(TaskError):
        read_arrays(tmp_path / "bomb.npz", 1 << 20)


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "..", ".", "a/b", "a\\b", "x\0y", "C:\\x", "con*?", ".git", "é" * 200]
)
def test_the_folder_of_a_study_stays_beside_the_others_whatever_the_study_is_called(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / folder_name(name)
    assert folder.resolve().parent == (tmp_path / "runs").resolve()


# ---- what is shown


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\r=1"])
def test_no_cell_of_a_csv_that_we_write_is_a_formula(text: str) -> None:
    written = as_csv([{"prediction": text, "probabilities": {text: 0.5}}])
    assert f"'{text}" in written.replace('"', "")
    assert not re.search(r'(^|,)"?[=+@\t\r-]', written, flags=re.MULTILINE)


def test_numbers_and_names_stay_as_they_are_in_a_csv() -> None:
    assert as_csv([{"prediction": "-1.5", "p": {"cat-dog": -0.5}}]) == "prediction,p.cat-dog\n-1.5,-0.5\n"


def test_a_terminal_obeys_nothing_that_stands_in_a_table() -> None:
    assert "\x1b" not in "\n".join(table(["reason"], [["\x1b]0;owned\x07\x1b[2J"]]))
    assert printable("Zürich – 東京") == "Zürich – 東京"


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def hostile_page(folder: Path) -> Path:
    """The page of a study whose classes, reasons and names are HTML."""
    import dataclasses

    from searchitect.report.page import write_report
    from tests.report.studies import finished

    result = finished()
    trials = tuple(dataclasses.replace(t, reason=EVIL if t.reason else None, phase=t.phase) for t in result.trials)
    hostile = dataclasses.replace(
        result, study=EVIL, trials=trials, labels=(EVIL,) * 10, warnings=(EVIL,), files=(EVIL,), stopped_by=EVIL
    )
    return write_report(hostile, folder / "report.html")


def test_a_page_of_hostile_names_has_no_element_that_is_not_ours(tmp_path: Path) -> None:
    found = _Elements()
    found.feed(hostile_page(tmp_path).read_text("utf-8"))
    assert not [tag for tag, _ in found.seen if tag in ("img", "iframe", "object", "embed", "base")]
    assert {a.get("rel") for tag, a in found.seen if tag == "link"} <= {"icon"}
    assert not [name for _, attributes in found.seen for name in attributes if name.startswith("on")]
    assert not [a for _, a in found.seen if str(a.get("href", a.get("src", ""))).lower().startswith("javascript:")]


@pytest.mark.slow
def test_a_browser_runs_nothing_of_a_page_of_hostile_names(tmp_path: Path) -> None:
    from tests.report.test_browser import BROWSER, opened

    if BROWSER is None:
        pytest.skip("needs chromium or chrome on the path")
    page = hostile_page(tmp_path)
    said = "<script>document.body.append('owned is ' + typeof window.owned)</script></body>"
    page.write_text(page.read_text("utf-8").replace("</body>", said), "utf-8")
    elements, _ = opened(page, tmp_path)
    assert "owned is undefined" in elements


# ---- secrets


def test_the_password_of_a_store_is_in_no_message(capsys: pytest.CaptureFixture[str]) -> None:
    from searchitect.cli import main

    url = "postgresql://somebody:hunter2@127.0.0.1:1/nowhere?password=hunter2"
    assert main(["show", "one", "--store", url]) == 1
    printed = capsys.readouterr()
    assert "hunter2" not in printed.out + printed.err


def test_the_environment_of_the_process_is_not_in_what_is_kept_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from searchitect.deploy.environment import environment

    monkeypatch.setenv("SOME_TOKEN", "hunter2")
    assert "hunter2" not in json.dumps(environment())


# ---- what is never run


def test_no_module_unpickles_or_evaluates_what_comes_from_a_file() -> None:
    """Where a pickle is read at all, it is our own pipe to a worker, or the reader of plain data that knows no code."""
    allowed = {"executors/worker.py", "executors/ray_worker.py", "tabular/plain_pickles.py", "testing/evaluators.py"}
    allowed.add("training/rank_programs.py")  # the pipe to another rank of a training
    loads = re.compile(
        r"\b(pickle|cloudpickle|marshal|dill|joblib)\.loads?\(|\btorch\.load\(|\ballow_pickle=True|(?<![\w.])(eval|exec)\("
        r"|\byaml\.load\(|\bextractall\("
    )
    found = set()
    for path in sorted((ROOT / "src" / "searchitect").rglob("*.py")):
        for line in path.read_text("utf-8").splitlines():
            if loads.search(line.partition("#")[0]) and not line.lstrip().startswith(('"', "#")):
                found.add(path.relative_to(ROOT / "src" / "searchitect").as_posix())
    assert found <= allowed


def test_every_statement_of_the_page_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(rows) >= 20
    for file, test in rows:
        assert (ROOT / file).is_file(), file
        assert not test or f"def {test}(" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"
