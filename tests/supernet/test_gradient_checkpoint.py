"""What a killed search left behind; that it goes on is tested with the search."""

import dataclasses

import pytest
import torch

from searchitect.errors import StorageError
from searchitect.supernet.gradient_checkpoint import finished
from searchitect.supernet.gradient_search import gradient_search
from tests.supernet.planted import Planted, planted
from tests.supernet.test_gradient_search import QUICK


class KilledError(Exception):
    pass


def kill(entry):
    raise KilledError


def test_weights_are_written_as_safetensors_after_every_epoch(tmp_path):
    from safetensors.torch import load_file

    with pytest.raises(KilledError):
        gradient_search(Planted, planted(0).task, settings=QUICK, seeds=1, folder=tmp_path, report=kill)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["run-0-progress.json", "run-0.safetensors"]
    tensors = load_file(tmp_path / "run-0.safetensors")
    assert int(tensors["epoch"]) == 1
    assert {name.split(".")[0] for name in tensors} == {"epoch", "model", "searched", "trail", "weights", "alphas"}
    assert all(torch.isfinite(tensor.float()).all() for tensor in tensors.values())


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"method": "gdas"},
        {"guards": None},
        {"fixed": {"edge_0": "line"}},
        {"settings": dataclasses.replace(QUICK, rate=0.1)},
    ],
)
@pytest.mark.parametrize("killed", [True, False])
def test_the_checkpoint_of_another_search_is_refused(tmp_path, other, killed):
    words = {"settings": QUICK, "seeds": 1, "folder": tmp_path}
    if killed:
        with pytest.raises(KilledError):
            gradient_search(Planted, planted(0).task, report=kill, **words)
    else:
        gradient_search(Planted, planted(0).task, **words)
    with pytest.raises(StorageError, match="another search.*\n.*a folder of its own"):
        gradient_search(Planted, planted(0).task, **(words | other))


def test_weights_that_do_not_fit_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    words = {"settings": QUICK, "seeds": 1, "folder": tmp_path}
    with pytest.raises(KilledError):
        gradient_search(Planted, planted(0).task, report=kill, **words)
    tensors = load_file(tmp_path / "run-0.safetensors")
    save_file({name: t for name, t in tensors.items() if not name.startswith("model.")}, tmp_path / "run-0.safetensors")
    with pytest.raises(StorageError, match="another search"):
        gradient_search(Planted, planted(0).task, **words)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"progress": []}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "run-0.json").write_text(text)
    with pytest.raises(StorageError, match=r"run-0\.json is no checkpoint of a gradient search"):
        finished(tmp_path, 0, 1)


def test_no_folder_means_no_checkpoint():
    assert finished(None, 0, 1) is None
