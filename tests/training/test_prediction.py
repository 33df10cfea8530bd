from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from searchitect.training import predict


def test_scores_are_those_of_the_whole_model_on_raw_inputs(images: Any, classifier: Callable[[], nn.Module]) -> None:
    model = classifier().eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(images.validation.inputs[0])).numpy()
    scores = predict(model, images.validation)
    assert scores.dtype == np.float32
    assert np.array_equal(scores, expected)


def test_batches_change_nothing_but_the_last_bits(images: Any, classifier: Callable[[], nn.Module]) -> None:
    model = classifier()
    assert np.allclose(predict(model, images.train, batch_size=7), predict(model, images.train), atol=1e-5)


def test_the_mode_of_every_module_is_put_back(images: Any, classifier: Callable[[], nn.Module]) -> None:
    model = classifier().train()
    model.body[1].eval()
    before = [module.training for module in model.modules()]
    predict(model, images.validation)
    assert before == [module.training for module in model.modules()]
