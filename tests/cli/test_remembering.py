"""What `show` said of a large study is kept, and believed of that very journal only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from searchitect.cli import remembering
from searchitect.storage import StudyInfo, open_store
from tests.cli.conftest import Answer, FakeApi

Typed = Callable[..., Answer]
MADE = "2026-01-01T00:00:00Z"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "searchitect" / "shown"


def folds(api: FakeApi) -> int:
    return sum(command == "open_result" for command, *_ in api.calls)


def test_a_large_study_is_folded_once_for_each_state_of_its_journal(api: FakeApi, typed: Typed, cache: Path) -> None:
    api.kept = [StudyInfo("one", MADE, 20_000)]
    first, again = typed("show", "one"), typed("show", "one")
    assert (folds(api), again.out) == (1, first.out)
    assert "test       accuracy 0.905" in again.out
    api.kept = [StudyInfo("one", MADE, 20_001)]
    assert typed("show", "one").out == first.out
    assert folds(api) == 2
    api.kept = [StudyInfo("one", "2026-02-02T00:00:00Z", 20_001)]  # deleted, and begun again under its name
    typed("show", "one")
    assert folds(api) == 3
    assert len(list(cache.iterdir())) == 1


def test_nothing_is_kept_of_a_small_study_of_its_trials_or_of_json(api: FakeApi, typed: Typed, cache: Path) -> None:
    typed("show", "one")
    api.kept = [StudyInfo("one", MADE, 20_000)]
    typed("show", "one", "1")
    assert json.loads(typed("show", "one", "--json").out)["study"] == "digits-plain_cnn"
    assert not cache.exists()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"key": 1}', '{"key": null, "lines": [1]}', "[" * 100_000, '{"lines": ["\ud800"]}']
)
def test_what_was_kept_and_is_damaged_is_made_anew(api: FakeApi, typed: Typed, cache: Path, damage: str) -> None:
    api.kept = [StudyInfo("one", MADE, 20_000)]
    first = typed("show", "one").out
    [file] = cache.iterdir()
    file.write_bytes(damage.encode("utf-8", "surrogatepass"))
    assert typed("show", "one").out == first
    assert folds(api) == 2


def test_lines_that_are_no_texts_are_not_shown(cache: Path, tmp_path: Path) -> None:
    page = remembering.Page(cache / "a.json", [1])
    page.write(["one", "two"])
    assert page.read() == ["one", "two"]
    (cache / "a.json").write_text('{"key": [1], "lines": ["one", 2]}')
    assert page.read() is None


def test_a_folder_that_cannot_be_written_keeps_nothing(api: FakeApi, typed: Typed, cache: Path) -> None:
    api.kept = [StudyInfo("one", MADE, 20_000)]
    cache.parent.parent.mkdir(exist_ok=True)
    cache.parent.write_text("a file where the folder would be")
    assert typed("show", "one").code == 0


def test_pages_of_different_stores_and_studies_are_different(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "LARGE", 2)
    stores = [open_store(str(tmp_path / name)) for name in ("a.db", "b.db")]
    for store in stores:
        for study in ("one", "two"):
            journal = store.journal(study, create=True)
            for _ in range(2):
                journal.append({"kind": "note"})
    pages = [remembering.page_of(store, study) for store in stores for study in ("one", "two")]
    for number, page in enumerate(pages):
        assert page is not None
        page.write([f"{number}"])
    assert [page.read() for page in pages if page is not None] == [["0"], ["1"], ["2"], ["3"]]
    assert remembering.page_of(open_store("memory:"), "one") is None
