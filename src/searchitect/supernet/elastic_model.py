"""`make_elastic`: a plain model becomes a search space of its own subnets, and their supernet, with its weights kept.

No definition is rewritten and no graph traced: the model is run, which shows what belongs together (`channel_flow`,
`width_groups`), and whatever cannot shrink is found by trying it and left as it is, with the reason. Widths, windows
and depths are those of Cai et al., "Once-for-all", 2020; channels leave in the order of their importance (section 3.3).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import SpaceError, did_you_mean
from searchitect.seeding import stream
from searchitect.spaces import Architecture, SearchSpace, TaskSpec, make_space
from searchitect.supernet.blueprint import Blueprint
from searchitect.supernet.channel_flow import ChannelFlow, follow
from searchitect.supernet.open_build import Supernet, open_build
from searchitect.supernet.openings import (
    Fixed,
    differs,
    outputs,
    removable_rows,
    shrinking_kernels,
    shrinking_widths,
    tied,
    workable,
)
from searchitect.supernet.width_groups import Group, groups, importance

__all__ = ["ElasticModel", "make_elastic"]

RANDOM_CHECKS = 3


@dataclass(frozen=True, eq=False)
class ElasticModel:
    """A space of subnets of one model, and their supernet with the model's weights.

    Attributes:
        space: an ordinary search space; its default is the model as it is. `space.build` makes plain models of the
            user's class with fresh weights.
        spec: shapes of the task, as far as the example shows them.
        supernet: everything a supernet can do; `extract` gives plain models with inherited weights.
        fixed: what was not opened, with the reason.
    """

    space: SearchSpace
    spec: TaskSpec
    supernet: Supernet
    fixed: tuple[Fixed, ...]
    blueprint: Blueprint

    @property
    def largest(self) -> Architecture:
        """The model as it is."""
        return self.space.default()

    @property
    def smallest(self) -> Architecture:
        """Every decision at its smallest."""
        return self.at(0.0)

    def at(self, share: float) -> Architecture:
        """Return the architecture whose every number is the option nearest to this share of the largest."""
        nearest = {
            d.name: min(d.options, key=lambda n: (abs(n - share * d.options[0]), n)) for d in self.blueprint.decisions
        }
        return self.space.compose(nearest)

    def explain(self) -> str:
        """Say what is decided, for which layers, and what stays as it is and why."""
        lines = [f"{self.space.name}: {self.space.size():,} subnets"]
        for decision in self.blueprint.decisions:
            options = ", ".join(map(str, decision.options))
            lines.append(f"  {decision.name}: {options}  ({', '.join(decision.layers)})")
        lines += ["fixed:", *[f"  {module}: {reason}" for module, reason in self.fixed]] if self.fixed else []
        return "\n".join(lines)


def make_elastic(
    model: nn.Module,
    inputs: Tensor | TaskSpec,
    *,
    widths: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    depths: bool = True,
    kernels: bool = True,
    keep: Sequence[str] = (),
    sort: bool = True,
) -> ElasticModel:
    """Turn a plain model into a search space of its subnets and a supernet that holds its weights.

    The model itself is not changed. Its largest subnet computes what it computes (relative 1e-5, in eval mode).

    Args:
        inputs: a batch that the model takes, or the shapes of the task.
        widths: shares of each layer's channels; all of them is always an option.
        depths: let residual blocks in an `nn.Sequential` or `nn.ModuleList` be left out, the last ones first.
        kernels: let odd windows larger than 3 shrink to their middle.
        keep: names of modules that stay as they are, with all that lies in them.
        sort: channels leave in the order of their importance; else the last ones leave first, which makes every
            subnet a leading slice.

    Raises:
        SpaceError: the model fails on the example, a width is not in (0, 1], a name in `keep` is unknown, or nothing
            of the model can be opened (the message has the reasons).
    """
    check_model(model, keep)
    _check_widths(widths)
    example = example_of(inputs)
    template = copy.deepcopy(model)
    flow = follow(template, example, tied(template) | dict.fromkeys(keep, "kept by request"))
    found, closed = groups(flow, template)
    if sort:
        found = [_sorted(group, importance(group, flow, template)) for group in found]
    blueprint = Blueprint(
        template,
        flow,
        shrinking_widths(found, widths),
        shrinking_kernels(flow, template) if kernels else (),
        removable_rows(flow, template, keep) if depths else (),
    )
    blueprint, failed = workable(blueprint, example)
    fixed = fixed_modules(flow, template, closed | failed)
    if not blueprint.decisions:
        told = "; ".join(f"{name or 'the model'}: {reason}" for name, reason in fixed[:5]) or "it has no layers"
        raise SpaceError(
            f"nothing in {type(model).__name__} can be made elastic: {told}",
            hint="layers between others (Linear, Conv, Embedding) can; or declare a space with sa.space and sa.nn",
        )
    space = _space(blueprint)
    spec = inputs if isinstance(inputs, TaskSpec) else spec_of(template, example)
    supernet = open_build(space, spec, check=False)
    supernet.train(model.training)
    made = ElasticModel(space, spec, supernet, fixed, blueprint)
    _verify(made, example)
    return made


def check_model(model: nn.Module, keep: Sequence[str]) -> None:
    """Refuse what is no plain model, and names that it does not have."""
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise SpaceError(
            f"make_elastic takes a plain torch.nn.Module, got {type(model).__name__}",
            hint="pass the model itself, before torch.jit or torch.compile",
        )
    lazy = [name for name, held in model.named_parameters() if isinstance(held, nn.parameter.UninitializedParameter)]
    if lazy:
        raise SpaceError(f"{lazy[0]} has no shape yet (a lazy layer)", hint="call the model once on an example first")
    if isinstance(keep, str):
        raise SpaceError(f"keep takes a list of names, got the word {keep!r}", hint=f"write keep=[{keep!r}]")
    known = {name for name, _ in model.named_modules() if name}
    for name in keep:
        if name not in known:
            raise SpaceError(f"{type(model).__name__} has no module {name!r} to keep", hint=did_you_mean(name, known))


def _check_widths(widths: Sequence[float]) -> None:
    for width in widths:
        if not 0 < width <= 1:
            raise SpaceError(f"a width is a share of the channels in (0, 1], got {width!r}")


def example_of(inputs: object) -> Tensor:
    """Return the batch, or one of random numbers of the task's shape.

    Raises:
        SpaceError: it is neither a batch nor the shapes of a task.
    """
    if isinstance(inputs, Tensor):
        return inputs
    if not isinstance(inputs, TaskSpec):
        raise SpaceError(f"expected a batch of inputs or a sa.TaskSpec, got {type(inputs).__name__}")
    return torch.randn(2, *inputs.inputs, generator=torch.Generator().manual_seed(0))


def spec_of(model: nn.Module, example: Tensor) -> TaskSpec:
    """Return the shapes of the task, as the example and what the model makes of it show them."""
    given = outputs(model, example[:2])
    count = int(given[0].shape[-1]) if given and given[0].dim() else 1
    shape = tuple(example.shape[1:])
    return TaskSpec(shape, count, domain="image" if len(shape) == 3 else "tabular")


def fixed_modules(flow: ChannelFlow, model: nn.Module, closed: Mapping[str, str]) -> tuple[Fixed, ...]:
    """List what keeps its size, in the order of the model."""
    reasons = {**flow.closed, **flow.fixed, **closed}
    return tuple(Fixed(name, reasons[name]) for name, _ in model.named_modules() if name in reasons)


def _sorted(group: Group, scores: Sequence[float]) -> Group:
    ranked = sorted(range(len(scores)), key=lambda place: -scores[place])
    return Group(group.layers, tuple(group.classes[place] for place in ranked))


def _space(blueprint: Blueprint) -> SearchSpace:
    def build(self: Any) -> nn.Module:
        return blueprint.build(self)

    def canonical(architecture: Architecture) -> Architecture:
        return Architecture(architecture.space, blueprint.canonical(architecture.decisions))

    name = type(blueprint.template).__name__
    methods = {"build": build, "canonical": staticmethod(canonical)}
    return SearchSpace.of(
        make_space(f"Elastic{name}", blueprint.declarations(), methods, doc=f"Subnets of one {name}.")
    )


def _verify(elastic: ElasticModel, example: Tensor) -> None:
    """Compare subnets with the supernet, and the largest with the model.

    Raises:
        SpaceError: they differ; the message has the architecture.
    """
    rng = stream(0, "make_elastic", 1)
    supernet, space = elastic.supernet, elastic.space
    chosen = [elastic.largest, elastic.smallest, *(space.sample(rng) for _ in range(RANDOM_CHECKS))]
    for number, architecture in enumerate(chosen):
        subnet = supernet.extract(architecture)
        pairs = [(supernet, subnet)] + ([(elastic.blueprint.template, subnet)] if number == 0 else [])
        for first, second in pairs:
            if differs(outputs(first, example), outputs(second, example)):
                raise SpaceError(
                    f"a subnet of {space.name} computes something else than its supernet: {architecture.text}",
                    hint="does forward keep state between calls, or draw random numbers in eval mode?",
                )
    supernet.activate(elastic.largest)
