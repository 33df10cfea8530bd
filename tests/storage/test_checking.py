"""What `store check` finds, each planted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from searchitect.storage import MemoryStore, open_store
from searchitect.storage.checking import Health, check_store
from tests.storage.fixtures.make import advance, study
from tests.storage.postgres_server import PostgresServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = open_store(tmp_path / "s.db")
    with study(store, "a") as running:
        advance(running, 5)
        running.ask()
    store.close()
    return tmp_path / "s.db"


def change(path: Path, statement: str) -> Health:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
    store = open_store(path)
    try:
        return check_store(store)
    finally:
        store.close()


def test_a_whole_store_is_sound_and_names_what_is_open(path: Path) -> None:
    health = change(path, "SELECT 1")
    assert health.is_sound
    [found] = health.studies
    assert (found.events, found.ended, found.open, found.problems) == (12, 5, (5,), ())


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM event WHERE position = 4", "event 4 of study 'a' is missing"),
        ("UPDATE event SET body = '{' WHERE position = 4", "event 4 of study 'a' is damaged"),
        ("DELETE FROM event WHERE position = 1", "event 1 of study 'a' is missing"),
        ("UPDATE event SET body = (SELECT body FROM event WHERE position = 3) WHERE position = 5",
         "event 5: trial 0 ends a second time"),
        ("UPDATE event SET body = (SELECT body FROM event WHERE position = 2) WHERE position = 4",
         "event 4: trial 0 begins a second time"),
        ("UPDATE event SET body = (SELECT body FROM event WHERE position = 1) WHERE position = 12",
         "event 12: a second manifest"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(path: Path, statement: str, problem: str) -> None:
    health = change(path, statement)
    assert not health.is_sound
    assert any(problem in told for told in health.studies[0].problems), health.studies[0].problems


def test_a_damaged_page_is_what_the_database_says(path: Path) -> None:
    store = open_store(path)
    for n in range(300):
        store.journal("a").append({"kind": "x", "n": n})
    store.close()
    data = bytearray(path.read_bytes())
    data[-6000:-5000] = b"\xa5" * 1000
    path.write_bytes(data)
    health = change(path, "SELECT 1")
    assert not health.is_sound
    assert health.damages


def test_problems_without_end_are_cut(path: Path) -> None:
    health = change(path, "UPDATE event SET body = 'x'")
    assert len(health.studies[0].problems) == 12
    store = open_store(path)
    for n in range(30):
        store.journal("a").append({"kind": "x", "n": n})
    store.close()
    assert len(change(path, "UPDATE event SET body = 'x'").studies[0].problems) == 20


def test_a_store_in_memory_is_checked_too() -> None:
    store = MemoryStore()
    store.journal("empty", create=True)
    health = check_store(store)
    assert health.is_sound
    assert health.version is None
    assert health.document()["studies"][0]["events"] == 0


def test_a_counter_that_disagrees_is_found(postgres: PostgresServer) -> None:
    store = open_store(postgres.url())
    with study(store, "a") as running:
        advance(running, 2)
    assert check_store(store).is_sound
    postgres.sql("UPDATE searchitect.counter SET last = 9")
    assert "the counter of study number 1 says 9, its last event is 5" in check_store(store).damages[0]
    store.close()
