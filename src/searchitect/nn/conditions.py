"""Conditions and calculations that may be open, for the `build` of a space: what `if`, `max` and `==` do for numbers.

Each works on plain values too, so that one `build` makes both a concrete model and a supernet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from searchitect.nn.elastic import Switch
from searchitect.nn.mixed import Gated
from searchitect.spaces.open_values import OpenFlag, calculate, condition
from searchitect.spaces.opening import presence

__all__ = ["Either", "calculate", "condition", "number_where", "present", "when"]


class Either(Switch):
    """One module where a condition holds, another where it does not."""

    def __init__(self, flag: OpenFlag, body: nn.Module, otherwise: nn.Module) -> None:
        super().__init__()
        self.flag, self.body, self.otherwise = flag, body, otherwise

    @property
    def active(self) -> nn.Module:
        return self.body if self.flag.now else self.otherwise

    def active_parts(self) -> Iterator[nn.Module]:
        yield self.active

    def forward(self, *inputs: Any) -> Any:
        return self.active(*inputs)


def when(holds: Any, make: Callable[[], nn.Module], otherwise: Callable[[], nn.Module] = nn.Identity) -> nn.Module:
    """`make()` where a condition holds, `otherwise()` where not; an open condition makes both and asks in `forward`."""
    if not isinstance(holds, OpenFlag):
        return make() if holds else otherwise()
    if otherwise is nn.Identity:
        return Gated(holds, make())
    return Either(holds, make(), otherwise())


def present(element: Any) -> Any:
    """Whether an element of a repeat, or the content of an optional, is there: a flag where that is open."""
    flag = presence(element)
    return True if flag is None else flag


def number_where(holds: Any, number: Any, otherwise: Any = 0) -> Any:
    """A number where a condition holds, another where not: `sum(number_where(present(b), b.depth) for b in blocks)`."""
    if not isinstance(holds, OpenFlag):
        return number if holds else otherwise
    return holds.number(number, otherwise)
