"""What a model asks of a machine: its operations, each with FLOPs and bytes, and their totals as features. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

__all__ = ["FEATURES", "KINDS", "Operation", "Work"]

KINDS = ("convolution", "grouped_convolution", "matmul", "norm", "pool", "elementwise", "copy")
"""Kinds of operations that a machine runs at different speeds."""

FEATURES = tuple(f"{kind}_{what}" for kind in KINDS for what in ("count", "gigaflops", "megabytes"))
"""Names of the totals, in order: how many, 1e9 FLOPs, 1e6 bytes (float32), of each kind."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a forward pass at batch size 1.

    Attributes:
        kind: one of `KINDS`.
        flops: 2 per multiply-add; 1 per value where it goes value by value.
        bytes: read and written, float32, weights included.
    """

    kind: str
    flops: float
    bytes: float


@dataclass(frozen=True)
class Work:
    """All operations of a model, in any order.

    Attributes:
        architecture: digest of the architecture, where it is known: finds what was measured of it.
    """

    operations: tuple[Operation, ...]
    architecture: str | None = None

    @cached_property
    def features(self) -> tuple[float, ...]:
        """The totals that `FEATURES` names."""
        totals = {kind: [0.0, 0.0, 0.0] for kind in KINDS}
        for operation in self.operations:
            row = totals[operation.kind]
            row[0] += 1
            row[1] += operation.flops / 1e9
            row[2] += operation.bytes / 1e6
        return tuple(value for kind in KINDS for value in totals[kind])
