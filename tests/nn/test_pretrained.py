from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import searchitect as sa
import searchitect.nn as sn
from searchitect.errors import EvaluationError, SpaceError
from searchitect.nn.pretrained import Frozen, filled_later
from searchitect.spaces import Recipe
from searchitect.supernet import open_build, recalibrate
from searchitect.training import optimizer


@pytest.fixture
def saved(tmp_path):
    """A stem as it was saved, with a head that nobody wants, and the file."""
    torch.manual_seed(1)
    stem = sn.conv_unit(1, 4)
    stem[1].running_mean.normal_()
    state = {f"stem.{name}": tensor.clone() for name, tensor in stem.state_dict().items()}
    path = tmp_path / "weights.safetensors"
    save_file(state | {"head.weight": torch.zeros(2, 2)}, path)
    return stem, path


X = torch.randn(3, 1, 6, 6, generator=torch.Generator().manual_seed(2))


def test_a_module_computes_what_the_saved_one_did(saved):
    stem, path = saved
    module = sn.pretrained(sn.conv_unit(1, 4), path, prefix="stem.")
    assert torch.equal(module.eval()(X), stem.eval()(X))
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_a_frozen_one_does_not_move_while_the_rest_is_trained(saved):
    stem, path = saved
    frozen = sn.pretrained(sn.conv_unit(1, 4), path, prefix="stem.", freeze=True)
    model = nn.Sequential(frozen, nn.Flatten(), nn.Linear(4 * 36, 2)).train()
    before = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
    stepper = optimizer(model, Recipe(learning_rate=0.1))
    assert sum(len(group["params"]) for group in stepper.param_groups) == 2
    for _ in range(3):
        model(X).sum().backward()
        stepper.step()
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen.state_dict().items())
    assert not frozen.body[1].training
    assert torch.equal(frozen(X), stem.eval()(X))


def test_recalibration_leaves_frozen_statistics_alone(saved):
    _, path = saved
    frozen = sn.pretrained(sn.conv_unit(1, 4), path, prefix="stem.", freeze=True)
    model = nn.Sequential(frozen, sn.conv_unit(4, 4))
    before = frozen.body[1].running_mean.clone()
    recalibrate(model, [X, X])
    assert torch.equal(frozen.body[1].running_mean, before)
    assert not torch.equal(model[1][1].running_mean, torch.zeros(4))


def test_a_wrong_prefix_names_what_is_missing_and_the_nearest(saved):
    _, path = saved
    with pytest.raises(EvaluationError, match=r"holds no 'stm.0.weight', .* and 2 more.*\n.*nearest.*stem.0.weight"):
        sn.pretrained(sn.conv_unit(1, 4), path, prefix="stm.")


def test_a_wrong_shape_names_both(saved):
    _, path = saved
    with pytest.raises(EvaluationError, match=r"stem.0.weight has the shape \(4, 1, 3, 3\).*wants \(5, 1, 3, 3\)"):
        sn.pretrained(sn.conv_unit(1, 5), path, prefix="stem.")


def test_more_than_the_module_holds_is_refused_unless_it_is_said(saved):
    stem, path = saved
    with pytest.raises(EvaluationError, match=r"holds 'stem.1.bias'.*module has not\n.*partly=True"):
        sn.pretrained(nn.Sequential(nn.Conv2d(1, 4, 3, bias=False)), path, prefix="stem.")
    module = sn.pretrained(nn.Sequential(nn.Conv2d(1, 4, 3, bias=False)), path, prefix="stem.", partly=True)
    assert torch.equal(module[0].weight, stem[0].weight)


def test_a_digest_tells_files_apart(saved):
    stem, path = saved
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    module = sn.pretrained(sn.conv_unit(1, 4), path, prefix="stem.", digest=right)
    assert torch.equal(module[0].weight, stem[0].weight)
    with pytest.raises(EvaluationError, match=f"another file.*{right}\n.*wanted: 00"):
        sn.pretrained(sn.conv_unit(1, 4), path, prefix="stem.", digest="00")


def test_what_is_no_file_of_weights_is_refused(tmp_path, saved):
    _, path = saved
    with pytest.raises(EvaluationError, match=r"no file of weights 'none.safetensors'\n.*whole path"):
        sn.pretrained(sn.conv_unit(1, 4), tmp_path / "none.safetensors")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(EvaluationError, match="cannot be read"):
        sn.pretrained(sn.conv_unit(1, 4), path, prefix="stem.")
    torch.save({"a": 1}, path)
    with pytest.raises(EvaluationError, match="no safetensors file"):
        sn.pretrained(sn.conv_unit(1, 4), path, prefix="stem.")


@pytest.mark.parametrize(
    ("tensor", "message"),
    [(torch.full((2, 2), torch.nan), "not finite"), (torch.ones(2, 2, dtype=torch.int64), "holds I64")],
)
def test_values_that_cannot_be_weights_are_refused(tmp_path, tensor, message):
    save_file({"weight": tensor}, tmp_path / "w.safetensors")
    with pytest.raises(EvaluationError, match=message):
        sn.pretrained(nn.Linear(2, 2, bias=False), tmp_path / "w.safetensors")


def test_half_precision_is_read_into_single(tmp_path):
    save_file({"weight": torch.full((2, 2), 0.5, dtype=torch.float16)}, tmp_path / "w.safetensors")
    module = sn.pretrained(nn.Linear(2, 2, bias=False), tmp_path / "w.safetensors")
    assert module.weight.dtype is torch.float32
    assert torch.equal(module.weight, torch.full((2, 2), 0.5))


def test_a_build_without_weights_still_checks_the_file(saved):
    _, path = saved
    with torch.device("meta"):
        module = sn.pretrained(sn.conv_unit(1, 4), path, prefix="stem.", freeze=True)
        assert module(X.to("meta")).shape == (3, 4, 6, 6)
        with pytest.raises(EvaluationError, match="wants"):
            sn.pretrained(sn.conv_unit(1, 5), path, prefix="stem.")


def test_a_model_that_is_filled_next_needs_no_file(tmp_path):
    with filled_later():
        module = sn.pretrained(sn.conv_unit(1, 4), tmp_path / "gone.safetensors", freeze=True)
    assert isinstance(module, Frozen)
    with pytest.raises(EvaluationError, match="no file"):
        sn.pretrained(sn.conv_unit(1, 4), tmp_path / "gone.safetensors")


def test_a_supernet_takes_a_fixed_stem_and_refuses_an_open_one(saved):
    stem, path = saved

    def space(fixed):
        @sa.space
        class Net:
            width: int = sa.choice(4, 8)

            def build(self, task: sa.TaskSpec) -> nn.Module:
                body = sn.conv_unit(1, 4 if fixed else self.width)
                given = sn.pretrained(body, path, prefix="stem.", freeze=True)
                inner = sn.conv_unit(4 if fixed else self.width, self.width)
                return nn.Sequential(given, inner, sn.classifier((self.width, 6, 6), task.outputs))

        return Net

    spec = sa.TaskSpec((1, 6, 6), 3)
    supernet = open_build(space(True), spec).train()
    assert torch.equal(supernet.body[0](X), stem.eval()(X))
    narrow = sa.SearchSpace.of(space(True)).read({"decisions": {"width": 4}})
    assert torch.equal(supernet.extract(narrow)[0].body[0].weight, stem[0].weight)
    with pytest.raises(SpaceError, match=r"has open decisions\n.*plain numbers"):
        open_build(space(False), spec)
