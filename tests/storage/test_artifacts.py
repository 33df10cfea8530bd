from __future__ import annotations

import pytest

from searchitect.storage.artifacts import TrialFolders, number_of


@pytest.mark.parametrize(
    ("name", "number"),
    [("trial-00012", 12), ("trial-123456", 123456), ("trial-", None), ("trial-x", None), ("12", None),
     ("trial-²", None), ("trial-" + "9" * 40, None), ("my-trial-1", None)],
)  # fmt: skip
def test_a_folder_of_a_trial_is_known_by_its_name(name, number):
    assert number_of(name) == number


def test_folders_are_listed_measured_and_removed(tmp_path):
    folders = TrialFolders(tmp_path)
    for number in (1, 2):
        place = tmp_path / f"trial-0000{number}" / "deep"
        place.mkdir(parents=True)
        (place / "weights").write_bytes(bytes(10))
    (tmp_path / "trial-00002" / "checkpoint").write_bytes(bytes(5))
    (tmp_path / "other").mkdir()
    assert sorted(folders.numbers()) == [1, 2]
    assert list(folders.numbers("checkpoint")) == [2]
    assert [folders.size(n) for n in (1, 2, 3)] == [10, 15, 0]
    folders.remove(2, "checkpoint")
    folders.remove(2, "checkpoint")
    folders.remove(1)
    folders.remove(1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "trial-00002"]
    assert folders.size(2) == 10
