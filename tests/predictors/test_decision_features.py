import numpy as np

import searchitect as sa
from searchitect.predictors.decision_features import decision_features
from searchitect.spaces import SearchSpace


@sa.space
class Cell:
    left: str = sa.choice("none", "conv")
    right: str = sa.choice("none", "conv")
    width: int = sa.choice(8, 16, 32)


def test_options_are_counted_over_the_decisions_that_share_them():
    space = SearchSpace.of(Cell)
    architectures = list(space.enumerate())
    features, widths = decision_features(space, architectures)
    assert widths == (7, 2)
    assert features.shape == (12, 9)
    for row, architecture in zip(features, architectures, strict=True):
        convs = [architecture["left"], architecture["right"]].count("conv")
        assert row[7:].tolist() == [2 - convs, convs]
        assert np.array_equal(row[:7], space.encode(architecture, "one_hot"))
