import numpy as np

import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies.tokens import Tokens
from tests.strategies.spaces import ALL, Conditional


def test_architectures_survive_the_way_there_and_back():
    for source in ALL:
        space = sa.SearchSpace.of(source)
        tokens = Tokens(space)
        for n in range(50):
            architecture = space.sample(stream(n))
            (row,) = tokens.of([architecture])
            assert row.shape == (len(tokens.sizes),)
            assert tokens.architecture(row, architecture) == architecture


def test_any_sequence_of_allowed_tokens_is_an_architecture():
    space = sa.SearchSpace.of(Conditional)
    tokens, rng = Tokens(space), np.random.Generator(np.random.PCG64(0))
    for n in range(200):
        found = tokens.architecture(rng.integers(tokens.sizes), space.sample(stream(n)))
        assert space.contains(found)


def test_what_is_not_active_has_a_token_of_its_own():
    space = sa.SearchSpace.of(Conditional)
    architecture = next(a for a in map(space.sample, map(stream, range(99))) if a["block"] == "Small")
    (row,) = Tokens(space).of([architecture])
    assert ((row == 0) == ~space.mask(architecture, "unit_cube")).all()
    assert (row == 0).any()


def test_a_changed_cell_of_a_real_number_stands_for_its_middle_and_the_rest_is_kept():
    @sa.space
    class Two:
        first: float = sa.real(0.0, 1.0)
        second: float = sa.real(0.0, 1.0)

    space = sa.SearchSpace.of(Two)
    tokens = Tokens(space)
    near = space.architecture(Two(0.111, 0.222))
    (row,) = tokens.of([near])
    row[1] = 16
    assert dict(tokens.architecture(row, near).items()) == {"first": 0.111, "second": 15.5 / 16}


def test_a_constraint_refuses_a_sequence():
    @sa.space
    class Bound:
        first: int = sa.choice(1, 2)
        second: int = sa.choice(1, 2)

        @sa.constraint("first", "second")
        def different(self) -> bool:
            """the two differ"""
            return self.first != self.second

    space = sa.SearchSpace.of(Bound)
    near = space.architecture(Bound(1, 2))
    assert Tokens(space).architecture(np.array([1, 1]), near) is None
    assert Tokens(space).architecture(np.array([2, 1]), near) == space.architecture(Bound(2, 1))
