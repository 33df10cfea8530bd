"""Whatever lies in a file, a reader returns or refuses: no crash, no hang, nothing run, nothing written."""

from __future__ import annotations

import random
import resource
import signal
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from searchitect.errors import SearchitectError
from tests.fuzz.damage import damaged
from tests.fuzz.readers import DESCRIPTION, READERS, TABLE, seeds
from tests.fuzz.watching import watched

SLOW_TO_READ = 10  # seconds


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files, with what some of them are read beside."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in READERS:
        (folder / name).mkdir()
    prepare(folder)
    return folder


def prepare(folder: Path) -> None:
    """Write the files that lie beside those that are damaged."""
    (folder / "table description TOML" / "table.csv").write_bytes(TABLE)
    (folder / "benchmark table CSV" / "fixed.toml").write_text(DESCRIPTION)


def read(name: str, content: bytes, folder: Path) -> bool:
    """Whether the reader took the file; every other end than a refusal is an error."""
    path = folder / name / READERS[name].file
    _load(name, path)
    path.write_bytes(content)
    guard = watched() if "SQLite" not in name else nullcontext()  # SQLite makes files beside its own
    signal.alarm(SLOW_TO_READ)
    try:
        with guard:
            READERS[name].read(path)
    except SearchitectError:
        return False
    finally:
        signal.alarm(0)
    return True


@cache
def _load(name: str, path: Path) -> None:
    """Read valid files once, unwatched: what is imported at the first use loads libraries."""
    for content in seeds(name):
        path.write_bytes(content)
        READERS[name].read(path)


@pytest.mark.parametrize("name", READERS)
def test_what_the_fuzzing_begins_from_is_read(name: str, place: Path) -> None:
    taken = [read(name, content, place) for content in seeds(name)]
    assert taken == [True] * len(taken)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_is_read_or_refused(name: str, place: Path, seed: int) -> None:
    rng = random.Random(seed)
    read(name, damaged(rng.choice(seeds(name)), rng), place)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
@example(content=b"")
@example(content=b"[" * 100_000)
@example(content=b'{"a":' * 50_000)
@example(content=b"a=" + b"[" * 50_000)
@example(content=b"9" * 5_000)
@example(content=b"x = " + b"9" * 5_000)
def test_any_bytes_are_read_or_refused(name: str, place: Path, content: bytes) -> None:
    read(name, content, place)


@pytest.mark.parametrize("pattern", ["{depth}-{7idth}", "{1h}-{width}"])
def test_a_hole_whose_name_begins_with_a_digit_is_refused(pattern: str, place: Path) -> None:
    content = seeds("table description TOML")[1].replace(b"{depth}-{width}", pattern.encode())
    assert not read("table description TOML", content, place)


@pytest.mark.slow
def test_a_small_file_of_a_huge_image_takes_the_memory_of_one_copy(place: Path) -> None:
    height = b"\x01\x01\x04\x00\x01\x00\x00\x00\x0a\x00"
    (tiff,) = (content for content in seeds("images") if content.startswith(b"II*"))
    assert tiff.count(height) == 1
    read("images", tiff, place)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # 10 by 8,388,618 pixels in 440 bytes: as many as are still let in
    assert read("images", tiff.replace(height + b"\x00", height + b"\x80"), place)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 450 << 10


@pytest.mark.parametrize("name", ["latency CSV", "benchmark table CSV"])
def test_the_names_of_a_damaged_header_are_not_all_told(name: str, place: Path) -> None:
    path = place / name / READERS[name].file
    path.write_bytes(b"model,depth," + b"f" * 9_000 + b"\n1,2,3\n")
    with pytest.raises(SearchitectError) as refused:
        READERS[name].read(path)
    assert 2_000 < len(str(refused.value)) < 3_000
