"""Pickles of plain data are read; whatever could run code is refused, and nothing runs."""

from __future__ import annotations

import bz2
import os
import pickle
import subprocess
import time
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect.errors import TaskError
from searchitect.tabular.plain_pickles import KNOWN, Opaque, read_pickle


def written(tmp_path: Path, value: Any, protocol: int = 4) -> Path:
    path = tmp_path / "data.pickle.pbz2"
    path.write_bytes(bz2.compress(pickle.dumps(value, protocol=protocol)))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_come_back(tmp_path: Path, protocol: int) -> None:
    value = {"a": [1, 2.5, None, True, "x"], ("k", 3): OrderedDict(b=(1, 2)), "s": {1, 2}, "raw": b"\xff\x00"}
    assert read_pickle(written(tmp_path, value, protocol)) == value


@pytest.mark.parametrize("number", [np.float64(0.1), np.float32(2.5), np.int64(-7), np.bool_(True)])
def test_numbers_of_numpy_come_back_as_pythons(tmp_path: Path, number: Any) -> None:
    found = read_pickle(written(tmp_path, [number], 2))[0]
    assert found == number
    assert type(found) in (float, int, bool)


def test_a_dictionary_with_defaults_is_a_plain_one(tmp_path: Path) -> None:
    value = defaultdict(list)
    value["a"].append(1)
    found = read_pickle(written(tmp_path, value))
    assert type(found) is dict
    assert found == {"a": [1]}


def test_arrays_are_kept_as_nothing(tmp_path: Path) -> None:
    assert isinstance(read_pickle(written(tmp_path, {"weights": np.zeros(3)}))["weights"], Opaque)


class Evil:
    """A pickle of it creates the file that it names."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_runs_code_is_refused_and_nothing_ran(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "ran"
    calls = [
        Evil(os.system, f"touch {trace}"),
        Evil(subprocess.check_call, ["touch", str(trace)]),
        Evil(eval, f"open({str(trace)!r}, 'w').close()"),
        Evil(exec, f"open({str(trace)!r}, 'w').close()"),
        Evil(open, str(trace), "w"),
        Evil(Path(trace).touch),
        Evil(getattr, "a", "upper"),
    ]
    for call in calls:
        with pytest.raises(TaskError, match=r"refused: it wants to run \w+"):
            read_pickle(written(tmp_path, {"meta_archs": ["x"], "more": call}, protocol))
        assert not trace.exists()
    pickle.loads(pickle.dumps(calls[0], protocol))  # noqa: S301 - the same bytes, read carelessly, do run
    assert trace.exists()


def test_names_reached_through_known_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.pickle"
    path.write_bytes(b"\x80\x04\x8c\x0bcollections\x8c\x1eOrderedDict.__init__.__class__\x93.")
    with pytest.raises(TaskError, match="wants to run"):
        read_pickle(path)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_stands_for_a_name_takes_no_attributes(tmp_path: Path, name: tuple[str, str]) -> None:
    """BUILD sets attributes on whatever lies on the stack, here on the class itself."""
    before = dict(vars(KNOWN[name]))
    path = tmp_path / "data.pickle"
    module, attribute = name
    path.write_bytes(b"c" + f"{module}\n{attribute}\n".encode() + b"(N}\x8c\x07__new__cbuiltins\nset\nstb.")
    with pytest.raises(TaskError):
        read_pickle(path)
    assert dict(vars(KNOWN[name])) == before


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.pickle.pbz2"
    path.write_bytes(bz2.compress(b"\0" * 5_000_000))
    with pytest.raises(TaskError, match="unpacks to more than 1,000,000 bytes"):
        read_pickle(path, max_bytes=1_000_000)


@pytest.mark.parametrize("data", [b"", b"BZh9 broken", b"\x80\x04K\x01", b"hello", b"\x80\x04]K\x01s."])
def test_a_broken_file_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "data.pickle"
    path.write_bytes(data)
    with pytest.raises(TaskError, match=r"data\.pickle is"):
        read_pickle(path)


def test_a_few_bytes_that_ask_for_a_memo_of_gigabytes_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.pickle").write_bytes(b"\x80\x02]r\xff\xff\xff\x7f.")  # LONG_BINPUT at place 2**31 - 1
    before = time.process_time()
    with pytest.raises(TaskError, match="MemoryError"):
        read_pickle(tmp_path / "x.pickle")
    assert time.process_time() - before < 2
