"""Spaces of one layer, to open it."""

from collections.abc import Callable
from typing import Any

from torch import nn

import searchitect as sa
from searchitect.spaces import make_space

TOKENS = sa.TaskSpec((5, 16), 2, domain="sequence")


def opened(build: Callable[[Any, sa.TaskSpec], nn.Module], **options: tuple[Any, ...]) -> type[Any]:
    """A space whose decisions are these choices, and whose model is one layer."""
    fields = {name: sa.choice(*values) for name, values in options.items()}
    return make_space("Layer", fields, {"build": build}, doc="One layer.")
