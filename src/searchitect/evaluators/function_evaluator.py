"""`FunctionEvaluator`: measure an architecture by a function of the user's own, with any framework inside."""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError, EvaluationError, SearchitectError
from searchitect.evaluation import Check, Context
from searchitect.evaluators.measurements import KNOWN_BEFORE_TRAINING
from searchitect.seeding import derive, isolated
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.spaces.task_spec import TaskSpec
from searchitect.trial import Proposal

__all__ = ["FunctionEvaluator", "validated"]

_RETURN = "return a number, or a dictionary of numbers such as {'accuracy': 0.9, 'latency_ms': 3.1}"


@dataclass(frozen=True, eq=False)
class FunctionEvaluator:
    """Calls `function(model)` or `function(model, context)` and checks what comes back.

    The first argument is what the space's `build` returns; for a space without `build` it is the typed instance.
    The second is passed where the function takes one without a default, or names it `context`.

    A function may be an object with methods beside `__call__`: `allowed(architecture)` returns sentences that say why
    an architecture cannot be evaluated at all, so that it is infeasible and costs nothing; `check(architecture, names)`
    returns those of the named measurements that are known beforehand, for limits. `recorded_epochs` and `continues` are
    for a search by rungs: the numbers of epochs that can be asked for, and whether an evaluation that continues another
    costs the increment alone; by default every one is taken to begin afresh.

    Args:
        function: returns a dictionary of finite numbers, or one number.
        space: the class marked `@space`, or a `SearchSpace`.
        spec: shapes for a `build` that takes a task.
        name: what one number is called: the first objective of the search.

    Raises:
        ConfigError: the function cannot be called with one or two positional arguments.
    """

    function: Callable[..., object]
    space: Any
    spec: TaskSpec | None = None
    name: str = "score"

    def __post_init__(self) -> None:
        _takes_context(self.function)

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        """Return what the function measured. The global random generators are seeded by the context's seed.

        Raises:
            EvaluationError: the function returned something else than finite numbers. What it raises passes through.
        """
        asked = {"fidelity": proposal.fidelity, "continues": proposal.continues, "replicate": proposal.replicate}
        with isolated(derive(context.seed, "function")):
            subject = self._subject(proposal.architecture)
            told = dataclasses.replace(context, **asked)  # type: ignore[arg-type]
            arguments = (subject, told) if _takes_context(self.function) else (subject,)
            measured = validated(self.function(*arguments), self.name)
        if proposal.continues is not None and not getattr(self.function, "continues", False):
            measured.setdefault("continued_epochs", 0.0)
        return measured

    @property
    def recorded_epochs(self) -> tuple[int, ...]:
        """The function's own word on what it can be asked for; empty where any number of epochs will do."""
        return tuple(getattr(self.function, "recorded_epochs", ()))

    @property
    def allowed(self) -> Check | None:
        """The function's own word on what it can evaluate; None where it takes anything."""
        own = getattr(self.function, "allowed", None)
        return own if callable(own) else None

    def check(self, architecture: Architecture, names: frozenset[str]) -> Mapping[str, float]:
        """Return what is known without calling the function: its own facts, else the counts of a torch module.

        `flops` and `peak_memory_bytes` need a spec. A model of another framework has no counts.

        Raises:
            EvaluationError: no model can be built of this architecture, or it does not run on the spec's inputs.
        """
        own = getattr(self.function, "check", None)
        if callable(own):
            known = own(architecture, names)
            return validated(known, self.name) if known else {}
        asked = names & KNOWN_BEFORE_TRAINING
        if not asked or not self._builds():
            return {}
        with isolated(0):
            try:
                subject = self._subject(architecture)
            except EvaluationError:
                raise
            except Exception as error:  # a user's build may raise anything
                raise EvaluationError(f"build failed: {type(error).__name__}: {error}") from error
        if "torch" not in sys.modules:
            return {}
        from searchitect.evaluators.building import count_if_module

        return count_if_module(subject, self.spec, asked)

    def _builds(self) -> bool:
        return hasattr(SearchSpace.of(self.space).source, "build")

    def _subject(self, architecture: Architecture) -> object:
        space = SearchSpace.of(self.space)
        if not self._builds():
            return space.instance(architecture)
        try:
            return space.build(architecture, self.spec)
        except SearchitectError as error:
            raise EvaluationError(error.message, hint=error.hint) from error


def validated(returned: object, name: str = "score") -> dict[str, float]:
    """Return what a function measured as plain floats: scalars of Python, NumPy and torch are taken.

    Args:
        name: what one number alone is called.

    Raises:
        EvaluationError: it is no number and no dictionary of numbers, or a number is not finite.
    """
    if not isinstance(returned, Mapping):
        returned = {name: returned}
    if not returned:
        raise EvaluationError("the function returned an empty dictionary", hint=_RETURN)
    return {_name(key): _finite(key, value) for key, value in returned.items()}


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise EvaluationError(f"a measurement is named like a variable, got {name!r}", hint=_RETURN)
    return name


def _finite(name: object, value: object) -> float:
    number = _number(value)
    if number is None:
        raise EvaluationError(
            f"expected a number for {name!r} from the function, got {type(value).__name__}: {str(value)[:80]}",
            hint=_RETURN,
        )
    if not math.isfinite(number):
        raise EvaluationError(
            f"{name!r} is {number}, which is not a measurement", hint="raise an error where training failed; " + _RETURN
        )
    return number


def _number(value: object) -> float | None:
    """A real scalar as a float; None for anything else. A boolean is no measurement."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a scalar of NumPy, torch, JAX, TensorFlow
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _takes_context(function: Callable[..., object]) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return False  # a builtin without a signature
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [p for p in signature.parameters.values() if p.kind in kinds]
    takes = len(positional) > 1 and (
        positional[1].default is inspect.Parameter.empty or positional[1].name == "context"
    )
    try:
        signature.bind(*range(2 if takes else 1))
    except TypeError as error:
        raise ConfigError(
            f"the function is called with a model, or with a model and a context: {error}",
            hint="def evaluate(model, context): ...",
        ) from None
    return takes
