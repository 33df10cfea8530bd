from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn as tnn

import searchitect as sa
from searchitect import nn
from searchitect.errors import ConfigError
from searchitect.evaluators.building import build
from searchitect.explain.models import Checks, Effort, explain_model, methods_for
from searchitect.tasks import with_preprocessing

QUICK = {"effort": Effort(steps=8, draws=4, evaluations=32), "checks": Checks(random_maps=3, steps=4, draws=1)}


def models():
    torch.manual_seed(0)
    conv = tnn.Sequential(nn.conv_unit(1, 4, norm="none"), nn.classifier((4, 8, 8), 3))
    tokens = tnn.Sequential(nn.embedding(9, 4), nn.transformer_block(4, 1), nn.pool_tokens("mean"), tnn.Linear(4, 2))
    steps = tnn.Sequential(nn.transformer_block(4, 2), nn.pool_tokens("mean"), tnn.Linear(4, 2))
    sound = tnn.Sequential(tnn.Flatten(), tnn.Linear(60, 2))
    return {
        "image": (conv, torch.randn(3, 1, 8, 8)),
        "text": (tokens, torch.randint(0, 9, (3, 6))),
        "series": (steps, torch.randn(3, 10, 4)),
        "audio": (sound, torch.randn(3, 60)),
        "tabular": (tnn.Linear(5, 2), torch.randn(3, 5)),
    }


@pytest.mark.parametrize("kind", ["image", "text", "series", "audio", "tabular"])
def test_every_kind_of_input_is_explained_and_written_as_plain_json(kind):
    model, inputs = models()[kind]
    found = explain_model(model, inputs, kind=kind, **QUICK)
    assert [made.method for made in found.maps] == list(methods_for(model, kind, inputs))
    assert len(found.honesty.verdicts) == len(found.maps)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["maps"][0]["shape"][0] == len(document["targets"]) == 3
    assert "substitutes" in found.left_out[-1] or "tree" in dict(found.left_out)  # three rows are too few


def test_a_task_s_model_is_explained_with_its_background():
    task = sa.task("wine")
    torch.manual_seed(0)
    model = with_preprocessing(task.preprocessing, tnn.Linear(13, 3))
    raw = task.train.read(np.arange(100))
    names = task.preprocessing.feature_names
    found = explain_model(
        model,
        raw,
        background=raw,
        names=names,
        labels=task.labels,
        methods=["input_x_gradient", "kernel_shap"],
        **QUICK,
    )
    assert len(found.targets) == 96
    assert set(found.answers) <= set(task.labels)
    assert found.failed == ()  # both maps are exact for a linear model
    assert {part.name for part in found.dependences} <= set(names)
    assert found.additive.agreement > 0.8
    assert found.left_out == ()


def test_what_there_is_no_time_for_is_told():
    model, inputs = models()["tabular"]
    found = explain_model(model, inputs, seconds=-1.0, **QUICK)
    assert found.maps == ()
    assert dict(found.left_out)["saliency"].startswith("no time")


def test_a_method_that_was_named_and_does_not_fit_is_refused_at_once():
    model, inputs = models()["tabular"]
    with pytest.raises(ConfigError, match="these methods fit"):
        explain_model(model, inputs, methods=["grad_cam"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "kind", "shape"),
    [
        ("plain_cnn", "image", (1, 8, 8)),
        ("mbconv", "image", (3, 8, 8)),
        ("nasbench201", "image", (3, 8, 8)),
        ("autoformer", "image", (1, 8, 8)),
        ("rnn", "series", (20, 4)),
        ("transformer_encoder", "tabular", (12,)),
        ("mlp", "tabular", (12,)),
    ],
)
def test_models_of_the_catalogue_are_explained_by_every_method_that_fits(family, kind, shape):
    space = sa.SearchSpace.of(getattr(sa.catalog, family)())
    domain = "sequence" if kind == "series" else kind
    torch.manual_seed(0)
    model = build(space, space.default(), sa.TaskSpec(shape, 3, domain=domain))
    inputs = torch.randn(16, *shape)
    found = explain_model(model, inputs[:3], background=inputs, kind=kind, **QUICK)
    assert [made.method for made in found.maps] == list(methods_for(model, kind, inputs))
    assert found.left_out == ()
