"""Small edits of a plain model that change no width: blocks, layers, activations, dropout.

Each edit is a decision: the first option is the model as it is. `apply` changes a copy of the model in place.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from searchitect.nn import ACTIVATIONS, activation
from searchitect.supernet.blueprint import decision_names
from searchitect.supernet.channel_flow import ChannelFlow
from searchitect.supernet.layer_kinds import CONVOLUTIONS, NORMALISATIONS
from searchitect.supernet.user_layers import FirstInput, replace

__all__ = ["Copies", "Edit", "Extra", "Rate", "Swap", "copied_blocks", "extra_layers", "rates", "swaps"]

RATE_STEP = 0.1
HIGHEST_RATE = 0.9
_DROPOUTS = (nn.modules.dropout._DropoutNd,)


@dataclass(frozen=True)
class _Named:
    """An edit at one place.

    Attributes:
        module: the name of the module it changes.
        options: the first as it is now.
    """

    name: str
    module: str
    options: tuple[Any, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.module,)

    def apply(self, model: nn.Module, value: Any) -> None:
        """Change the model."""
        raise NotImplementedError


class Swap(_Named):
    """Another activation."""

    def apply(self, model: nn.Module, value: Any) -> None:
        replace(model, model.get_submodule(self.module), activation(value))


class Rate(_Named):
    """Another dropout rate."""

    def apply(self, model: nn.Module, value: Any) -> None:
        dropout: Any = model.get_submodule(self.module)
        dropout.p = float(value)


class Extra(_Named):
    """One more layer of the same width behind an activation, with one of the same kind.

    Wei et al., "Network morphism", 2016: it can start as the identity, since relu(relu(x)) = relu(x).
    """

    def apply(self, model: nn.Module, value: Any) -> None:
        if not value:
            return
        parent, _, child = self.module.rpartition(".")
        sequence = model.get_submodule(parent)
        place = list(dict(sequence.named_children())).index(child)
        before = [m for m in list(sequence.children())[:place] if isinstance(m, _EXTENDED)]
        act = model.get_submodule(self.module)
        sequence._modules[child] = nn.Sequential(act, _alike(before[-1]), copy.deepcopy(act))


class Copies(_Named):
    """A residual block left out (0), as it is (1), or followed by another one like it (2)."""

    def apply(self, model: nn.Module, value: Any) -> None:
        block = model.get_submodule(self.module)
        if value == 0:
            replace(model, block, FirstInput())
        elif value == 2:
            replace(model, block, Followed(block, copy.deepcopy(block)))


class Followed(nn.Sequential):
    """Blocks one after the other; further inputs go to each."""

    def forward(self, input: Any, *inputs: Any, **named: Any) -> Any:  # noqa: A002 - torch's name
        for block in self:
            input = block(input, *inputs, **named)  # noqa: A001
        return input


Edit = Swap | Rate | Extra | Copies
_EXTENDED = (nn.Linear, *CONVOLUTIONS)


def _alike(layer: Any) -> nn.Module:
    """A layer from the outputs of another to as many, of the same kind."""
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.out_features, layer.out_features)
    made: Callable[..., nn.Module] = CONVOLUTIONS[len(layer.kernel_size) - 1]
    return made(layer.out_channels, layer.out_channels, 3, padding=1)


def swaps(model: nn.Module, names: Sequence[str], keep: Callable[[str], bool]) -> list[Swap]:
    """An edit for every activation that is a module; one called as a function cannot be seen."""
    known = {type(activation(name)): name for name in ACTIVATIONS if name != "identity"}
    found = {
        place: known[type(module)]
        for place, module in model.named_modules()
        if type(module) in known and not keep(place) and getattr(module, "num_parameters", 1) == 1
    }
    made = decision_names([(place, "activation") for place in found])
    return [
        Swap(name, place, (now, *[other for other in names if other != now]))
        for name, (place, now) in zip(made, found.items(), strict=True)
    ]


def rates(model: nn.Module, keep: Callable[[str], bool]) -> list[Rate]:
    """An edit for every dropout module: a tenth more or less."""
    found = {}
    for place, module in model.named_modules():
        if isinstance(module, _DROPOUTS) and not keep(place):
            now = float(module.p)
            near = [round(now + step, 4) for step in (-RATE_STEP, RATE_STEP)]
            found[place] = (now, *[rate for rate in near if 0.0 <= rate <= HIGHEST_RATE])
    made = decision_names([(place, "rate") for place in found])
    return [Rate(name, place, options) for name, (place, options) in zip(made, found.items(), strict=True)]


def extra_layers(model: nn.Module, keep: Callable[[str], bool]) -> list[Extra]:
    """An edit for every activation module behind a layer, both in one `nn.Sequential`."""
    acts = tuple({type(activation(name)) for name in ACTIVATIONS if name not in ("identity", "prelu")})
    found = []
    for parent, sequence in model.named_modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        before = False
        for child, module in sequence.named_children():
            place = f"{parent}.{child}".lstrip(".")
            if isinstance(module, acts) and before and not keep(place):
                found.append(place)
            before = isinstance(module, _EXTENDED) or (before and _keeps_width(module))
    names = decision_names([(place, "extra") for place in found])
    return [Extra(name, place, (False, True)) for name, place in zip(names, found, strict=True)]


def _keeps_width(module: nn.Module) -> bool:
    """Whether a module between a layer and its activation leaves the channels as they are."""
    return isinstance(module, (*NORMALISATIONS, *_DROPOUTS, nn.Identity))


def copied_blocks(flow: ChannelFlow, keep: Callable[[str], bool]) -> list[Copies]:
    """An edit for every innermost residual block."""
    inner = [n for n in flow.residual if not any(other.startswith(f"{n}.") for other in flow.residual) and not keep(n)]
    names = decision_names([(place, "copies") for place in inner])
    return [Copies(name, place, (1, 0, 2)) for name, place in zip(names, inner, strict=True)]
