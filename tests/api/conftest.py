"""Searches of these tests write no ONNX file, unless a test or a module is marked `onnx`.

An export takes longer than all else of a tiny search. Without the mark, the extra seems not to be installed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from searchitect.deploy import onnx_file
from searchitect.errors import MissingExtraError

REQUIRED = onnx_file._require_packages


def absent() -> None:
    raise MissingExtraError("the ONNX file", "onnx")


@contextmanager
def with_onnx() -> Iterator[None]:
    """For a fixture whose search is to write the file."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(onnx_file, "_require_packages", REQUIRED)
        yield


@pytest.fixture(scope="module", autouse=True)
def _modules_without_onnx(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        if request.node.get_closest_marker("onnx") is None:
            patched.setattr(onnx_file, "_require_packages", absent)
        yield


@pytest.fixture(autouse=True)
def _onnx_where_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("onnx") is not None:
        monkeypatch.setattr(onnx_file, "_require_packages", REQUIRED)
