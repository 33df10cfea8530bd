"""A store that may be read but not written: looking works, everything else says why it does not."""

import pytest

import searchitect as sa
from searchitect import api
from searchitect.cli import main
from searchitect.errors import ConfigError, StorageError
from searchitect.storage import sqlite


@sa.space
class Line:
    slope: int = sa.choice(1, 2, 3)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A finished study in a store that may only be read from now on, and what was evaluated since."""
    store = tmp_path / "s.db"
    seen = []

    def evaluate(line):
        seen.append(line.slope)
        return 1 / line.slope

    def run(name):
        return sa.search(space=Line, evaluate=evaluate, trials=3, confirm_seeds=1, store=store, name=name, seed=1)

    run("done")
    seen.clear()
    store.chmod(0o444)
    monkeypatch.setattr(sqlite, "may_write", lambda path: False)  # root may write whatever the file says
    return store, run, seen


def test_a_study_is_shown_listed_and_reported_from_a_store_that_may_only_be_read(kept, tmp_path, capsys):
    store, _, _ = kept
    for command in (
        ["show", "done"],
        ["show", "done", "0"],
        ["show", "done", "--json"],
        ["list", "studies"],
        ["report", "done", "--out", str(tmp_path / "page.html")],
    ):
        assert main([*command, "--store", str(store)]) == 0, capsys.readouterr().err
    assert api.open_result("done", store).best.architecture["slope"] == 1
    assert (tmp_path / "page.html").is_file()


def test_searching_there_is_refused_before_anything_is_evaluated(kept):
    store, run, seen = kept
    for name in ("done", "new"):
        with pytest.raises(StorageError, match="may be read but not written") as refused:
            run(name)
        assert "--store FILE" in refused.value.hint
    with pytest.raises(StorageError, match="may be read but not written"):
        api.migrate("done", "moved", space=Line, store=store)
    assert seen == []


def test_a_report_that_cannot_be_written_names_the_option(kept, tmp_path):
    store, _, _ = kept
    (tmp_path / "taken").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written") as refused:
        api.report("done", tmp_path / "taken" / "page.html", store)
    assert refused.value.hint == "--out FILE puts it elsewhere"


def test_looking_into_a_store_that_is_not_there_makes_none(tmp_path):
    with pytest.raises(StorageError, match="there is no store"):
        api.open_result("done", tmp_path / "none.db")
    assert not any(tmp_path.iterdir())
