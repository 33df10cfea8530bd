"""A choice among spaces while it is open: every alternative is built, and what they give is joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from searchitect.spaces.architecture import Value
from searchitect.spaces.open_values import OpenFlag, OpenNumber, OpenOption, Selection

__all__ = ["Makers", "OpenChoice"]


class Makers(Protocol):
    """What modules are made of alternatives; the supernet room knows."""

    def mix(self, option: OpenOption, modules: Mapping[Value, Any]) -> Any:
        """Return one module for the modules of all options."""
        ...

    def gate(self, flag: OpenFlag, module: Any) -> Any:
        """Return a module that is `module` where the flag is up, and the identity where it is down."""
        ...


class OpenChoice(OpenOption):
    """A choice among spaces: calling a method, `build` above all, calls that of every alternative and mixes."""

    remedy = "give every option the same method (such as build) and call it, instead of asking which one it is"

    def __init__(
        self, selection: Selection, path: str, alternatives: Mapping[Value, Any], makers: Makers, gate: OpenFlag | None
    ) -> None:
        super().__init__(selection, path, tuple(alternatives))
        self._alternatives, self._makers, self._gate = dict(alternatives), makers, gate

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """`isinstance` and `match` ask for it."""
        self._refuse("isinstance() or match")

    @property
    def alternatives(self) -> Mapping[Value, Any]:
        """Label to what the field holds where that option is chosen, its own decisions open."""
        return self._alternatives

    @property
    def option(self) -> OpenOption:
        """The decision alone, for a module to hold: torch asks what it holds for its class."""
        return OpenOption(self.selection, self.path, self.options)

    @property
    def gate(self) -> OpenFlag | None:
        """Whether its place is reached; None where it always is."""
        return self._gate

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call every option, where the options are classes or functions."""
        return self._joined(self._alternatives, arguments, named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = {label: getattr(alternative, name, self) for label, alternative in self._alternatives.items()}
        for label, one in found.items():
            if one is self:
                self._refuse(f"'.{name}', which the option {label!r} does not have,")
        if all(_is_number(one) for one in found.values()):
            return self.number(found)
        if not all(callable(one) for one in found.values()):
            self._refuse(f"'.{name}', which is neither a method nor a number of every option,")
        return lambda *arguments, **named: self._joined(found, arguments, named)

    def _joined(
        self, made: Mapping[Value, Callable[..., Any]], arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        for label, one in made.items():
            if not callable(one):
                self._refuse(f"calling the option {label!r}")
        results = {label: one(*arguments, **named) for label, one in made.items()}
        if all(_is_number(result) for result in results.values()):
            return self.option.number(results)
        module = self._makers.mix(self.option, results)
        return module if self._gate is None else self._makers.gate(self._gate, module)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, OpenNumber)) and not isinstance(value, bool)
