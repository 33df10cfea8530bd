"""`mutate_around`: the space of small edits of a plain model, which is its default.

Any strategy that moves by neighbours searches it; `with_weights` starts a candidate from the model's own weights, so
that a short training tells (Elsken, Metzen & Hutter 2017; Chen et al., "Net2Net", 2016).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import SpaceError, did_you_mean
from searchitect.nn import ACTIVATIONS
from searchitect.nn.elastic import is_open
from searchitect.spaces import Architecture, SearchSpace, TaskSpec, choice, make_space
from searchitect.supernet.blueprint import Blueprint, Kernel, Width, decision_names, initialise
from searchitect.supernet.channel_flow import ChannelFlow, follow
from searchitect.supernet.edits import Copies, Edit, copied_blocks, extra_layers, rates, swaps
from searchitect.supernet.elastic_model import check_model, example_of, fixed_modules, spec_of
from searchitect.supernet.growth import inherit
from searchitect.supernet.layer_kinds import CONVOLUTIONS
from searchitect.supernet.openings import Fixed, differs, keeps_size, outputs, stray_widths, tied
from searchitect.supernet.width_groups import Group, groups

__all__ = ["ModelEdits", "mutate_around"]

LARGEST_SHARE = 2.0


@dataclass(frozen=True, eq=False)
class ModelEdits:
    """A space of small edits of one model.

    Attributes:
        space: an ordinary search space; its default is the model as it is, `space.neighbours` its single edits.
            `space.build` makes plain models with fresh weights.
        spec: shapes of the task, as far as the example shows them.
        fixed: layers whose width stays, with the reason.
    """

    space: SearchSpace
    spec: TaskSpec
    fixed: tuple[Fixed, ...]
    plan: EditPlan
    example: Tensor

    def with_weights(self, architecture: Architecture) -> nn.Module:
        """Return the edited model with the weights of the original wherever both have them.

        The default computes what the original computes. Wider, deeper and larger kernels do too where the layers allow
        it (`supernet.growth.inherit` has the cases).

        Raises:
            SpaceError: the architecture is not of this space.
        """
        instance = self.space.instance(architecture)
        original = self.plan.blueprint.template
        model, divided = (self.plan.build(instance, fresh=False) for _ in range(2))
        if architecture != self.space.default() and not inherit(original, model, self.example).preserved:
            # Which channels are copies is known here; that helps where layers have groups.
            self.plan.divide(divided, instance)
            if not differs(outputs(divided, self.example), outputs(original, self.example)):
                model = divided
        model.train(original.training)
        return model

    def explain(self) -> str:
        """Say which edits there are, where, and which layers keep their width and why."""
        lines = [f"{self.space.name}: {len(list(self.space.neighbours(self.space.default()))):,} single edits"]
        for decision in self.plan.decisions:
            lines.append(f"  {decision.name}: {', '.join(map(str, decision.options))}  ({', '.join(decision.layers)})")
        lines += (
            ["of a fixed width:", *[f"  {module}: {reason}" for module, reason in self.fixed]] if self.fixed else []
        )
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class EditPlan:
    """Sizes, by a blueprint, and the other edits."""

    blueprint: Blueprint
    edits: tuple[Edit, ...]

    @property
    def decisions(self) -> tuple[Any, ...]:
        return (*self.blueprint.decisions, *self.edits)

    def build(self, decided: Any, *, fresh: bool = True) -> nn.Module:
        """Return the edited model; with `fresh`, its weights are drawn anew."""
        values = {decision.name: getattr(decided, decision.name) for decision in self.decisions}
        if is_open(*values.values()):
            raise SpaceError(
                "edits of a model do not share weights in a supernet",
                hint="sa.make_elastic(model, inputs) makes a supernet; with_weights(architecture) inherits weights",
            )
        model = self.blueprint.build(decided, fresh=False)
        for edit in self.edits:
            if values[edit.name] != edit.options[0]:
                edit.apply(model, values[edit.name])
        if fresh:
            initialise(model)
        return model

    def divide(self, model: nn.Module, decided: Any) -> None:
        """Divide the weights that read a channel among its copies, unevenly, so that training lets these part."""
        generator = torch.Generator().manual_seed(0)
        kept = {width.name: width.kept[getattr(decided, width.name)] for width in self.blueprint.widths}
        for name, (inputs, _) in self.blueprint.axes.items():
            kind, index = self.blueprint.flow.kinds[name], inputs.index(kept)
            if not kind.mixes or not isinstance(index, Tensor):
                continue
            weight: Tensor = model.get_submodule(name).weight  # type: ignore[assignment]
            columns = weight.detach().movedim(kind.axes["weight"].index("inputs"), 0)
            share = 0.5 + torch.rand(columns.shape, generator=generator).to(columns)
            sources = index.to(columns.device)
            total = share.new_zeros(int(index.max()) + 1, *share.shape[1:]).index_add_(0, sources, share)
            columns.mul_(share / total[sources])

    def canonical(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The same model, with decisions about what was left out as they were."""
        gone = tuple(f"{e.module}." for e in self.edits if isinstance(e, Copies) and values[e.name] == 0)
        inert = {d.name: d.options[0] for d in self.decisions if gone and all(m.startswith(gone) for m in d.layers)}
        return {name: inert.get(name, value) for name, value in values.items()}


def mutate_around(
    model: nn.Module,
    inputs: Tensor | TaskSpec,
    *,
    widths: Sequence[float] = (0.75, 1.25),
    kernels: bool = True,
    depths: bool = True,
    activations: Sequence[str] = ("relu", "gelu", "silu"),
    dropouts: bool = True,
    keep: Sequence[str] = (),
) -> ModelEdits:
    """Return the space of small edits of a plain model. The model itself is not changed.

    Args:
        inputs: a batch that the model takes, or the shapes of the task.
        widths: shares of each layer's channels, up to 2.
        kernels: let odd windows be two smaller or larger.
        depths: let residual blocks be left out or doubled, and a layer be added behind an activation module.
        activations: keys of `nn.ACTIVATIONS`, each an option for every activation module.
        dropouts: let the rate of every dropout module be a tenth higher or lower.
        keep: names of modules that stay as they are, with all that lies in them.

    Raises:
        SpaceError: the model fails on the example, an argument is out of range, or there is nothing to edit.
    """
    check_model(model, keep)
    _check(widths, activations)
    example = example_of(inputs)
    template = copy.deepcopy(model)

    def kept(name: str) -> bool:
        return any(f"{name}.".startswith(f"{k}.") or k.startswith(f"{name}.") for k in keep)

    flow = follow(template, example, tied(template) | dict.fromkeys(keep, "kept by request"))
    found, closed = groups(flow, template)
    blueprint = Blueprint(template, flow, _near_widths(found, widths), _near_kernels(flow, template) if kernels else ())
    edits: list[Edit] = [*swaps(template, activations, kept), *(rates(template, kept) if dropouts else [])]
    if depths:
        edits += [*extra_layers(template, kept), *copied_blocks(flow, kept)]
    plan, failed = _possible(EditPlan(blueprint, tuple(edits)), example)
    fixed = fixed_modules(flow, template, closed | failed)
    if not plan.decisions:
        raise SpaceError(
            f"there is nothing to edit in {type(model).__name__}",
            hint="layers between others, modules of activations and dropout, and residual blocks can be edited",
        )
    spec = inputs if isinstance(inputs, TaskSpec) else spec_of(template, example)
    made = ModelEdits(_space(plan), spec, fixed, plan, example)
    same = made.with_weights(made.space.default())
    if differs(outputs(same, example), outputs(template, example)):
        raise SpaceError(f"{type(model).__name__} gives other outputs each time", hint="does forward keep a state?")
    return made


def _check(widths: Sequence[float], activations: Sequence[str]) -> None:
    for share in widths:
        if not 0 < share <= LARGEST_SHARE:
            raise SpaceError(f"a width is a share of the channels in (0, {LARGEST_SHARE:g}], got {share!r}")
    for name in activations:
        if name not in ACTIVATIONS:
            raise SpaceError(f"no activation {name!r}", hint=did_you_mean(name, ACTIVATIONS))


def _near_widths(found: Sequence[Group], shares: Sequence[float]) -> tuple[Width, ...]:
    names = decision_names([(group.layers[0], "width") for group in found])
    made = []
    for name, group in zip(names, found, strict=True):
        count = len(group.classes)
        kept = dict.fromkeys([count, *[max(1, round(share * count)) for share in shares]])
        made.append(Width(name, group, {group.channels(k): k for k in kept}))
    return tuple(made)


def _near_kernels(flow: ChannelFlow, model: nn.Module) -> tuple[Kernel, ...]:
    found = {}
    for name in flow.kinds:
        layer: Any = model.get_submodule(name)
        if isinstance(layer, CONVOLUTIONS) and max(layer.kernel_size) >= 3:
            now = max(layer.kernel_size)
            found[name] = (now, *[k for k in (now - 2, now + 2) if keeps_size(layer, k)])
    names = decision_names([(layer, "kernel") for layer in found])
    return tuple(Kernel(name, layer, options) for name, (layer, options) in zip(names, found.items(), strict=True))


def _possible(plan: EditPlan, example: Tensor) -> tuple[EditPlan, dict[str, str]]:
    """Leave out every option that the model's own code cannot follow; return the reasons for widths, by layer."""
    reasons: dict[str, str] = {}
    strays: set[str] = set()
    for larger in (False, True):
        try:
            strays |= stray_widths(plan.blueprint, example, lambda width, rng: _extreme(width, larger))  # noqa: B023
        except SpaceError:
            continue  # some width fails altogether: found below
    allowed: dict[str, tuple[Any, ...]] = {}
    now = {decision.name: decision.options[0] for decision in plan.decisions}
    for decision in plan.decisions:
        problems = {v: _problem(plan, now | {decision.name: v}, example) for v in decision.options[1:]}
        if decision.name in strays:
            problems = dict.fromkeys(problems, "its channels land elsewhere when they are fewer or more")
        allowed[decision.name] = tuple(v for v in decision.options if not problems.get(v))
        if isinstance(decision, Width) and len(allowed[decision.name]) == 1 and any(problems.values()):
            problem = next(filter(None, problems.values()))
            reasons |= dict.fromkeys(decision.layers, f"the model fails with another number of channels: {problem}")
    return _only(plan, allowed), reasons


def _extreme(width: Width, larger: bool) -> int:
    return max(width.options) if larger else min(width.options)


def _problem(plan: EditPlan, values: Mapping[str, Any], example: Tensor) -> str | None:
    try:
        edited = outputs(plan.build(SimpleNamespace(**values), fresh=False), example)
    except Exception as error:  # noqa: BLE001 - a user's forward may raise anything
        return (str(error).splitlines() or [""])[0] or type(error).__name__
    wanted = [tensor.shape for tensor in outputs(plan.blueprint.template, example)]
    return None if [tensor.shape for tensor in edited] == wanted else "its output changes its shape"


def _only(plan: EditPlan, allowed: Mapping[str, tuple[Any, ...]]) -> EditPlan:
    old = plan.blueprint
    open_ones = {name for name, options in allowed.items() if len(options) > 1}
    widths = tuple(
        Width(w.name, w.group, {v: w.kept[v] for v in allowed[w.name]}) for w in old.widths if w.name in open_ones
    )
    kernels = tuple(Kernel(k.name, k.layer, allowed[k.name]) for k in old.kernels if k.name in open_ones)
    edits = tuple(type(e)(e.name, e.module, allowed[e.name]) for e in plan.edits if e.name in open_ones)
    return EditPlan(Blueprint(old.template, old.flow, widths, kernels), edits)


def _space(plan: EditPlan) -> SearchSpace:
    def build(self: Any) -> nn.Module:
        return plan.build(self)

    def canonical(architecture: Architecture) -> Architecture:
        return Architecture(architecture.space, plan.canonical(architecture.decisions))

    name = type(plan.blueprint.template).__name__
    methods = {"build": build, "canonical": staticmethod(canonical)}
    declared = {decision.name: choice(*decision.options) for decision in plan.decisions}
    return SearchSpace.of(make_space(f"Edited{name}", declared, methods, doc=f"Small edits of one {name}."))
