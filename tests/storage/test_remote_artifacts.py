from __future__ import annotations

import json
import pickle

import pytest

from searchitect.errors import ConfigError, EvaluationError, MissingExtraError, StorageError
from searchitect.storage.remote_artifacts import RemoteArtifacts

pytest.importorskip("fsspec", reason="the extra 'artifacts' is not installed")


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr("searchitect.storage.remote_place._PAUSES", (0.0, 0.0))


@pytest.fixture
def place(tmp_path):
    return tmp_path / "bucket" / "study"


@pytest.fixture
def artifacts(tmp_path):
    return RemoteArtifacts(f"file://{tmp_path}/bucket", "study")


def left(folder, **files):
    """A folder with these files."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def read(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_a_trial_left_is_what_another_machine_gets(artifacts, tmp_path):
    artifacts.check()
    artifacts.keep(7, left(tmp_path / "theirs", weights="w" * 3_000_000, runs__events="e", empty=""))
    theirs = pickle.loads(pickle.dumps(artifacts))  # noqa: S301 - our own
    theirs.fetch(7, tmp_path / "ours")
    assert read(tmp_path / "ours") == read(tmp_path / "theirs")
    assert list(artifacts.numbers()) == list(artifacts.numbers("weights")) == [7]
    assert artifacts.size(7) > 3_000_000


def test_in_memory_it_is_the_same(tmp_path):
    artifacts = RemoteArtifacts(f"memory://{tmp_path.name}", "study")
    artifacts.check()
    artifacts.keep(0, left(tmp_path / "a", weights="w", deep__er="d"))
    artifacts.fetch(0, tmp_path / "b")
    assert read(tmp_path / "b") == {"weights": "w", "deep/er": "d"}
    assert (list(artifacts.numbers()), list(artifacts.numbers("none"))) == ([0], [])
    artifacts.remove(0)
    assert (list(artifacts.numbers()), artifacts.size(0)) == ([], 0)


def test_a_trial_that_left_nothing_brings_nothing(artifacts, tmp_path):
    artifacts.fetch(3, tmp_path / "ours")
    (tmp_path / "empty").mkdir()
    artifacts.keep(3, tmp_path / "empty")
    artifacts.fetch(3, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()
    assert list(artifacts.numbers()) == []


def test_a_second_attempt_takes_the_place_of_the_first(artifacts, tmp_path, place):
    artifacts.keep(1, left(tmp_path / "a", weights="first", more="m"))
    artifacts.keep(1, left(tmp_path / "b", weights="second"))
    artifacts.fetch(1, tmp_path / "ours")
    assert read(tmp_path / "ours") == {"weights": "second"}
    assert len(list(place.glob("trial-00001/*/"))) == 1
    (tmp_path / "c").mkdir()
    artifacts.keep(1, tmp_path / "c")
    assert list(artifacts.numbers()) == []


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_upload_that_was_cut_off_is_never_taken_for_weights(artifacts, tmp_path, monkeypatch, at):
    """At each of its steps: the first file, the second, the manifest."""
    from fsspec.implementations.local import LocalFileSystem

    artifacts.keep(1, left(tmp_path / "before", weights="old"))
    steps = []

    def cut_off(name, whole=None):
        real = getattr(LocalFileSystem, name)

        def step(self, *args, **kwargs):
            steps.append(name)
            if len(steps) > at:
                raise SystemExit  # as a kill would: nothing after it is done
            return real(self, *args, **kwargs)

        monkeypatch.setattr(LocalFileSystem, name, step)

    cut_off("put_file")
    cut_off("pipe_file")
    for number in (1, 2):
        steps.clear()
        with pytest.raises(SystemExit):
            artifacts.keep(number, left(tmp_path / "new", weights="new", more="m"))
    monkeypatch.undo()
    artifacts.fetch(1, tmp_path / "one")
    artifacts.fetch(2, tmp_path / "two")
    assert read(tmp_path / "one") == {"weights": "old"}
    assert not (tmp_path / "two").exists()
    artifacts.remove(2)
    assert 2 not in list(artifacts.numbers())


def test_a_manifest_that_was_cut_off_counts_as_none(artifacts, tmp_path, place):
    artifacts.keep(1, left(tmp_path / "a", weights="w"))
    manifest = place / "trial-00001" / "manifest.json"
    whole = manifest.read_bytes()
    for end in (0, 1, len(whole) // 2, len(whole) - 1):
        manifest.write_bytes(whole[:end])
        artifacts.fetch(1, tmp_path / "ours")
    manifest.write_bytes(whole + b" " * 5_000_000)
    artifacts.fetch(1, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize(
    "name", ["../out", "/etc/out", "a/../../out", "a\\..\\out", "C:out", "", ".", "a//b", "a\nb", "x" * 300, "a\x00b"]
)
def test_a_name_that_leads_out_of_its_folder_is_refused(artifacts, tmp_path, place, name):
    artifacts.keep(1, left(tmp_path / "a", weights="w"))
    manifest = place / "trial-00001" / "manifest.json"
    document = json.loads(manifest.read_text())
    document["files"][name] = document["files"].pop("weights")
    manifest.write_text(json.dumps(document))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(EvaluationError, match="lead out of their folder"):
        artifacts.fetch(1, tmp_path / "ours")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "change",
    [
        {"token": "../../elsewhere"}, {"token": 5}, {"files": {"w": [1]}}, {"files": {"w": [-1, "0" * 64]}},
        {"files": 3}, {"files": {"w": [True, "0" * 64]}},
        {"files": {"w": [1, "../x"]}},
        {"files": {"w": [1e300, "0" * 64]}},
    ],
)  # fmt: skip
def test_a_manifest_of_another_form_counts_as_none(artifacts, tmp_path, place, change):
    artifacts.keep(1, left(tmp_path / "a", weights="w"))
    manifest = place / "trial-00001" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    artifacts.fetch(1, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("text", ["x" * 10, "short", "w" * 11, "w" * 5_000_000, ""])
def test_a_file_that_is_not_what_was_kept_is_refused_and_not_left(artifacts, tmp_path, place, text):
    artifacts.keep(1, left(tmp_path / "a", weights="w" * 10))
    next(place.glob("trial-00001/*/weights")).write_text(text)
    with pytest.raises(EvaluationError, match="is not what was kept there"):
        artifacts.fetch(1, tmp_path / "ours")
    assert read(tmp_path / "ours") == {}


def test_what_is_there_already_is_not_brought_again_and_what_differs_is(artifacts, tmp_path, place):
    artifacts.keep(1, left(tmp_path / "a", weights="right", more="m"))
    left(tmp_path / "ours", weights="right", more="x")
    next(place.glob("trial-00001/*/weights")).unlink()
    artifacts.fetch(1, tmp_path / "ours")
    assert read(tmp_path / "ours") == {"weights": "right", "more": "m"}


def test_one_file_can_be_removed_and_the_rest_stays(artifacts, tmp_path, place):
    for number in (1, 2):
        artifacts.keep(number, left(tmp_path / "a", weights="w", checkpoint="c"))
    artifacts.remove(1, "checkpoint")
    artifacts.remove(1, "unknown")
    artifacts.remove(5, "checkpoint")
    artifacts.fetch(1, tmp_path / "ours")
    assert read(tmp_path / "ours") == {"weights": "w"}
    assert list(artifacts.numbers("checkpoint")) == [2]
    assert list(artifacts.numbers()) == [1, 2]
    artifacts.remove(1)
    assert not (place / "trial-00001").exists()


def test_links_are_left_where_they_are(artifacts, tmp_path):
    (tmp_path / "secret").write_text("s")
    folder = left(tmp_path / "a", weights="w")
    (folder / "link").symlink_to(tmp_path / "secret")
    artifacts.keep(1, folder)
    artifacts.fetch(1, tmp_path / "ours")
    assert read(tmp_path / "ours") == {"weights": "w"}


def test_a_place_that_cannot_be_written_is_told_before_anything_is_spent(tmp_path):
    (tmp_path / "file").write_text("")
    artifacts = RemoteArtifacts(f"file://{tmp_path}/file", "study")
    with pytest.raises(ConfigError, match="artifacts cannot be written at file://"):
        artifacts.check()
    with pytest.raises(StorageError, match="trial-00001 could not be kept at file://"):
        artifacts.keep(1, left(tmp_path / "a", weights="w"))


def test_a_place_that_answers_at_the_third_time_is_no_failure(artifacts, tmp_path, monkeypatch):
    from fsspec.implementations.local import LocalFileSystem

    real, calls = LocalFileSystem.put_file, []

    def unsteady(self, *args, **kwargs):
        calls.append(args)
        if len(calls) < 3:
            raise ConnectionError("reset by peer")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(LocalFileSystem, "put_file", unsteady)
    artifacts.keep(1, left(tmp_path / "a", weights="w"))
    artifacts.fetch(1, tmp_path / "ours")
    assert read(tmp_path / "ours") == {"weights": "w"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("bucket/runs", "the URL of one place"),
        ("s3://a::file:///b", "the URL of one place"),
        ("https://host/x?sig=swordfish", "without a query"),
        ("file://runs", "another folder in every process"),
    ],
)
def test_what_is_no_url_is_refused(url, told):
    with pytest.raises(ConfigError, match=told) as caught:
        RemoteArtifacts(url, "study")
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(("url", "told"), [("s3x://bucket", "nothing speaks s3x://"), ("s3://bucket", "s3fs")])
def test_a_protocol_that_is_not_there_says_what_to_do(url, told, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigError) as caught:
        RemoteArtifacts(url, "study").check()
    assert told in str(caught.value)


def test_without_fsspec_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"searchitect\[artifacts\]"):
        RemoteArtifacts("s3://bucket", "study").check()


def test_a_password_is_in_no_message(monkeypatch, tmp_path):
    import fsspec

    def refuse(url):
        raise ValueError(f"cannot open {url}: swordfish is no password")

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    artifacts = RemoteArtifacts("sftp://me:swordfish@host/x", "study")
    assert "swordfish" not in repr(artifacts)
    for act in (artifacts.check, lambda: artifacts.fetch(1, tmp_path), lambda: artifacts.keep(1, tmp_path)):
        with pytest.raises((ConfigError, StorageError)) as caught:
            act()
        assert "sftp://me:***@host/x" in str(caught.value)
        assert "swordfish" not in str(caught.value)
