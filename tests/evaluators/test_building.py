from __future__ import annotations

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import EvaluationError
from searchitect.evaluators.building import build, count_if_module, inspect_model, with_shapes
from searchitect.seeding import isolated
from searchitect.spaces import SearchSpace, TaskSpec
from searchitect.testing.models import check_family
from tests.evaluators.spaces_of_models import Lazy

SPEC = TaskSpec((3, 6, 6), 4)
NAMES = frozenset({"parameters", "flops", "peak_memory_bytes"})
PARAMETERS = (3 * 9 * 4 + 4) + 2 * 4 + (4 * 36 * 4 + 4)


def _built(seed: int = 0, space: type = Lazy, spec: TaskSpec = SPEC) -> nn.Module:
    with isolated(seed):
        return build(space, SearchSpace.of(space).default(), spec)


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_lazy_layers_have_their_weights_when_the_model_is_built() -> None:
    model = _built()
    assert _count(model) == PARAMETERS
    assert [type(layer).__name__ for layer in model][:2] == ["Conv2d", "BatchNorm2d"]


def test_another_shape_of_inputs_gives_other_weights() -> None:
    assert _count(_built(spec=TaskSpec((1, 4, 4), 4))) == (9 * 4 + 4) + 2 * 4 + (4 * 16 * 4 + 4)


def test_the_weights_of_lazy_layers_depend_on_the_seed_alone() -> None:
    first, again, other = (_built(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])


def test_the_first_pass_leaves_no_trace() -> None:
    model = _built()
    assert all(layer.training for layer in model.modules())
    assert int(model[1].num_batches_tracked) == 0
    assert torch.equal(model[1].running_mean, torch.zeros(4))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_model_that_was_partly_frozen_in_build_stays_so() -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(108).eval(), nn.LazyLinear(4))
    with_shapes(model, SPEC)
    assert [layer.training for layer in model] == [True, False, True]


def test_a_model_without_lazy_layers_is_not_run() -> None:
    class Refusing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError("it was run")

    model = Refusing()
    assert with_shapes(model, SPEC) is model


def test_a_lazy_model_is_counted_like_any_other() -> None:
    known = inspect_model(Lazy, SearchSpace.of(Lazy).default(), SPEC, NAMES)
    assert known["parameters"] == PARAMETERS
    assert known["flops"] == 2 * (27 * 4 * 36 + 4 * 36 * 4)
    subject = SearchSpace.of(Lazy).build(SearchSpace.of(Lazy).default(), SPEC)
    assert count_if_module(subject, SPEC, NAMES) == known


def test_a_space_of_lazy_layers_keeps_the_contract_of_families() -> None:
    check_family(Lazy, [SPEC], samples=1)


def test_a_lazy_layer_that_no_input_reaches_is_named() -> None:
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(4))
    model.spare = nn.LazyLinear(2)
    model.forward = lambda x: model[1](model[0](x))  # type: ignore[method-assign]
    with pytest.raises(EvaluationError, match=r"'spare\.weight' gets no shape: no input reaches it"):
        with_shapes(model, SPEC)


def test_a_lazy_model_that_does_not_run_is_refused_with_the_shape() -> None:
    @sa.space
    class Deep:
        kernel: int = sa.choice(9)

        def build(self, task: sa.TaskSpec) -> nn.Module:
            return nn.Sequential(nn.LazyConv2d(4, self.kernel), nn.Flatten(), nn.LazyLinear(task.outputs))

    with pytest.raises(EvaluationError, match=r"does not run on inputs of shape \(2, 3, 6, 6\)"):
        build(Deep, SearchSpace.of(Deep).default(), SPEC)
