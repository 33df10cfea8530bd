"""What every store must keep: inherit, say how to open yours, and pytest runs the contract on it.

::

    class TestMyStore(DurableStoreContract):
        @pytest.fixture
        def url(self, tmp_path):
            return f"mine:///{tmp_path}/studies"

`open_store` must know the URL, because other processes open it by that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from searchitect.errors import StorageError
from searchitect.storage import Store, open_store
from searchitect.storage.events import MAX_EVENT_BYTES

__all__ = ["DurableStoreContract", "StoreContract", "events", "store_machine"]

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_json = st.recursive(
    _scalars, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3), max_leaves=8
)


def events() -> st.SearchStrategy[dict[str, Any]]:
    """Any event: any JSON object with a kind."""
    return st.builds(
        lambda body, kind: {**body, "kind": kind}, st.dictionaries(st.text(), _json, max_size=4), st.text()
    )


class StoreContract:
    """Laws of a store within one process. Inherit and override the fixture `store`."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        raise NotImplementedError

    def test_what_is_appended_is_read_in_order_with_positions_from_one(self, store: Store) -> None:
        journal = store.journal("a", create=True)
        written = [{"kind": "end", "number": n, "reports": [[1, {"loss": 0.1 * n}]]} for n in range(5)]
        assert [journal.append(event) for event in written] == [1, 2, 3, 4, 5]
        assert list(journal.read()) == list(enumerate(written, start=1))

    def test_read_after_a_position_gives_the_rest(self, store: Store) -> None:
        journal = store.journal("a", create=True)
        for n in range(4):
            journal.append({"kind": "start", "number": n})
        assert [position for position, _ in journal.read(after=2)] == [3, 4]
        assert list(journal.read(after=4)) == []
        assert list(journal.read(after=99)) == []

    def test_an_empty_journal_reads_as_nothing(self, store: Store) -> None:
        assert list(store.journal("a", create=True).read()) == []

    def test_a_reader_may_append_while_it_reads(self, store: Store) -> None:
        journal = store.journal("a", create=True)
        journal.append({"kind": "x"})
        for position, _ in journal.read():
            journal.append({"kind": "y", "of": position})
        assert len(list(journal.read())) == 2

    def test_studies_do_not_see_each_other(self, store: Store) -> None:
        first, second = store.journal("a", create=True), store.journal("b", create=True)
        assert (first.append({"kind": "x"}), second.append({"kind": "y"}), first.append({"kind": "z"})) == (1, 1, 2)
        assert [event["kind"] for _, event in first.read()] == ["x", "z"]
        assert [event["kind"] for _, event in second.read()] == ["y"]

    def test_opening_an_existing_study_with_create_keeps_its_events(self, store: Store) -> None:
        store.journal("a", create=True).append({"kind": "x"})
        assert len(list(store.journal("a", create=True).read())) == 1
        assert len(list(store.journal("a").read())) == 1

    def test_all_of_unicode_comes_back(self, store: Store) -> None:
        event = {"kind": "é", "text": 'Größe × 网络 \U0001f600 \ud800 \x00 \u2028 " \\'}
        journal = store.journal("prüfung 网络 '; drop table event; --", create=True)
        journal.append(event)
        assert list(journal.read()) == [(1, event)]
        assert [info.name for info in store.studies()] == ["prüfung 网络 '; drop table event; --"]

    def test_floats_and_large_integers_come_back_exactly(self, store: Store) -> None:
        event = {"kind": "x", "values": [0.1, 1e-308, 5e-324, 1.7976931348623157e308, 2**63, -(10**40)]}
        journal = store.journal("a", create=True)
        journal.append(event)
        assert list(journal.read()) == [(1, event)]

    def test_a_written_event_does_not_follow_later_changes_of_the_object(self, store: Store) -> None:
        journal = store.journal("a", create=True)
        event: dict[str, Any] = {"kind": "x", "values": [1]}
        journal.append(event)
        event["values"].append(2)
        assert next(journal.read())[1]["values"] == [1]

    @pytest.mark.parametrize(
        "event", [{"kind": "x", "a": float("nan")}, {"kind": "x", "a": {1, 2}}, {"a": 1}, {"kind": 3}]
    )
    def test_what_json_cannot_hold_is_refused_and_nothing_is_written(self, store: Store, event: dict[str, Any]) -> None:
        journal = store.journal("a", create=True)
        with pytest.raises(StorageError):
            journal.append(event)
        assert journal.append({"kind": "y"}) == 1

    def test_an_event_beyond_the_bound_is_refused(self, store: Store) -> None:
        journal = store.journal("a", create=True)
        with pytest.raises(StorageError, match="limit"):
            journal.append({"kind": "x", "text": "a" * MAX_EVENT_BYTES})
        assert list(journal.read()) == []

    def test_an_unknown_study_is_refused_with_the_nearest_name(self, store: Store) -> None:
        store.journal("digits-plain", create=True)
        with pytest.raises(StorageError, match="did you mean 'digits-plain'"):
            store.journal("digits-plane")
        with pytest.raises(StorageError, match="no study"):
            store.delete("digits-plane")

    @pytest.mark.parametrize("name", ["", "  ", "a" * 201, "a\nb", "a\x00b"])
    def test_a_name_that_cannot_be_shown_is_refused(self, store: Store, name: str) -> None:
        with pytest.raises(StorageError, match="name"):
            store.journal(name, create=True)

    def test_studies_are_listed_oldest_first_with_their_number_of_events(self, store: Store) -> None:
        for name, count in (("b", 2), ("a", 0), ("c", 1)):
            journal = store.journal(name, create=True)
            for _ in range(count):
                journal.append({"kind": "x"})
        assert [(info.name, info.events) for info in store.studies()] == [("b", 2), ("a", 0), ("c", 1)]
        assert all(info.created.endswith("+00:00") for info in store.studies())

    def test_a_deleted_study_is_gone_and_its_name_starts_anew(self, store: Store) -> None:
        old = store.journal("a", create=True)
        old.append({"kind": "x"})
        store.journal("b", create=True).append({"kind": "kept"})
        store.delete("a")
        assert [info.name for info in store.studies()] == ["b"]
        with pytest.raises(StorageError, match="deleted"):
            old.append({"kind": "x"})
        assert list(store.journal("a", create=True).read()) == []
        assert len(list(store.journal("b").read())) == 1

    def test_threads_that_append_share_the_positions(self, store: Store) -> None:
        journal = store.journal("a", create=True)
        positions: list[int] = []
        threads = [
            threading.Thread(target=lambda: positions.extend(journal.append({"kind": "x"}) for _ in range(50)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(positions) == list(range(1, 201))

    def test_only_one_driver_holds_a_study(self, store: Store) -> None:
        store.journal("a", create=True)
        with store.lock("a"), store.lock("b"):
            with pytest.raises(StorageError, match="'a' is"), store.lock("a"):
                pass
            with pytest.raises(StorageError, match="'a' is"):
                store.delete("a")
        with store.lock("a"):
            pass

    def test_a_lock_is_released_after_an_error(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError), store.lock("a"):
            raise ZeroDivisionError
        with store.lock("a"):
            pass

    def test_close_may_be_called_twice(self, store: Store) -> None:
        store.close()
        store.close()


_APPEND = """
import sys
from searchitect.storage import open_store
journal = open_store(sys.argv[1]).journal("a", create=True)
for n in range(int(sys.argv[2])):
    print(journal.append({"kind": "x", "from": sys.argv[3], "n": n}), flush=True)
"""
_HOLD = """
import sys
from searchitect.storage import open_store
with open_store(sys.argv[1]).lock("a"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _python(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class DurableStoreContract(StoreContract):
    """Laws of a store that outlives its process. Inherit and override the fixture `url` for `open_store`."""

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        store = open_store(url)
        yield store
        store.close()

    def test_a_store_opened_again_holds_what_was_written(self, url: str) -> None:
        with ExitStack() as stack:
            first = open_store(url)
            stack.callback(first.close)
            first.journal("a", create=True).append({"kind": "x", "n": 1})
            second = open_store(url)
            stack.callback(second.close)
            assert list(second.journal("a").read()) == [(1, {"kind": "x", "n": 1})]
            assert second.journal("a").append({"kind": "y"}) == 2
            assert len(list(first.journal("a").read())) == 2

    def test_processes_that_append_together_lose_nothing(self, url: str, store: Store) -> None:
        count = 200
        writers = [_python(_APPEND, url, str(count), str(w)) for w in range(3)]
        positions = [[int(line) for line in writer.communicate()[0].split()] for writer in writers]
        assert sorted(p for of_writer in positions for p in of_writer) == list(range(1, 3 * count + 1))
        by_writer: dict[str, list[int]] = {}
        for _, event in store.journal("a").read():
            by_writer.setdefault(event["from"], []).append(event["n"])
        assert by_writer == {str(w): list(range(count)) for w in range(3)}

    def test_an_acknowledged_event_survives_sigkill(self, url: str) -> None:
        with _python(_APPEND, url, "1000000", "0") as writer:
            assert writer.stdout is not None
            for _ in range(100):
                writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged = 100 + sum(line.endswith("\n") for line in writer.stdout)
        store = open_store(url)
        numbers = [event["n"] for _, event in store.journal("a").read()]
        assert len(numbers) >= acknowledged
        assert numbers == list(range(len(numbers)))
        assert store.journal("a").append({"kind": "x"}) == len(numbers) + 1
        store.close()

    def test_a_driver_in_another_process_is_named_and_its_death_frees_the_study(self, url: str, store: Store) -> None:
        with _python(_HOLD, url) as driver:
            assert driver.stdout is not None
            assert driver.stdout.readline() == "held\n"
            with pytest.raises(StorageError, match=f"another process .pid {driver.pid}."), store.lock("a"):
                pass
            with store.lock("b"):
                pass
            os.kill(driver.pid, signal.SIGKILL)
            driver.wait()
        with store.lock("a"):
            pass


def store_machine(make: Callable[[], Store]) -> type[RuleBasedStateMachine]:
    """A hypothesis state machine that compares a store with a dictionary of lists. Use its `.TestCase`."""

    class StoreMachine(RuleBasedStateMachine):
        names = st.sampled_from(["a", "b", "A", "ä"])

        @initialize()
        def begin(self) -> None:
            self.store = make()
            self.expected: dict[str, list[dict[str, Any]]] = {}

        @rule(name=names, event=events())
        def append(self, name: str, event: dict[str, Any]) -> None:
            wanted = self.expected.setdefault(name, [])
            wanted.append(event)
            assert self.store.journal(name, create=True).append(event) == len(wanted)

        @rule(name=names, after=st.integers(0, 5))
        def read(self, name: str, after: int) -> None:
            if name in self.expected:
                wanted = list(enumerate(self.expected[name], start=1))[after:]
                assert list(self.store.journal(name).read(after)) == wanted

        @rule(name=names)
        def delete(self, name: str) -> None:
            if name in self.expected:
                self.store.delete(name)
                del self.expected[name]
            else:
                with pytest.raises(StorageError):
                    self.store.delete(name)

        @invariant()
        def listing_agrees(self) -> None:
            if hasattr(self, "store"):
                found = {info.name: info.events for info in self.store.studies()}
                assert found == {name: len(written) for name, written in self.expected.items()}

        def teardown(self) -> None:
            if hasattr(self, "store"):
                self.store.close()

    StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
    return StoreMachine
