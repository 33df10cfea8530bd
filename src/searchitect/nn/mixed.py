"""Alternatives of open decisions: the active one, or the weighted sum of all; and what is left out.

`Mixed` stands where a choice among modules is open, `Gated` where a module may be absent. `chain`, `choose` and
`number_for` are control flow that can stay open, for the `build` of a space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from torch import nn

from searchitect.errors import SpaceError
from searchitect.nn.elastic import Switch
from searchitect.spaces.architecture import Value
from searchitect.spaces.open_values import OpenFlag, OpenNumber, OpenOption

__all__ = ["Gated", "Mixed", "Sharing", "chain", "choose", "number_for"]


class Mixed(Switch):
    """One module for each option: the active one alone, or the weighted sum of all.

    With weights in the selection it is the mixed operation of Liu et al., "DARTS", 2019, equation 2. An option whose
    weight is the number 0 (a `float`, no tensor) is not computed, so a sampled path costs what the path costs.

    Attributes:
        around: what is done around the weighted sum, as (the sum as a function of the inputs, *inputs) to output; it
            plays no part where an option is active alone. Partial connections stand here.
    """

    def __init__(self, option: OpenOption, modules: Mapping[Value, nn.Module]) -> None:
        super().__init__()
        self.option, self.places = option, {label: index for index, label in enumerate(modules)}
        self.operations = nn.ModuleList(modules.values())
        self.around: Callable[..., Any] | None = None

    @property
    def active(self) -> nn.Module:
        return self.operations[self.places[self.option.now]]

    def active_parts(self) -> Iterator[nn.Module]:
        yield self.active

    def forward(self, *inputs: Any) -> Any:
        weights = self.option.selection.weights.get(self.option.path)
        if weights is None:
            return self.active(*inputs)
        if self.around is None:
            return self._weighted(weights, *inputs)
        return self.around(partial(self._weighted, weights), *inputs)

    def _weighted(self, weights: Any, *inputs: Any) -> Any:
        total, own = None, False
        for weight, operation in zip(weights, self.operations, strict=True):
            known = isinstance(weight, float)
            if known and weight == 0.0:
                continue
            output = operation(*inputs)
            term = output if known and weight == 1.0 else weight * output
            if total is None:
                total, own = term, term is not output
            elif own:
                total += term  # nothing else holds our own sum, and no gradient needs its value
            else:
                total, own = total + term, True
        return 0.0 * self.operations[0](*inputs) if total is None else total


class Gated(Switch):
    """A module, or the identity where its place is not reached."""

    def __init__(self, flag: OpenFlag, body: nn.Module) -> None:
        super().__init__()
        self.flag, self.body = flag, body

    def active_parts(self) -> Iterator[nn.Module]:
        if self.flag.now:
            yield self.body

    def forward(self, *inputs: Any) -> Any:
        if self.flag.now:
            return self.body(*inputs)
        return inputs[0] if len(inputs) == 1 else inputs


class Sharing:
    """What open values are made into: `Mixed` and `Gated`."""

    def mix(self, option: OpenOption, modules: Mapping[Value, Any]) -> nn.Module:
        for label, module in modules.items():
            if not isinstance(module, nn.Module):
                raise SpaceError(
                    f"{option.path}: the option {label!r} gave {type(module).__name__}, expected a torch.nn.Module",
                    hint="let every option return a module, or every option a number",
                )
        return Mixed(option, modules)

    def gate(self, flag: OpenFlag, module: Any) -> Any:
        return Gated(flag, module) if isinstance(module, nn.Module) else module


def chain(count: Any, make: Callable[[int], nn.Module]) -> nn.Module:
    """`make(0)`, `make(1)`, … one after the other, `count` of them; an open count leaves out what is beyond it."""
    if not isinstance(count, OpenNumber):
        return nn.Sequential(*[make(index) for index in range(count)])
    made = [make(index) for index in range(int(count.largest))]
    fewest = int(count.smallest)
    return nn.Sequential(*[m if i < fewest else Gated(count.exceeds(i), m) for i, m in enumerate(made)])


def choose(option: Any, makers: Mapping[Any, Callable[[], nn.Module]]) -> nn.Module:
    """The module that belongs to an option; for an open option that of every one, mixed."""
    if isinstance(option, OpenOption):
        return Mixed(option, {label: makers[label]() for label in option.options})
    return makers[option]()


def number_for(option: Any, numbers: Mapping[Any, int]) -> Any:
    """The number that belongs to an option; stays open with it."""
    return option.number(numbers) if isinstance(option, OpenOption) else numbers[option]
