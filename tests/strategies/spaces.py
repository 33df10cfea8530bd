"""Spaces that strategies are tried on: flat, conditional, with floats, tiny."""

import searchitect as sa


@sa.space
class Flat:
    first: int = sa.choice(1, 2, 3, 4)
    second: int = sa.choice(1, 2, 3, 4)
    third: int = sa.integer(1, 8)


@sa.space
class Small:
    kernel: int = sa.choice(3, 5)


@sa.space
class Large:
    kernel: int = sa.choice(7, 9, 11)
    rate: float = sa.real(0.1, 1.0)


@sa.space
class Conditional:
    block: Small | Large = sa.choice(Small, Large)
    blocks: tuple[Small, ...] = sa.repeat(Small, 1, 4)
    wiring: tuple[int, ...] = sa.subset(range(4), 1, 2)
    learning_rate: float = sa.real(1e-4, 1e-1, log=True, role="training")


@sa.space
class Tiny:
    first: int = sa.choice(1, 2)
    second: int = sa.choice("a", "b", "c")


ALL = [Flat, Conditional]
