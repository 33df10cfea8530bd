from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn as tnn

from searchitect.explain.models.curves import Gain, curve_areas, gain_over, random_areas
from searchitect.explain.models.honesty import Checks, _verdict, agreement_between, check_honesty
from searchitect.explain.models.maps import AttributionMap, attribution_map
from searchitect.explain.models.randomisation import cascade, randomised, weight_randomisation
from searchitect.explain.models.subject import subject_of
from searchitect.explain.wording import words
from searchitect.predictors.targets import rank_agreement


def edges(subject):
    """A map that never asks the model."""
    pixels = subject.points[:, 0]
    down, right = torch.zeros_like(pixels), torch.zeros_like(pixels)
    down[:, 1:], right[:, :, 1:] = pixels[:, 1:] - pixels[:, :-1], pixels[:, :, 1:] - pixels[:, :, :-1]
    return (down.abs() + right.abs()).double().numpy()


@pytest.fixture(scope="module")
def subject():
    """The upper half against the lower one, on images of noise."""
    model = tnn.Sequential(tnn.Flatten(), tnn.Linear(36, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.cat([torch.ones(18), -torch.ones(18)]) * torch.tensor([[1.0], [-1.0]]))
        model[1].bias.zero_()
    return subject_of(model, torch.randn(12, 1, 6, 6, generator=torch.Generator().manual_seed(0)))


def test_an_edge_detector_is_caught_by_random_weights(subject):
    found = check_honesty(
        subject,
        [AttributionMap("edges", edges(subject), signed=False)],
        makers={"edges": edges},
        checks=Checks(5, 6, 1),
    )
    [verdict] = found.verdicts
    assert verdict.failed
    assert "ignores_weights" in verdict.reasons
    assert verdict.unchanged == pytest.approx(1.0)
    assert verdict.sentence.startswith("Do not believe edges: with random weights the map stays nearly the same")


def test_an_exact_map_passes_every_check(subject):
    maps = [attribution_map(subject, name) for name in ("input_x_gradient", "kernel_shap")]
    found = check_honesty(subject, maps)
    for verdict in found.verdicts:
        assert not verdict.failed
        assert verdict.deletion.low > 0
        assert verdict.insertion.low > 0
        assert abs(verdict.unchanged) < 0.3
        assert "passes" in verdict.sentence
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["agreement"]["spearman"][0] == [1.0, pytest.approx(1.0, abs=1e-3)]


def test_a_map_turned_around_is_worse_than_random(subject):
    turned = AttributionMap("turned", -attribution_map(subject, "input_x_gradient").values)
    [verdict] = check_honesty(subject, [turned], makers={"turned": lambda s: edges(s) * 0}).verdicts
    assert verdict.reasons == ("no_better_than_random",)
    assert verdict.deletion.high < 0
    assert "matter to the answer no more than random places" in verdict.sentence


def test_a_wide_interval_says_how_many_inputs_would_tell() -> None:
    def verdict(gain: Gain, count: int):
        return _verdict("lime", (0.1, 0.2), gain, Gain(-0.2, -0.4, 0.0), count, words())

    told = verdict(Gain(0.10, -0.04, 0.24), 12)  # half of 0.14: 12 · 1.4² = 23.52 inputs
    assert (told.failed, told.reasons, told.needed) == (True, ("too_few_inputs",), 24)
    assert "with about 24 inputs it could" in told.sentence
    assert told.to_json()["needed"] == 24
    for hopeless in (verdict(Gain(0.01, -0.14, 0.16), 12), verdict(Gain(-0.1, -0.25, 0.05), 12)):
        assert hopeless.reasons == ("no_better_than_random",)
        assert hopeless.needed is None
    assert verdict(Gain(0.10, -0.05, 0.25), 1).reasons == ("no_better_than_random",)
    chinese = _verdict("lime", (0.1, 0.2), Gain(0.2, 0.1, 0.3), Gain(0, -1, 1), 12, words("zh"))
    assert chinese.sentence.startswith("lime（")


def test_the_interval_of_random_maps_against_random_maps_holds_zero(subject):
    own = curve_areas(subject, np.random.default_rng(5).random((12, 6, 6)))
    gain = gain_over(own.deletion, random_areas(subject, None).deletion, lower=True)
    assert gain.low < 0 < gain.high


def test_areas_of_a_step_are_those_of_the_paper():
    class Any(tnn.Module):
        def forward(self, x):
            return (x.sum(1, keepdim=True) > 3.5).float()  # only the whole input is seen

    subject = subject_of(Any(), torch.ones(1, 4), classifies=False)
    areas = curve_areas(subject, np.array([[4.0, 3, 2, 1]]), steps=4)
    assert areas.deletion[0] == pytest.approx(1 / 8)
    assert areas.insertion[0] == pytest.approx(1 / 8)


def test_a_score_that_falls_below_its_reference_is_turned():
    layer = tnn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight[:] = torch.tensor([[-3.0, -1.0]])
    subject = subject_of(layer, torch.ones(1, 2))
    values = attribution_map(subject, "input_x_gradient").values
    better, worse = curve_areas(subject, values, steps=2), curve_areas(subject, -values, steps=2)
    assert better.deletion < worse.deletion
    assert better.insertion > worse.insertion


def test_rank_agreement_is_one_for_the_same_order_and_none_for_a_constant_map():
    first = np.array([[1.0, 2, 3], [1, 2, 3], [1, 2, 3]])
    second = np.array([[10.0, 20, 90], [3, 2, 1], [5, 5, 5]])
    np.testing.assert_allclose(rank_agreement(first, second), [1.0, -1.0, 0.0])


def test_random_weights_keep_their_size_and_leave_the_model_alone():
    torch.manual_seed(0)
    model = tnn.Sequential(tnn.Linear(50, 40), tnn.Linear(40, 2))
    before = model[0].weight.clone()
    drawn = randomised(model, 1).requires_grad_(False)
    assert torch.equal(model[0].weight, before)
    assert float(drawn[0].weight.std() / before.std().detach()) == pytest.approx(1.0, abs=0.05)
    assert sorted(drawn[0].bias.tolist()) == sorted(model[0].bias.tolist())
    assert torch.equal(randomised(model, 1, {"1"})[0].weight, before)


def test_the_cascade_goes_from_the_last_layer_to_the_first():
    torch.manual_seed(0)
    model = tnn.Sequential(tnn.Linear(8, 8), tnn.Tanh(), tnn.Linear(8, 2))
    subject = subject_of(model, torch.randn(3, 8), 0)

    def make(s):
        return attribution_map(s, "input_x_gradient").values

    found = cascade(subject, make, make(subject))
    assert [name for name, _ in found] == ["2", "0"]
    assert all(abs(value) < 1 for _, value in found)
    assert weight_randomisation(subject, make, make(subject), draws=3)[0].shape == (3, 3)


def test_agreement_is_of_sizes_where_a_map_has_no_sign():
    signed = AttributionMap("a", np.array([[-3.0, 1.0, 2.0]]))
    sizes = AttributionMap("b", np.array([[3.0, 1.0, 2.0]]), signed=False)
    assert agreement_between([signed, sizes])[0][1] == pytest.approx(1.0)


def test_a_map_that_is_the_input_times_random_signs_is_told_to_follow_the_input():
    torch.manual_seed(0)
    model = tnn.Linear(40, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(model.weight.sign())
    inputs = torch.exp(2 * torch.randn(12, 40))
    subject = subject_of(model, inputs, 0, kind="tabular")
    verdict = check_honesty(subject, [attribution_map(subject, "input_x_gradient")]).verdicts[0]
    assert verdict.follows_input
    assert verdict.sizes_unchanged > 0.5 > abs(verdict.unchanged)
    assert not verdict.failed
    assert verdict.sentence.endswith("read its signs, not its strength.")
