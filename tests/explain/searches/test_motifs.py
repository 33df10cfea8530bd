"""Motifs of cells: planted patterns are found and read aloud."""

from __future__ import annotations

import json
import random

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.explain.searches.motifs import MotifEffects, motif_effects, motif_words
from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

ACCURACY = Objective("accuracy", "maximize")
OPERATIONS = ("conv", "pool", "skip", "none")


@sa.space
class Cell:
    edge_0_1: str = sa.choice(*OPERATIONS)
    edge_0_2: str = sa.choice(*OPERATIONS)
    edge_1_2: str = sa.choice(*OPERATIONS)
    edge_1_3: str = sa.choice(*OPERATIONS)
    edge_2_3: str = sa.choice(*OPERATIONS)


@sa.space
class Plain:
    width: int = sa.choice(16, 32)


SPACE = SearchSpace.of(Cell)


def has_live(cell: Architecture, operation: str) -> bool:
    """Whether an edge of that operation lies on a way from the first node to the last."""
    edges = {(int(path[5]), int(path[7])): value for path, value in cell.items() if value != "none"}
    reached, back = {0}, {3}
    for _ in range(3):
        reached |= {j for i, j in edges if i in reached}
        back |= {i for i, j in edges if j in back}
    return any(value == operation and i in reached and j in back for (i, j), value in edges.items())


def cells(count: int = 60) -> tuple[list[Architecture], list[float]]:
    rng = random.Random(0)
    drawn = [SPACE.sample(rng) for _ in range(count)]
    told = [0.1 * sum(v == "conv" for _, v in a.items()) - 0.1 * sum(v == "pool" for _, v in a.items()) for a in drawn]
    return drawn, [value + rng.gauss(0, 0.01) for value in told]


@pytest.fixture(scope="module")
def found() -> MotifEffects:
    return motif_effects(*cells(), ACCURACY, SPACE)


def test_the_planted_operation_helps_and_its_opposite_harms(found: MotifEffects) -> None:
    assert found.helping[0].text == "conv"
    assert found.harming[0].text == "pool"
    assert found.helping[0].effect > 0 > found.harming[0].effect
    assert found.rank_correlation > 0.4
    json.dumps(found.to_json(), allow_nan=False)


def test_motifs_in_words_name_the_operation_and_its_neighbours(found: MotifEffects) -> None:
    patterns = [one for one in found.helping + found.harming if one.motif.startswith("[")]
    assert patterns
    assert all("feeding" in one.text or "fed by" in one.text for one in patterns)


def test_model_and_means_agree_on_every_motif_that_is_told(found: MotifEffects) -> None:
    for one in found.helping + found.harming:
        assert (one.effect > 0) == (one.with_mean > one.without_mean)
    assert 0 <= found.disagreeing < found.motifs


def test_means_with_and_without_are_those_of_the_trials(found: MotifEffects) -> None:
    drawn, told = cells()
    joined = [t for a, t in zip(drawn, told, strict=True) if has_live(a, "conv")]
    assert found.helping[0].holders == len(joined)
    assert found.helping[0].with_mean == pytest.approx(sum(joined) / len(joined))
    assert found.helping[0].half is not None
    assert found.helping[0].with_mean - found.helping[0].without_mean > found.helping[0].half


def test_of_a_loss_the_other_side_helps() -> None:
    drawn, told = cells(30)
    assert motif_effects(drawn, told, Objective("loss", "minimize"), SPACE, levels=(0,)).helping[0].text == "pool"


@pytest.mark.parametrize(
    ("motif", "words"),
    [
        ("[input>conv>output+pool]", "conv, fed by input, feeding output and pool"),
        ("[conv+conv>output>]", "output, fed by 2 × conv"),
        ("conv", "conv"),
        ("[>rate=0.1>]", "rate=0.1 alone"),
        ("[a>b>c>d]", "[a>b>c>d]"),
    ],
)
def test_a_motif_reads_as_a_sentence(motif: str, words: str) -> None:
    assert motif_words(motif) == words


def test_a_space_without_a_graph_is_refused_plainly() -> None:
    space = SearchSpace.of(Plain)
    drawn = [space.sample(random.Random(i)) for i in range(30)]
    with pytest.raises(ConfigError, match="Plain is no space of cells"):
        motif_effects(drawn, [float(i) for i in range(30)], ACCURACY, space)


def test_too_few_cells_and_a_constant_objective_are_refused() -> None:
    drawn, told = cells(30)
    with pytest.raises(ConfigError, match="at least 20 complete trials .* there are 5"):
        motif_effects(drawn[:5], told[:5], ACCURACY, SPACE)
    with pytest.raises(ConfigError, match=r"is 0\.5 in all 30 trials"):
        motif_effects(drawn, [0.5] * 30, ACCURACY, SPACE)
