"""Two writers, a reader that follows, connections cut at the worst moment, messages late, twice and out of order.

The model is a list. Whatever happens: what was acknowledged is there once, in the order of its position; what was not
acknowledged is there once or not at all; a follower sees a prefix; one driver at most holds the study.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from searchitect.errors import StorageError
from searchitect.storage import SqlStore
from searchitect.storage.postgres import PostgresDatabase
from searchitect.storage.sql import _SqlJournal
from tests.storage.postgres_server import PostgresServer

WRITERS = st.sampled_from([0, 1])


class Machine(RuleBasedStateMachine):
    """Over any database; `cut` ends the connection of a store as the death of its process or of the server would."""

    def open(self) -> SqlStore:
        raise NotImplementedError

    def cut(self, store: SqlStore) -> None:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.stores = [self.open(), self.open()]
        self.model: list[dict[str, Any]] = []
        self.journals = [store.journal("a", create=True) for store in self.stores]
        self.queue: list[dict[str, Any]] = []
        self.followed: list[dict[str, Any]] = []
        self.locks: list[ExitStack | None] = [None, None]
        self.sent = 0

    @rule(text=st.text(max_size=3))
    def send(self, text: str) -> None:
        """A message sets out; it arrives when `deliver` says so."""
        self.sent += 1
        self.queue.append({"kind": "x", "n": self.sent, "text": text})

    @precondition(lambda self: self.queue)
    @rule(writer=WRITERS, data=st.data(), twice=st.booleans())
    def deliver(self, writer: int, data: st.DataObject, twice: bool) -> None:
        """In any order, through either writer; a message that comes twice is two events."""
        event = self.queue.pop(data.draw(st.integers(0, len(self.queue) - 1)))
        for _ in range(1 + twice):
            self.append(writer, event)

    @rule(writer=WRITERS)
    def append_several_at_once(self, writer: int) -> None:
        with self.stores[writer].together():
            for n in range(3):
                self.append(writer, {"kind": "many", "n": n})

    @rule(writer=WRITERS)
    def die_within_a_transaction(self, writer: int) -> None:
        """Nothing of it was acknowledged, nothing of it is there."""
        store, journal = self.stores[writer], self.journals[writer]

        def dies() -> None:
            with store.together():
                journal.append({"kind": "never"})
                self.cut(store)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            dies()
        self.after_cut(writer)

    @rule(writer=WRITERS)
    def die_and_open_again(self, writer: int) -> None:
        self.cut(self.stores[writer])
        self.stores[writer].close()
        self.locks[writer] = None
        self.stores[writer] = self.open()
        self.journals[writer] = self.stores[writer].journal("a")

    @rule(writer=WRITERS)
    def lose_the_connection(self, writer: int) -> None:
        self.cut(self.stores[writer])
        self.after_cut(writer)

    @rule(writer=WRITERS)
    def take_the_lock(self, writer: int) -> None:
        with ExitStack() as stack:
            free = self.locks == [None, None]
            try:
                stack.enter_context(self.stores[writer].lock("a"))
                taken = True
            except StorageError:
                taken = False
            assert taken == free
            if taken:
                self.locks[writer] = stack.pop_all()

    @rule(writer=WRITERS)
    def give_the_lock_back(self, writer: int) -> None:
        if (lock := self.locks[writer]) is not None:
            lock.close()
            self.locks[writer] = None

    @rule(writer=WRITERS)
    def follow(self, writer: int) -> None:
        self.followed += [event for _, event in self.journals[writer].read(after=len(self.followed))]
        assert self.followed == self.model

    @invariant()
    def what_was_followed_stands(self) -> None:
        if hasattr(self, "stores"):
            assert self.followed == self.model[: len(self.followed)]

    def teardown(self) -> None:
        if not hasattr(self, "stores"):
            return
        for lock in self.locks:
            if lock is not None:
                lock.close()
        for store in self.stores:
            store.close()
        last = self.open()
        assert [event for _, event in last.journal("a").read()] == self.model
        assert [info.events for info in last.studies()] == [len(self.model)]
        last.close()

    def append(self, writer: int, event: dict[str, Any]) -> None:
        self.model.append(event)
        assert self.journals[writer].append(event) == len(self.model)

    def after_cut(self, writer: int) -> None:
        """What a lost connection changes for its owner."""


class SqliteMachine(Machine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())

    def open(self) -> SqlStore:
        return SqlStore(self.folder / "s.db")

    def cut(self, store: SqlStore) -> None:
        """The file as SIGKILL leaves it: the transaction is not committed, its log lies there."""
        connection = store._connection
        if connection is not None and not connection.invalidated:
            connection.connection.driver_connection.rollback()  # type: ignore[union-attr]

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder, ignore_errors=True)


def postgres_machine(server: PostgresServer) -> type[Machine]:
    class PostgresMachine(Machine):
        def __init__(self) -> None:
            super().__init__()
            server.sql("DROP SCHEMA IF EXISTS searchitect CASCADE")

        def open(self) -> SqlStore:
            return SqlStore(PostgresDatabase(server.url(), "normal", 5.0))

        def cut(self, store: SqlStore) -> None:
            name = store.database._name  # type: ignore[attr-defined]
            server.sql(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                f" WHERE application_name = '{name}' AND pid <> pg_backend_pid()"
            )

        @rule(writer=WRITERS)
        def lose_an_answer(self, writer: int) -> None:
            """The event was written, and the connection went before its author heard of it: it is not written twice."""
            journal, store = self.journals[writer], self.stores[writer]
            assert isinstance(journal, _SqlJournal)
            event = {"kind": "unheard", "n": len(self.model)}
            whole = store.run
            cut = [self.cut]

            def run(query: Callable[..., Any], **how: Any) -> Any:
                def unheard(connection: Any) -> Any:
                    answer = query(connection)
                    if cut:
                        cut.pop()(store)
                        connection.exec_driver_sql("SELECT 1")
                    return answer

                return whole(unheard, **how)

            store.run = run  # type: ignore[method-assign]
            try:
                self.append(writer, event)
            finally:
                del store.run  # type: ignore[method-assign]

        def after_cut(self, writer: int) -> None:
            """The next question connects anew and takes the lock again; nobody else was quick enough here."""
            self.stores[writer].studies()

    return PostgresMachine


def small(examples: int = 12, steps: int = 12) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )


def test_sqlite_keeps_what_two_writers_were_told_whatever_is_cut() -> None:
    run_state_machine_as_test(SqliteMachine, settings=small())


def test_postgres_keeps_what_two_writers_were_told_whatever_is_cut(postgres: PostgresServer) -> None:
    run_state_machine_as_test(postgres_machine(postgres), settings=small())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sqlite_keeps_everything_in_long_stories() -> None:
    run_state_machine_as_test(SqliteMachine, settings=small(150, 30))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_postgres_keeps_everything_in_long_stories(postgres: PostgresServer) -> None:
    run_state_machine_as_test(postgres_machine(postgres), settings=small(60, 30))
