import math
import random

import numpy as np
import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.evaluators.proxies import (
    GROUPS,
    PROXIES,
    ProxyScorer,
    fitting_names,
    probe_of,
    proxy_names,
    random_probe,
    score_fresh,
    score_model,
)
from searchitect.seeding import stream
from tests.evaluators.spaces_of_models import SmallCnn, Troubled

SPEC = sa.TaskSpec((3, 8, 8), 4)
PROBE = random_probe(SPEC, examples=12)


def small_model():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


def test_scoring_leaves_the_model_and_all_random_generators_as_they_were() -> None:
    model = small_model().eval()
    model[3].train()
    model[0].weight.requires_grad_(False)
    seen = []
    model[2].register_forward_hook(lambda *given: seen.append(given))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    score_model(model, PROBE, "all")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert not model[0].weight.requires_grad
    assert all(p.grad is None for p in model.parameters())
    assert len(model[2]._forward_hooks) == 1
    assert seen == []
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.random.get_state()[1].tolist() == states[2]


def test_every_proxy_gives_a_finite_score_or_says_why_not() -> None:
    scores = score_model(small_model(), PROBE, "all")
    assert set(scores.values) | set(scores.failures) == set(PROXIES)
    assert all(math.isfinite(value) for value in scores.values.values())
    assert scores.failures == {"dss": "the model has no attention"}
    assert all(seconds >= 0 for seconds in scores.seconds.values())


def test_equal_seeds_give_equal_scores_and_others_do_not() -> None:
    def score(seed):
        return score_fresh(lambda number: small_model(), PROBE, "nwot,snip", seed=seed).values

    assert score(1) == score(1)
    assert score(1) != score(2)


def test_a_score_is_the_mean_over_initialisations() -> None:
    def score(count):
        made = lambda number: small_model()  # noqa: E731
        return score_fresh(made, PROBE, "snip,parameters", initialisations=count).values

    singles = []
    for number in range(3):
        torch.manual_seed(0)
        chosen = score_fresh(lambda n: small_model(), PROBE, "snip", initialisations=number + 1).values["snip"]
        singles.append(chosen * (number + 1))
    assert score(3)["snip"] == pytest.approx(singles[2] / 3)
    assert singles[1] - singles[0] != pytest.approx(singles[0])  # another initialisation, another score
    assert score(1)["parameters"] == score(3)["parameters"]


def test_the_proxies_of_one_pass_are_run_once() -> None:
    assert list(score_model(small_model(), PROBE, "snip,grad_norm").seconds) == ["gradients"]


def test_an_overflowing_proxy_is_reported_and_left_out_and_the_others_stay() -> None:
    model = nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(20)))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1e30)
    batch = random_probe(sa.TaskSpec((4,), 4, domain="tabular"), examples=8)
    scores = score_model(model, batch, "synflow,snip,parameters", initialisations=1)
    assert set(scores.values) == {"parameters"}
    assert "overflows" in scores.failures["synflow"]
    assert "finite" in scores.failures["snip"]


def test_a_forward_that_raises_is_a_failure_with_its_words() -> None:
    class Broken(nn.Module):
        def forward(self, x):
            raise RuntimeError("odd shape")

    assert "odd shape" in score_model(Broken(), PROBE, "jacov").failures["jacov"]


def test_names_may_be_groups_lists_and_texts_and_a_wrong_one_is_named_with_the_nearest() -> None:
    assert proxy_names("default") == GROUPS["default"]
    assert proxy_names(["nwot", "az_nas, nwot"]) == ("nwot", *GROUPS["az_nas"])
    with pytest.raises(ConfigError, match="no zero-cost proxy 'nwott'") as caught:
        proxy_names("nwott")
    assert "nwot" in str(caught.value.hint)


def test_the_architectures_of_a_space_are_scored_and_one_without_a_model_has_failed() -> None:
    space = sa.SearchSpace.of(SmallCnn)
    scorer = ProxyScorer(SmallCnn, PROBE, proxy_names("default"), initialisations=1)
    one = scorer(space.sample(stream(0, "drawn")))
    assert set(one.values) == set(GROUPS["default"])
    assert one.values == scorer(space.sample(stream(0, "drawn"))).values
    broken = sa.SearchSpace.of(Troubled).architecture(Troubled(how="raise"))
    failed = ProxyScorer(Troubled, PROBE, ("nwot", "flops"))(broken)
    assert failed.values == {}
    assert "kernel 9" in failed.failures["nwot"]


def test_the_default_proxies_are_others_for_transformers() -> None:
    sequence = sa.TaskSpec((8, 6), 3, domain="sequence")
    batch = random_probe(sequence, examples=6)
    space = sa.catalog.get("transformer_encoder")
    assert fitting_names("default", space, batch) == GROUPS["transformer"]
    assert fitting_names("default", SmallCnn, PROBE) == GROUPS["default"]
    scores = ProxyScorer(space, batch, GROUPS["transformer"], initialisations=1)(sa.SearchSpace.of(space).default())
    assert set(scores.values) == set(GROUPS["transformer"]), scores.failures


@pytest.mark.parametrize("data", ["digits", "regression"])
def test_a_task_gives_a_fair_batch_of_its_training_examples(data) -> None:
    drawn = np.random.default_rng(0)
    rows = drawn.normal(size=(200, 5)).astype(np.float32)
    task = sa.task("digits") if data == "digits" else sa.task((rows, rows.sum(1)))
    batch = probe_of(task, examples=40)
    assert batch.inputs.shape == (40, *task.spec.inputs)
    if data == "digits":
        assert torch.bincount(batch.targets).tolist() == [4] * 10
    else:
        assert batch.targets.shape == (40, 1)
        assert float(batch.targets.std()) == pytest.approx(1.0, abs=0.05)
