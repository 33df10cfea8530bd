"""A supernet in a folder: it comes back as it was, or the message says why not."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import searchitect as sa
from searchitect.errors import SpaceError, StorageError
from searchitect.supernet import load, open_build, open_supernet, save_supernet, train_supernet
from tests.supernet.killed_training import Small
from tests.supernet.planted import Planted

IMAGES = sa.TaskSpec((1, 8, 8), 10)
DOCUMENT, WEIGHTS = "supernet.json", "supernet.safetensors"


@pytest.fixture
def saved(tmp_path):
    supernet = open_build(Small, IMAGES, fixed={"stem": 8}, seed=5, check=False).eval()
    save_supernet(tmp_path, supernet)
    return tmp_path, supernet


def test_a_supernet_comes_back_as_it_was(saved):
    folder, supernet = saved
    again = open_supernet(folder, space=Small)
    assert again.fixed == supernet.fixed
    assert again.spec == supernet.spec
    assert not again.training
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    architecture = supernet.space.decide(lambda path, d: 8 if path == "stem" else list(d.domain.values())[-1])
    with torch.no_grad():
        assert torch.equal(again.extract(architecture).eval()(x), supernet.extract(architecture).eval()(x))


def test_a_supernet_with_norms_per_width_comes_back(tmp_path):
    supernet = open_build(Small, IMAGES, batch_norm="per_width", check=False)
    save_supernet(tmp_path, supernet)
    again = open_supernet(tmp_path, space=Small)
    assert again.state_dict().keys() == supernet.state_dict().keys()
    assert again.state_dict().keys() != open_build(Small, IMAGES, check=False).state_dict().keys()


def test_a_space_of_the_catalogue_is_found_by_itself(tmp_path):
    space = sa.catalog.get("nasbench201", cells=1, channels=4)
    supernet = open_build(space, IMAGES, check=False)
    save_supernet(tmp_path, supernet)
    again = open_supernet(tmp_path)
    assert again.space.digest == supernet.space.digest
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), supernet.parameters(), strict=True))


def test_a_space_of_ones_own_has_to_be_passed(saved):
    with pytest.raises(StorageError, match=r"built of the class 'Small', which is not stored.*\n.*space=Small"):
        open_supernet(saved[0])


def test_another_space_is_refused_by_name_and_digest(saved):
    with pytest.raises(StorageError, match=r"belongs to the space Small [0-9a-f]{16}, this is Planted [0-9a-f]{16}"):
        open_supernet(saved[0], space=Planted)


def test_training_in_the_folder_of_another_space_is_refused(saved):
    data = load(sa.task("digits"), data_fraction=0.1)
    supernet = open_build(sa.catalog.get("nasbench201", cells=1, channels=4), data.spec, check=False)
    with pytest.raises(StorageError, match=r'has space.name "Small", this one has "NASBench201"'):
        train_supernet(supernet, data, recipe=sa.Recipe(epochs=1), folder=saved[0])


def test_training_with_other_fixed_decisions_is_refused(tmp_path):
    data = load(sa.task("digits"), data_fraction=0.1)
    recipe = sa.Recipe(epochs=1)
    first = open_build(Small, data.spec, fixed={"stem": 8}, check=False)
    train_supernet(first, data, recipe=recipe, folder=tmp_path)
    second = open_build(Small, data.spec, fixed={"stem": 4}, check=False)
    with pytest.raises(StorageError, match="has fixed.stem 8, this one has 4"):
        train_supernet(second, data, recipe=recipe, folder=tmp_path)


def test_a_build_that_has_changed_is_told_apart(saved):
    folder, _ = saved
    tensors = load_file(folder / WEIGHTS)
    name = next(n for n in tensors if n.startswith("weights.") and tensors[n].ndim == 4)
    save_file(tensors | {name: tensors[name][:1].contiguous()}, folder / WEIGHTS)
    with pytest.raises(StorageError, match=r"do not fit.*has the shape \(1, .*\n.*has `build` changed"):
        open_supernet(folder, space=Small)
    del tensors[name]
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(StorageError, match="do not fit.*it misses"):
        open_supernet(folder, space=Small)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (DOCUMENT, b"{", "cannot be read"),
        (DOCUMENT, b"[]", "another format"),
        (DOCUMENT, b'{"format": 1}', "cannot be read: KeyError"),
        (DOCUMENT, b'{"format": 1, "space": 3}', "cannot be read: TypeError"),
        (WEIGHTS, b"\x00" * 100, "cannot be read"),
        (WEIGHTS, b"", "cannot be read"),
        (WEIGHTS, b"\xff" * 8 + b"{}", "cannot be read"),
    ],
)
def test_damaged_files_are_told_in_one_sentence(saved, name, content, told):
    folder, _ = saved
    (folder / name).write_bytes(content)
    with pytest.raises(StorageError, match=told):
        open_supernet(folder, space=Small)


def test_missing_files_are_told(saved, tmp_path):
    with pytest.raises(StorageError, match="no supernet.json"):
        open_supernet(tmp_path / "nowhere")
    (saved[0] / WEIGHTS).unlink()
    with pytest.raises(StorageError, match=r"no supernet.safetensors.*\n.*train the supernet first"):
        open_supernet(saved[0], space=Small)


def test_a_file_much_larger_than_the_weights_is_not_read(saved):
    folder, _ = saved
    with (folder / WEIGHTS).open("ab") as stream:
        stream.truncate(200 << 20)
    with pytest.raises(StorageError, match="is larger than"):
        open_supernet(folder, space=Small)


def test_words_of_a_space_that_nobody_knows_are_no_code(saved):
    folder, _ = saved
    document = json.loads((folder / DOCUMENT).read_text())
    document["space"]["words"] = {"family": "os.system"}
    (folder / DOCUMENT).write_text(json.dumps(document))
    with pytest.raises(StorageError, match="no family 'os.system'"):
        open_supernet(folder)


def test_a_training_does_not_go_on_from_weights_alone(saved):
    data = load(sa.task("digits"), data_fraction=0.1)
    supernet = open_build(Small, data.spec, fixed={"stem": 8}, check=False)
    with pytest.raises(StorageError, match="has training null"):
        train_supernet(supernet, data, recipe=sa.Recipe(epochs=1), folder=saved[0])


def test_a_disk_that_is_full_leaves_what_was_there(saved, monkeypatch):
    from searchitect.supernet import checkpoints

    folder, supernet = saved
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(StorageError, match="No space left on device"):
        save_supernet(folder, supernet)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_is_no_space_is_told(saved):
    with pytest.raises(SpaceError, match="got .*int"):
        open_supernet(saved[0], space=int)
