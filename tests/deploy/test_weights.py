from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from searchitect.deploy.weights import load_weights, save_weights
from searchitect.errors import ExportError
from searchitect.spaces import Architecture

ARCHITECTURE = Architecture("space", {"width": 4})


def model() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))


def test_every_parameter_and_buffer_comes_back_bit_for_bit(tmp_path: Path) -> None:
    saved = model()
    saved(torch.rand(5, 2, 8, 8))  # running statistics and the count of batches
    save_weights(tmp_path / "m.safetensors", saved, ARCHITECTURE)
    torch.manual_seed(2)
    loaded = model()
    load_weights(tmp_path / "m.safetensors", loaded, ARCHITECTURE)
    for name, tensor in saved.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
        assert tensor.dtype == loaded.state_dict()[name].dtype


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_layout_in_memory_comes_back(tmp_path: Path, layout: torch.memory_format) -> None:
    saved = model().to(memory_format=layout)
    strides = saved[0].weight.stride()
    save_weights(tmp_path / "m.safetensors", saved, ARCHITECTURE)
    assert saved[0].weight.stride() == strides
    loaded = model()
    load_weights(tmp_path / "m.safetensors", loaded, ARCHITECTURE)
    assert loaded[0].weight.stride() == strides


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    def tied() -> nn.Sequential:
        result = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        result[1].weight = result[0].weight
        return result

    saved, loaded = tied(), tied()
    save_weights(tmp_path / "m.safetensors", saved, ARCHITECTURE)
    load_weights(tmp_path / "m.safetensors", loaded, ARCHITECTURE)
    assert torch.equal(saved[1].weight, loaded[1].weight)
    assert loaded[0].weight is loaded[1].weight


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no m\.safetensors in the folder"):
        load_weights(tmp_path / "m.safetensors", model(), ARCHITECTURE)


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_truncated_file_is_one_sentence(tmp_path: Path, keep: int) -> None:
    path = save_weights(tmp_path / "m.safetensors", model(), ARCHITECTURE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ExportError, match="may be truncated"):
        load_weights(path, model(), ARCHITECTURE)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = save_weights(tmp_path / "m.safetensors", model(), ARCHITECTURE)
    with pytest.raises(ExportError, match="weights of another architecture"):
        load_weights(path, model(), Architecture("space", {"width": 8}))


def test_weights_that_do_not_fit_are_refused_with_the_tensor(tmp_path: Path) -> None:
    path = save_weights(tmp_path / "m.safetensors", model(), ARCHITECTURE)
    with pytest.raises(ExportError, match=r"do not fit the model(.|\n)*0\.weight(.|\n)*has `build` changed"):
        load_weights(path, nn.Sequential(nn.Linear(2, 2)), ARCHITECTURE)
