from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn as tnn

import searchitect as sa
from searchitect import nn
from searchitect.errors import ConfigError
from searchitect.explain.models.maps import attribution_map
from searchitect.explain.models.subject import subject_of
from searchitect.tasks import with_preprocessing


class Words(tnn.Module):
    """Word 3 speaks for class 1, whatever stands around it."""

    def __init__(self):
        super().__init__()
        self.vectors = nn.embedding(5, 2)
        with torch.no_grad():
            self.vectors.weight.zero_()
            self.vectors.weight[3, 0] = 2.0
        self.last = tnn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.last.weight.copy_(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))

    def forward(self, x):
        return self.last(self.vectors(x).sum(1))


@pytest.mark.parametrize("method", ["input_x_gradient", "kernel_shap", "integrated_gradients", "occlusion"])
def test_a_text_is_explained_word_by_word(method):
    words = {"good": 3, "a": 1, "film": 2}
    subject = subject_of(Words(), ["a good film", "film"], tokenizer=lambda t: [words[w] for w in t.split()])
    assert subject.kind == "text"
    assert subject.places == (3,)
    found = attribution_map(subject, method).values
    np.testing.assert_allclose(found[0], [0.0, 2.0, 0.0], atol=1e-5)


def test_text_without_a_tokenizer_says_what_to_give():
    with pytest.raises(ConfigError, match=r"without a tokenizer(.|\n)*tokenizer=FUNCTION"):
        subject_of(Words(), ["a good film"])


def test_a_text_for_a_model_without_an_embedding_is_refused():
    with pytest.raises(ConfigError, match="no embedding layer"):
        subject_of(tnn.Linear(3, 2), torch.zeros(1, 3, dtype=torch.int64), kind="text")


def test_a_model_with_preprocessing_is_explained_behind_it():
    task = sa.task("wine")
    model = with_preprocessing(task.preprocessing, tnn.Linear(13, 3))
    raw = task.validation.read(np.arange(4))
    subject = subject_of(model, raw)
    assert subject.kind == "tabular"
    assert subject.points.shape == (4, 13)
    with torch.no_grad():
        torch.testing.assert_close(subject.answer(subject.points), model(*map(torch.as_tensor, raw)))


@pytest.mark.parametrize(
    ("shape", "kind", "places", "parts"),
    [
        ((2, 3, 28, 20), "image", (28, 20), 35),
        ((2, 7), "tabular", (7,), 7),
        ((2, 100, 3), "series", (100, 3), 15),
        ((2, 800), "audio", (800,), 16),
    ],
)
def test_every_kind_has_its_places_and_its_parts(shape, kind, places, parts):
    model = tnn.Sequential(tnn.Flatten(), tnn.LazyLinear(2))
    model(torch.zeros(shape))
    subject = subject_of(model, torch.zeros(shape), kind=kind)
    assert subject.places == places
    assert set(subject.groups().ravel()) == set(range(parts))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"inputs": torch.zeros(2, 3), "kind": "picture"}, "no kind of input 'picture'"),
        ({"inputs": torch.zeros(2, 3), "kind": "image"}, r"explains floats \(n, channels, height, width\), got"),
        ({"inputs": torch.zeros(2, 3), "targets": 2}, "expected one target in 0..1 for each of 2 inputs"),
        ({"inputs": torch.zeros(0, 3)}, "at least one input"),
        ({"inputs": torch.zeros(2, 3), "reference": [1.0, 2.0]}, r"a reference of the shape \(3,\), got \(2,\)"),
        ({"inputs": [["a"], [1]]}, "expected arrays of numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(given, match):
    with pytest.raises(ConfigError, match=match):
        subject_of(tnn.Linear(3, 2), **given)


def test_a_model_that_does_not_run_on_the_inputs_and_what_is_no_model_are_refused():
    with pytest.raises(ConfigError, match=r"the model does not run on these inputs \(2, 4\): RuntimeError"):
        subject_of(tnn.Linear(3, 2), torch.zeros(2, 4))
    with pytest.raises(ConfigError, match=r"expected a torch.nn.Module to explain, got dict(.|\n)*result.best.model"):
        subject_of({}, torch.zeros(2, 4))
