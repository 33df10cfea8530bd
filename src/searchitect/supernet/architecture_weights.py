"""Architecture weights: one logit for each option of every decision that a supernet mixes.

All mixed operations of a decision share its logits (Liu et al. 2019: the cells of a network have one α). Only a choice
that modules alone consume can be mixed; numbers, lengths and subsets must be fixed first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import SpaceError
from searchitect.nn.cell_operations import Zero
from searchitect.nn.cells import Cell
from searchitect.nn.mixed import Mixed
from searchitect.spaces import Value
from searchitect.spaces.forms import DecisionForm, Form, Record, joined
from searchitect.spaces.open_values import OpenFlag, OpenValue
from searchitect.supernet.open_build import Supernet

__all__ = ["ArchitectureWeights", "MixedDecision", "edge_groups", "mixed_decisions"]

SKIPS = ("skip_connect", "skip", "identity")
ZEROS = ("none", "zero")
"""Labels by which spaces call these two; modules that do the same are known whatever their label."""


@dataclass(frozen=True, eq=False)
class MixedDecision:
    """A decision whose options are computed together.

    Attributes:
        options: in the order of the space.
        mixed: every place of the supernet where the decision is read.
        skips: places in `options` that hand on what they read.
        zeros: places in `options` that give nothing.
    """

    path: str
    options: tuple[Value, ...]
    mixed: tuple[Mixed, ...]
    skips: tuple[int, ...]
    zeros: tuple[int, ...]


def mixed_decisions(supernet: Supernet) -> tuple[MixedDecision, ...]:
    """Return the open decisions of a supernet, in the order of its space.

    Raises:
        SpaceError: one cannot be mixed; the message names it and what to fix, or nothing is left to search.
    """
    places: dict[str, list[Mixed]] = {}
    for module in supernet.modules():
        if isinstance(module, Mixed):
            places.setdefault(module.option.path, []).append(module)
    otherwise = set(_read_otherwise(supernet))
    searched = list(_open(supernet.space._root, "", supernet.fixed))
    unread = [path for path, _ in searched if path not in places and path not in otherwise]
    found = []
    for path, form in searched:
        if path in unread and form.kind == "choice":
            _refuse_unread(supernet.space.name, unread, form)
        if path not in places or path in otherwise:
            _refuse(path, form)
        found.append(_decision(path, tuple(places[path])))
    if not found:
        raise SpaceError(f"{supernet.space.name} has no open decision to search", hint="fix fewer decisions")
    return tuple(found)


class ArchitectureWeights:
    """The logits α of every mixed decision.

    Args:
        scale: standard deviation of the normal distribution that they start from.
        generator: on the CPU.
    """

    def __init__(
        self, decisions: Sequence[MixedDecision], *, scale: float, generator: torch.Generator, device: str = "cpu"
    ) -> None:
        self.decisions = tuple(decisions)
        self.logits = [
            nn.Parameter((scale * torch.randn(len(d.options), generator=generator)).to(device)) for d in self.decisions
        ]

    def __iter__(self) -> Iterator[tuple[MixedDecision, nn.Parameter]]:
        return zip(self.decisions, self.logits, strict=True)

    def copy(self) -> dict[str, Tensor]:
        """Return the logits as they are now, by path."""
        return {decision.path: logits.detach().clone() for decision, logits in self}

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Put logits back that `copy` returned."""
        with torch.no_grad():
            for decision, logits in self:
                logits.copy_(values[decision.path])


def edge_groups(supernet: Supernet, decisions: Sequence[MixedDecision]) -> tuple[tuple[str, ...], ...]:
    """Return the decisions of edges that end in one node, for every node of an `nn.Cell` that sums several of them."""
    known = {decision.path for decision in decisions}
    groups: dict[tuple[str, ...], None] = {}
    for cell in supernet.modules():
        if not isinstance(cell, Cell):
            continue
        nodes: dict[int, list[str]] = {}
        for (_, target), edge in zip(cell.wiring, cell.edges, strict=True):
            if isinstance(edge, Mixed) and edge.option.path in known:
                nodes.setdefault(target, []).append(edge.option.path)
        groups |= {tuple(paths): None for paths in nodes.values() if len(paths) > 1}
    return tuple(groups)


def _decision(path: str, mixed: tuple[Mixed, ...]) -> MixedDecision:
    options = tuple(mixed[0].places)
    weighted = any(next(m.operations.parameters(), None) is not None for m in mixed)

    def alike(place: int, kind: type[nn.Module], labels: tuple[str, ...]) -> bool:
        if str(options[place]).lower() in labels:
            return True
        return weighted and all(isinstance(m.operations[place], kind) for m in mixed)

    places = range(len(options))
    skips = tuple(p for p in places if alike(p, nn.Identity, SKIPS))
    return MixedDecision(path, options, mixed, skips, tuple(p for p in places if alike(p, Zero, ZEROS)))


def _open(form: Form, path: str, fixed: Mapping[str, Value]) -> Iterator[tuple[str, DecisionForm]]:
    """Yield what is not decided below `path`, in every branch that can still be reached."""
    if isinstance(form, Record):
        for name, child in form.fields:
            yield from _open(child, joined(path, name), fixed)
        return
    own = path + form.own
    if own in fixed or form.domain.count == 1:
        branches = form.branches(fixed.get(own, next(iter(form.domain.values()))))
    else:
        yield own, form
        branches = form.all_branches()
    for suffix, child in branches:
        yield from _open(child, path + suffix, fixed)


def _read_otherwise(supernet: Supernet) -> Iterator[str]:
    """Yield decisions whose value some module waits for: a size, a gate, a subset."""
    for module in supernet.modules():
        if isinstance(module, (Mixed, Supernet)):
            continue
        for held in vars(module).values():
            yield from _paths(held)


def _paths(held: Any) -> Iterator[str]:
    # An open choice refuses to be asked for its class: its type answers.
    if issubclass(type(held), (OpenValue, OpenFlag)):
        yield from held.paths
    elif type(held) in (tuple, list, dict):
        for value in held.values() if type(held) is dict else held:
            yield from _paths(value)


def _refuse(path: str, form: DecisionForm) -> None:
    kind = form.kind if form.kind != "choice" else "choice that the build reads as a number or a condition"
    some = next(iter(form.domain.values()), None)
    raise SpaceError(
        f"gradient search mixes choices among modules, {path!r} is a {kind}",
        hint=f"fix it: fixed={{{path!r}: {some!r}}} (--fix {path}={some}), or search it with a sampling supernet: "
        "method='spos'",
    )


def _refuse_unread(space: str, unread: Sequence[str], form: DecisionForm) -> None:
    path, more = unread[0], f" and {len(unread) - 1} more" if len(unread) > 1 else ""
    raise SpaceError(
        f"gradient search mixes choices among modules, but no module that {space}.build made reads {path!r}{more}",
        hint="build a model that has these places (more cells, say), or fix what it lacks: "
        f"fixed={{{path!r}: {next(iter(form.domain.values()), None)!r}{', …' if more else ''}}}",
    )
