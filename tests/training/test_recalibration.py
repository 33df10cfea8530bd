"""Statistics of a subnet are those that it would have gathered alone; nothing else moves."""

import random

import torch
from torch import nn

import searchitect as sa
from searchitect.supernet import open_build, recalibrate
from tests.supernet.spaces import Open

IMAGES = sa.TaskSpec((3, 8, 8), 5)


def batches(count=4, size=8):
    draw = torch.Generator().manual_seed(1)
    return [torch.randn(size, *IMAGES.inputs, generator=draw) + 2.0 for _ in range(count)]


def test_the_mean_is_that_of_all_batches():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    with torch.no_grad():
        expected = torch.cat([model[0](x) for x in batches()]).mean((0, 2, 3))
    recalibrate(model, batches())
    assert torch.allclose(model[1].running_mean, expected, atol=1e-6)
    assert model.training
    assert model[1].training
    assert model[1].momentum == 0.1


def test_only_statistics_change():
    supernet = open_build(Open, IMAGES).eval()
    supernet.activate(supernet.space.sample(random.Random(0)))
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    recalibrate(supernet, batches())
    changed = {name for name, tensor in supernet.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.split(".")[-1] in ("running_mean", "running_var", "num_batches_tracked") for name in changed)
    assert not supernet.training


def test_a_subnet_inside_its_supernet_gets_the_statistics_of_the_extracted_one():
    supernet = open_build(Open, IMAGES).eval()
    architecture = supernet.space.sample(random.Random(5))
    subnet = supernet.extract(architecture)
    recalibrate(subnet, batches())
    recalibrate(supernet, batches())
    probe = batches(1)[0]
    with torch.no_grad():
        assert torch.allclose(supernet(probe), subnet(probe), rtol=1e-5, atol=1e-5)


def test_a_model_without_batch_normalisation_is_left_alone():
    model = nn.Linear(3, 2)
    recalibrate(model, (_ for _ in ()))
    assert model.training


def test_statistics_of_other_widths_stay_where_every_width_has_its_own():
    supernet = open_build(Open, IMAGES, batch_norm="per_width").eval()
    rng = random.Random(0)
    first = supernet.space.sample(rng)
    second = next(a for a in (supernet.space.sample(rng) for _ in range(100)) if a["stem"] != first["stem"])
    stem = next(m for m in supernet.modules() if type(m).__name__ == "ElasticNorm")
    supernet.activate(first)
    recalibrate(supernet, batches())
    kept = stem.active.running_mean.clone()
    supernet.activate(second)
    recalibrate(supernet, batches(2))
    assert stem.active.running_mean.abs().sum() > 0
    supernet.activate(first)
    assert torch.equal(stem.active.running_mean, kept)
    assert kept.abs().sum() > 0
