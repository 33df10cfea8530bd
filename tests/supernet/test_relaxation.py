"""A relaxed supernet is judged without a trace, and its norms cannot undo the architecture weights."""

import torch
from torch import nn

import searchitect as sa
from searchitect.supernet.architecture_weights import ArchitectureWeights, mixed_decisions
from searchitect.supernet.open_build import open_build
from searchitect.supernet.relaxation import Quality, Relaxation, batch_statistics, freeze_norms, judge
from searchitect.supernet.samplers import SAMPLERS
from searchitect.training.losses import criterion

SPEC = sa.TaskSpec((3, 8, 8), 5)


def relaxed(sampler="softmax"):
    supernet = open_build(sa.catalog.get("nasbench201", cells=1, channels=4), SPEC, check=False)
    decisions = mixed_decisions(supernet)
    alphas = ArchitectureWeights(decisions, scale=1e-3, generator=torch.Generator().manual_seed(0))
    return Relaxation(supernet, alphas, SAMPLERS[sampler], criterion(SPEC))


def batches(count=2):
    draw = torch.Generator().manual_seed(1)
    return [(torch.randn(16, 3, 8, 8, generator=draw) + 2.0, torch.randint(5, (16,), generator=draw))] * count


def test_judging_leaves_statistics_and_modes_as_they_were():
    relaxation = relaxed()
    relaxation.draw("mean")
    supernet = relaxation.supernet.train()
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    judge(supernet, batches(), SPEC)
    assert all(torch.equal(tensor, before[name]) for name, tensor in supernet.state_dict().items())
    assert all(module.training for module in supernet.modules())


def test_judging_normalises_by_the_batch_and_drops_nothing():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.9))
    x = batches()[0][0]
    with batch_statistics(model), torch.no_grad():
        assert float(model(x).mean().abs()) < 1e-5
        assert not (model(x) == 0).any()


def test_accuracy_decides_and_the_loss_breaks_ties():
    assert Quality(0.5, -9.0) > Quality(0.4, -1.0)
    assert Quality(0.5, -1.0) > Quality(0.5, -2.0)
    assert Quality.of({"loss": 3.0}) == Quality(0.0, -3.0)


def test_scale_and_shift_are_frozen_in_mixed_operations_alone():
    relaxation = relaxed()
    count = len(relaxation.trained)
    freeze_norms(relaxation)
    inside = [m for d, _ in relaxation.alphas for mixed in d.mixed for m in mixed.modules()]
    norms = {m for m in inside if isinstance(m, nn.BatchNorm2d)}
    assert len(norms) == 3 * 6 * 2
    assert len(relaxation.trained) == count - 2 * len(norms)
    assert not any(parameter.requires_grad for norm in norms for parameter in norm.parameters())


def test_a_decision_that_is_taken_computes_its_option_alone():
    relaxation = relaxed()
    relaxation.taken["edge_0_1"] = 2
    for purpose in ("search", "train", "mean"):
        assert relaxation.draw(purpose)["edge_0_1"] == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert relaxation.by_path()["edge_0_1"].tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]


def test_gradients_reach_the_architecture_weights_in_a_search_step_alone():
    relaxation = relaxed()
    assert all(weights.requires_grad for weights in relaxation.draw("search").values())
    assert not any(weights.requires_grad for weights in relaxation.draw("train").values())
    relaxation.draw("search")
    found = torch.autograd.grad(relaxation.loss(batches()[0]), relaxation.searched)
    assert all(float(gradient.abs().sum()) > 0.0 for gradient in found)


def test_noise_moves_weights_within_its_bound():
    relaxation = relaxed()
    calm, noisy = relaxation.draw("train"), relaxation.draw("train", noise=0.1)
    for path, weights in calm.items():
        assert not torch.equal(weights, noisy[path])
        assert float((weights.log() - noisy[path].log()).abs().max()) < 0.21
