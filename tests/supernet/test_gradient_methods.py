"""Methods are plain data: published ones by name, others of the same parts."""

import dataclasses

import pytest

from searchitect.errors import ConfigError
from searchitect.supernet.gradient_methods import GRADIENT_METHODS, GradientMethod, GradientSettings, method_named
from searchitect.supernet.samplers import SAMPLERS


def test_published_methods_are_compositions():
    assert list(GRADIENT_METHODS) == ["darts", "darts2", "gdas", "snas", "pc_darts", "dr_nas", "proxyless"]
    assert {method.sampler for method in GRADIENT_METHODS.values()} == set(SAMPLERS)
    assert {method.selection for method in GRADIENT_METHODS.values()} == {"perturbation"}
    assert GRADIENT_METHODS["darts2"] == dataclasses.replace(GRADIENT_METHODS["darts"], order=2)
    assert GRADIENT_METHODS["pc_darts"].partial == 4
    assert GRADIENT_METHODS["gdas"].temperature == (10.0, 0.1)


def test_the_defaults_are_those_of_the_paper():
    settings, method = GradientSettings(), GradientMethod()
    assert (settings.recipe.learning_rate, settings.final_rate, settings.recipe.gradient_clip) == (0.025, 0.001, 5.0)
    assert (settings.recipe.epochs, settings.recipe.batch_size, settings.search_share) == (50, 64, 0.5)
    assert (method.rate, method.betas, method.decay) == (3e-4, (0.5, 0.999), 1e-3)


def test_epochs_after_each_decision_are_a_tenth_of_the_search_at_most_five():
    settings = GradientSettings()
    recipe = settings.recipe
    assert settings.tuned == 5
    assert dataclasses.replace(settings, recipe=recipe.updated({"epochs": 12})).tuned == 2
    assert dataclasses.replace(settings, recipe=recipe.updated({"epochs": 250})).tuned == 5
    assert dataclasses.replace(settings, tune_epochs=0).tuned == 0


def test_a_method_is_its_own_name():
    method = GradientMethod(order=2)
    assert method_named(method) is method
    assert method_named("gdas") is GRADIENT_METHODS["gdas"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"sampler": "sofmax"}, "no sampler is called 'sofmax'.*\n.*softmax"),
        ({"selection": "size"}, "'magnitude' or 'perturbation', got 'size'"),
        ({"order": 3}, "order=3"),
        ({"partial": 0}, "partial=0"),
        ({"warm_up": 1.0}, "warm_up=1.0"),
    ],
)
def test_parts_that_do_not_exist_are_refused(words, told):
    with pytest.raises(ConfigError, match=told):
        GradientMethod(**words)
