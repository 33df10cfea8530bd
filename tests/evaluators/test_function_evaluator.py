from __future__ import annotations

import math
import random
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Context
from searchitect.evaluators import FunctionEvaluator
from searchitect.evaluators.function_evaluator import validated
from searchitect.spaces import Architecture, SearchSpace, TaskSpec
from searchitect.testing.evaluators import EvaluatorContract, check_evaluator
from searchitect.trial import Proposal
from tests.evaluators.spaces_of_models import Numbers, SmallMlp, Troubled

SPEC = TaskSpec((4,), 3, domain="tabular")


def _square(point: Numbers, context: Context) -> dict[str, float]:
    for step in range(3):
        context.report(step, score=point.x)
    return {"score": point.x**2, "noise": random.random() + float(torch.rand(())) + float(np.random.rand())}


class TestOnAnInstance(EvaluatorContract):
    def make(self) -> FunctionEvaluator:
        return FunctionEvaluator(_square, Numbers)

    def architecture(self) -> Architecture:
        return SearchSpace.of(Numbers).default()


def _evaluate(function: Callable[..., object], space: type = Numbers, spec: TaskSpec | None = None) -> dict[str, float]:
    architecture = SearchSpace.of(space).default()
    return dict(FunctionEvaluator(function, space, spec).evaluate(Proposal(architecture), Context(7)))


def test_the_contract_finds_an_evaluator_that_forgets_the_seed() -> None:
    with pytest.raises(AssertionError):
        check_evaluator(
            lambda: FunctionEvaluator(lambda _: random.SystemRandom().random(), Numbers),
            SearchSpace.of(Numbers).default(),
        )


class _Table:
    """A function that knows what it can answer."""

    def __call__(self, point: Numbers) -> float:
        return point.x

    def allowed(self, architecture: Architecture) -> list[str]:
        return [] if dict(architecture.items()) else ["empty"]

    def check(self, architecture: Architecture, names: frozenset[str]) -> dict[str, int]:
        return {"parameters": 5} if "parameters" in names else {}


def test_a_function_may_know_what_it_can_answer_and_what_costs_nothing() -> None:
    evaluator, architecture = FunctionEvaluator(_Table(), Numbers), SearchSpace.of(Numbers).default()
    assert evaluator.allowed is not None
    assert evaluator.allowed(architecture) == []
    assert evaluator.check(architecture, frozenset({"parameters", "score"})) == {"parameters": 5.0}
    assert evaluator.check(architecture, frozenset({"score"})) == {}
    assert FunctionEvaluator(_square, Numbers).allowed is None


def test_a_space_with_build_hands_over_the_model() -> None:
    seen: list[object] = []
    _evaluate(lambda model: seen.append(model) or 1.0, SmallMlp, SPEC)
    assert isinstance(seen[0], nn.Sequential)
    assert seen[0][2].out_features == 3


def test_a_space_without_build_hands_over_the_typed_instance() -> None:
    assert _evaluate(lambda point: 2 * point.x) == {
        "score": 2 * SearchSpace.of(Numbers).instance(SearchSpace.of(Numbers).default()).x
    }


def test_one_number_alone_is_called_as_the_evaluator_says() -> None:
    architecture = SearchSpace.of(Numbers).default()

    def measured(returned: object) -> dict[str, float]:
        evaluator = FunctionEvaluator(lambda point: returned, Numbers, name="accuracy")
        return dict(evaluator.evaluate(Proposal(architecture), Context(0)))

    assert measured(0.5) == {"accuracy": 0.5}
    assert measured(torch.tensor(0.5)) == {"accuracy": 0.5}
    assert measured({"loss": 0.5}) == {"loss": 0.5}
    with pytest.raises(EvaluationError, match="'accuracy' is nan"):
        measured(math.nan)


def test_a_build_that_needs_shapes_asks_for_them() -> None:
    with pytest.raises(EvaluationError, match="TaskSpec"):
        _evaluate(lambda model: 1.0, SmallMlp)


def test_the_context_goes_to_a_second_argument_but_not_to_a_default_of_the_users_own() -> None:
    assert _evaluate(lambda point, context: context.seed) == {"score": 7.0}
    assert _evaluate(lambda point, epochs=5: epochs) == {"score": 5.0}
    assert _evaluate(lambda point, context=None: context.seed) == {"score": 7.0}


@pytest.mark.parametrize("function", [lambda: 1, lambda a, b, c: 1, lambda a, *, b: 1])
def test_a_function_that_cannot_be_called_so_is_refused_at_once(function: Callable[..., object]) -> None:
    with pytest.raises(ConfigError, match="called with a model, or with a model and a context"):
        FunctionEvaluator(function, Numbers)


@pytest.mark.parametrize(
    "value", [1, 1.0, np.float32(1), np.int64(1), np.array(1.0), torch.tensor(1.0), torch.tensor(1)]
)
def test_scalars_of_every_library_are_taken(value: object) -> None:
    for returned in (value, {"score": value}):
        assert validated(returned) == {"score": 1.0}
        assert type(validated(returned)["score"]) is float


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "expected a number for 'score' from the function, got NoneType"),
        ("0.9", "got str: 0.9"),
        (True, "got bool: True"),
        (np.bool_(True), "got bool"),
        ([0.9], "got list"),
        (np.zeros(3), "got ndarray"),
        (torch.zeros(1), "got Tensor"),
        (1j, "got complex"),
        (math.nan, "'score' is nan, which is not a measurement"),
        ({"accuracy": math.inf}, "'accuracy' is inf"),
        ({"accuracy": 10**400}, "'accuracy' is inf"),
        ({"accuracy": None}, "expected a number for 'accuracy'"),
        ({}, "empty dictionary"),
        ({1: 0.9}, "named like a variable, got 1"),
        ({"two words": 0.9}, "named like a variable, got 'two words'"),
    ],
)
def test_nonsense_is_answered_with_what_to_return(returned: object, message: str) -> None:
    with pytest.raises(EvaluationError, match=message) as caught:
        validated(returned)
    assert caught.value.hint is not None
    assert "return" in caught.value.hint


def test_what_the_function_raises_passes_through() -> None:
    def fail(point: object) -> float:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        _evaluate(fail)


def test_counts_of_a_torch_model_are_known_before_the_call() -> None:
    evaluator = FunctionEvaluator(lambda model: 1.0, SmallMlp, SPEC)
    known = evaluator.check(SearchSpace.of(SmallMlp).default(), frozenset({"parameters", "flops", "score"}))
    assert known == {"parameters": 4 * 8 + 8 + 8 * 3 + 3, "flops": 2 * (4 * 8 + 8 * 3)}


def test_nothing_is_built_that_nobody_asked_for() -> None:
    bad = next(a for a in SearchSpace.of(Troubled).enumerate() if a["how"] == "raise")
    assert FunctionEvaluator(lambda model: 1.0, Troubled, SPEC).check(bad, frozenset({"score"})) == {}


def test_what_is_no_torch_module_has_no_counts() -> None:
    names = frozenset({"parameters"})
    foreign = next(a for a in SearchSpace.of(Troubled).enumerate() if a["how"] == "nothing")
    assert FunctionEvaluator(lambda model: 1.0, Troubled, SPEC).check(foreign, names) == {}
    assert FunctionEvaluator(lambda point: 1.0, Numbers).check(SearchSpace.of(Numbers).default(), names) == {}


def test_an_impossible_model_is_found_before_the_call() -> None:
    bad = next(a for a in SearchSpace.of(Troubled).enumerate() if a["how"] == "raise")
    with pytest.raises(EvaluationError, match="kernel 9"):
        FunctionEvaluator(lambda model: 1.0, Troubled, SPEC).check(bad, frozenset({"parameters"}))


def test_a_function_of_the_users_own_needs_no_torch() -> None:
    program = """
import sys
import searchitect as sa
from searchitect.evaluation import Context
from searchitect.evaluators import FunctionEvaluator
from searchitect.trial import Proposal

@sa.space
class Numbers:
    x: float = sa.real(0.0, 1.0)

space = sa.SearchSpace.of(Numbers)
evaluator = FunctionEvaluator(lambda point: point.x, Numbers)
assert evaluator.evaluate(Proposal(space.default()), Context(0))["score"] >= 0
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
