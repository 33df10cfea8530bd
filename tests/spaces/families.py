"""Spaces that several tests look at, and a hypothesis strategy that makes random ones."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st

import searchitect as sa
from searchitect.spaces import make_space


@sa.space
class Max:
    """No decision at all."""


@sa.space
class Average:
    size: int = sa.choice(2, 3)


@sa.space
class Block:
    STRIDE: ClassVar[int] = 2

    width: int = sa.choice(16, 32, 64)
    kernel: int = sa.choice(3, 5)
    activation: str = sa.choice("relu", "gelu")


@sa.space
class Classifier:
    blocks: tuple[Block, ...] = sa.repeat(Block, 1, 4)
    pool: Max | Average = sa.choice(Max, Average)
    inputs: tuple[int, ...] = sa.subset(range(4), 1, 2)
    head: Average | None = sa.optional(Average)
    learning_rate: float = sa.real(1e-4, 1e-1, log=True, role="training")


@sa.space
class Leaf:
    value: int = sa.integer(1, 3)


@sa.space
class Tree:
    left: Leaf | Tree = sa.choice(Leaf, sa.recursive("Tree", depth=3))
    right: Leaf | Tree = sa.choice(Leaf, sa.recursive(lambda: Tree, depth=3))


@sa.space
class Tied:
    """Width and depth are tied by a condition, the rest is free."""

    width: int = sa.integer(1, 6)
    name: str = sa.choice("a", "b")
    depth: int = sa.integer(1, 6)
    rate: float = sa.real(0.0, 1.0)

    @sa.constraint("width", "depth")
    def small(self) -> bool:
        """Width times depth is at most 8."""
        return self.width * self.depth <= 8


@sa.space
class NasBench201:
    """Five operations on each of six edges: 15,625 cells."""

    edges: tuple[str, ...] = sa.repeat(
        sa.choice("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"), 6, 6
    )


EVERY_FAMILY = (Max, Block, Classifier, Tree, Tied, NasBench201)

labels = st.one_of(st.integers(-3, 20), st.sampled_from(["a", "b", "conv", "x"]), st.none())


@st.composite
def choices(draw: Any, depth: int) -> Any:
    plain: list[Any] = draw(st.lists(labels, min_size=1, max_size=4, unique=True))
    weighted = draw(st.booleans())
    inner = [draw(spaces(depth - 1, name=f"Option{i}")) for i in range(draw(st.integers(0, 2)))] if depth else []
    options = [*plain, *inner]
    weights = draw(st.lists(st.integers(1, 9), min_size=len(options), max_size=len(options))) if weighted else None
    return sa.choice(*options, weights=weights)


@st.composite
def integers(draw: Any) -> Any:
    low = draw(st.integers(1, 9))
    high = low + draw(st.integers(0, 200))
    log = draw(st.booleans())
    return sa.integer(low, high, step=1 if log else draw(st.integers(1, 5)), log=log)


@st.composite
def reals(draw: Any) -> Any:
    log = draw(st.booleans())
    low = draw(st.floats(1e-6, 10)) if log else draw(st.floats(-1e3, 1e3))
    return sa.real(low, low + draw(st.floats(1e-3, 1e3)), log=log)


@st.composite
def subsets(draw: Any) -> Any:
    options = draw(st.lists(labels, min_size=1, max_size=5, unique=True))
    low = draw(st.integers(0, len(options)))
    return sa.subset(options, low, draw(st.integers(low, len(options))))


def never_none(item: Any) -> bool:
    """An optional may not hold what can be None itself."""
    return type(item).__name__ != "Optional" and None not in getattr(item, "options", ())


@st.composite
def items(draw: Any, depth: int) -> Any:
    kinds = [choices(depth), integers(), reals(), subsets()]
    if depth:
        low = draw(st.integers(0, 2))
        high = max(1, low + draw(st.integers(0, 2)))
        kinds.append(items(depth - 1).map(lambda item: sa.repeat(item, low, high)))
        kinds.append(items(depth - 1).filter(never_none).map(sa.optional))
        kinds.append(spaces(depth - 1).map(sa.nested))
    return draw(st.one_of(kinds))


@st.composite
def spaces(draw: Any, depth: int = 2, name: str = "Random") -> Any:
    count = draw(st.integers(1, 3))
    return make_space(name, {f"field_{i}": draw(items(depth)) for i in range(count)})
