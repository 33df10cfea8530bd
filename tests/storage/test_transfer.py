"""A store as a text file and back: equal to the byte, through every kind of store; nothing else is believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from searchitect.errors import SearchitectError, StorageError
from searchitect.storage import MemoryStore, Store, open_store, transfer
from searchitect.storage.transfer import export_store, import_store
from searchitect.testing.storage import events
from tests.storage.fixtures.make import HERE
from tests.storage.postgres_server import PostgresServer

OLD = sorted(HERE.glob("store-*.db"))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    store = open_store(shutil.copyfile(OLD[0], tmp_path / "old.db"))
    export_store(store, tmp_path / "old.jsonl")
    store.close()
    return tmp_path / "old.jsonl"


def again(store: Store, path: Path) -> bytes:
    path.unlink(missing_ok=True)
    export_store(store, path)
    return path.read_bytes()


def test_sqlite_and_memory_give_back_the_same_file(exported: Path, tmp_path: Path) -> None:
    for store in (MemoryStore(), open_store(tmp_path / "new.db")):
        done = import_store(exported, store)
        assert (done.studies[:2], done.events) == (("ended", "cut off"), 44)
        assert again(store, tmp_path / "again.jsonl") == exported.read_bytes()
        store.close()


def test_postgres_gives_back_the_same_file(exported: Path, tmp_path: Path, postgres: PostgresServer) -> None:
    store = open_store(postgres.url())
    import_store(exported, store)
    assert again(store, tmp_path / "again.jsonl") == exported.read_bytes()
    assert store.journal("ended").append({"kind": "x"}) == 26
    store.close()


def test_old_stores_of_all_versions_export_alike_but_for_their_clocks(tmp_path: Path) -> None:
    def without_clocks(path: Path) -> list[object]:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [{k: v for k, v in line.items() if k not in ("clock", "created", "digest")} for line in lines]

    texts = []
    for old in OLD:
        store = open_store(shutil.copyfile(old, tmp_path / old.name))
        export_store(store, tmp_path / f"{old.stem}.jsonl")
        texts.append(without_clocks(tmp_path / f"{old.stem}.jsonl"))
        store.close()
    assert all(text == texts[0] for text in texts)


@settings(max_examples=20, deadline=None)
@given(st.lists(events(), max_size=6))
def test_any_events_come_back(written: list[dict[str, object]]) -> None:
    import tempfile

    first, second = MemoryStore(), MemoryStore()
    journal = first.journal("a", create=True)
    for event in written:
        journal.append(event)
    with tempfile.TemporaryDirectory() as folder:
        export_store(first, Path(folder) / "a.jsonl")
        import_store(Path(folder) / "a.jsonl", second)
    assert list(second.journal("a").read()) == list(first.journal("a").read())
    assert second.studies() == first.studies()


def test_an_import_again_writes_nothing_and_one_that_was_cut_off_goes_on(exported: Path) -> None:
    store, whole = MemoryStore(), MemoryStore()
    import_store(exported, whole)
    for position, event in whole.journal("ended").read():
        if position <= 7:
            store.journal("ended", create=True).append(event)
    assert import_store(exported, store).events == 44 - 7
    assert import_store(exported, store).events == 0
    assert list(store.journal("ended").read()) == list(whole.journal("ended").read())


def test_a_study_that_has_gone_on_since_is_left_alone(exported: Path) -> None:
    store = MemoryStore()
    import_store(exported, store)
    store.journal("ended").append({"kind": "x"})
    assert import_store(exported, store).events == 0
    assert store.studies()[0].events == 26


def test_a_study_that_differs_refuses_all_and_nothing_is_written(exported: Path) -> None:
    store = MemoryStore()
    store.journal("cut off", create=True).append({"kind": "manifest"})
    with pytest.raises(StorageError, match="'cut off' is in the store already, and its event 1 differs"):
        import_store(exported, store)
    assert [(info.name, info.events) for info in store.studies()] == [("cut off", 1)]


def test_only_the_studies_that_are_named_are_written(exported: Path, tmp_path: Path) -> None:
    store = MemoryStore()
    import_store(exported, store)
    assert export_store(store, tmp_path / "one.jsonl", studies=["cut off"]).studies == ("cut off",)
    with pytest.raises(StorageError, match="did you mean 'ended'"):
        export_store(store, tmp_path / "two.jsonl", studies=["endet"])
    with pytest.raises(StorageError, match="there already"):
        export_store(store, tmp_path / "one.jsonl")
    with pytest.raises(StorageError, match="cannot be written: No such file"):
        export_store(store, tmp_path / "missing" / "one.jsonl")


def last_line(text: bytes) -> bytes:
    return text[text.rindex(b"\n", 0, -1) + 1 :]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text: b"", "ends too early"),
        (lambda text: b"hello\n", "line 1: it is not a JSON object"),
        (lambda text: b'{"format":"other"}\n', "no export of a store"),
        (lambda text: text.replace(b'"version":1}', b'"version":2}', 1), "version 2 of the form"),
        (lambda text: text[: len(text) // 2], "cut off"),
        (lambda text: text.replace(last_line(text), b""), "ends too early"),
        (lambda text: text.replace(b'"score"', b'"scorn"', 1), "digest does not fit"),
        (lambda text: text.replace(b'"events":25', b'"events":26'), "line|damaged"),
        (lambda text: text.replace(b'"events":25', b'"events":-1'), "number of 'events'"),
        (lambda text: text.replace(b'"study":"cut off"', b'"study":"ended"', 1), "twice|digest"),
        (lambda text: text.replace(b'"study":"cut off"', b'"study":"\\u0000"', 1), "a study's name"),
        (lambda text: text + b"{}\n", "something behind the last line"),
        (lambda text: text.replace(b"Gr\\u00f6", "Grö".encode()), "not ASCII"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_and_nothing_is_written(
    exported: Path, change: Callable[[bytes], bytes], match: str
) -> None:
    exported.write_bytes(change(exported.read_bytes()))
    store = MemoryStore()
    with pytest.raises(StorageError, match=match) as caught:
        import_store(exported, store)
    assert caught.value.hint
    assert store.studies() == []


def test_a_line_longer_than_an_event_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MAX_EVENT_BYTES", 1_000)
    (tmp_path / "a").write_bytes(b'{"format":"searchitect-store","version":1}\n' + b" " * 5_000 + b"\n")
    with pytest.raises(StorageError, match="line 2: the line is longer"):
        import_store(tmp_path / "a", MemoryStore())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_a_byte_is_believed(exported: Path, tmp_path: Path, data: st.DataObject) -> None:
    text = bytearray(exported.read_bytes())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[place]))
    (tmp_path / "changed.jsonl").write_bytes(text)
    store = MemoryStore()
    with pytest.raises(SearchitectError):
        import_store(tmp_path / "changed.jsonl", store)
    assert store.studies() == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no\.jsonl cannot be read: No such file"):
        import_store(tmp_path / "no.jsonl", MemoryStore())
