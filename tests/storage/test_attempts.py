from __future__ import annotations

import json
from pathlib import PurePosixPath

from hypothesis import given, strategies as st

from searchitect.errors import EvaluationError
from searchitect.storage.attempts import Attempt, KeptFile

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner))
SOUND = st.tuples(st.integers(-1, 10), st.just("0" * 64) | st.text(max_size=3))


@given(
    JSON | st.fixed_dictionaries({"token": st.just("0" * 32) | JSON, "files": st.dictionaries(st.text(), SOUND) | JSON})
)
def test_any_document_is_read_or_refused_and_what_is_read_stays_inside(document):
    try:
        attempt = Attempt.from_bytes(json.dumps(document).encode(), "trial-00001")
    except EvaluationError:
        return
    for name in () if attempt is None else attempt.files:
        path = PurePosixPath("/folder", name)
        assert path.parts[:2] == ("/", "folder")
        assert ".." not in path.parts


@given(st.binary(max_size=50))
def test_noise_is_no_manifest(data):
    assert Attempt.from_bytes(data, "trial-00001") is None


def test_what_is_written_is_what_is_read():
    attempt = Attempt("a" * 32, {"weights": KeptFile(3, "0" * 64), "deep/näme": KeptFile(0, "f" * 64)})
    assert Attempt.from_bytes(attempt.to_bytes(), "trial-00001") == attempt
