import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies.gp_wl import GPWL, decision_graphs
from searchitect.strategies.random_search import RandomSearch
from searchitect.strategies.strategy import Setting
from searchitect.testing.strategies import synthetic_search
from tests.strategies.intervals import coverage, published
from tests.strategies.spaces import Conditional

SCORE = (Objective("score", "maximize"),)
OPERATIONS = ("none", "skip", "conv", "pool")


@sa.space
class Cell:
    edge_0_1: str = sa.choice(*OPERATIONS)
    edge_0_2: str = sa.choice(*OPERATIONS)
    edge_1_2: str = sa.choice(*OPERATIONS)
    edge_0_3: str = sa.choice(*OPERATIONS)
    edge_1_3: str = sa.choice(*OPERATIONS)
    edge_2_3: str = sa.choice(*OPERATIONS)


@sa.space
class Trained:
    edge_0_1: str = sa.choice(*OPERATIONS)
    learning_rate: float = sa.real(1e-3, 1e-1, log=True, role="training")


CELLS = sa.SearchSpace.of(Cell)


def cell(*operations):
    names = [decision.path for decision in CELLS.decisions()]
    return CELLS.read({"decisions": dict(zip(names, operations, strict=True))})


def score(architecture):
    """Ways from 0 to 3 through a `conv` and then a `pool`."""
    ways = [("edge_0_1", "edge_1_3"), ("edge_0_2", "edge_2_3"), ("edge_1_2", "edge_2_3"), ("edge_0_1", "edge_1_2")]
    return sum(architecture[one] == "conv" and architecture[other] == "pool" for one, other in ways) + 0.0


def searched(make, seed, trials=50):
    setting = Setting(CELLS, SCORE, seed, budget=trials)
    told = synthetic_search(make(setting), setting, score, trials)
    return max(t.measurements["score"] for t in told if t.is_complete)


def test_it_finds_planted_wiring_that_random_search_misses():
    ours, random = ([searched(make, seed) for seed in range(2)] for make in (GPWL, RandomSearch))
    assert statistics.fmean(ours) >= 2.0  # the most there is: two of the four ways exclude the others
    assert statistics.fmean(ours) > statistics.fmean(random)


def test_cells_that_differ_in_dead_edges_only_are_one_graph():
    graphs = decision_graphs(CELLS)
    one = graphs(cell("none", "conv", "pool", "none", "skip", "pool"))
    assert one == graphs(cell("none", "conv", "skip", "none", "conv", "pool"))
    assert one != graphs(cell("none", "conv", "skip", "none", "conv", "conv"))


def test_training_decisions_stand_beside_the_cell():
    space = sa.SearchSpace.of(Trained)
    made = space.read({"decisions": {"edge_0_1": "conv", "learning_rate": 0.09}})
    matrix, labels = decision_graphs(space)(made)
    assert labels == ["input", "conv", "output", "learning_rate=fifth 5"]
    assert matrix == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_any_other_space_is_a_graph_of_its_active_decisions():
    space = sa.SearchSpace.of(Conditional)
    small = {"block": "Small", "block.Small.kernel": 3}
    rest = {"blocks.0.kernel": 5, "blocks.1.kernel": 3, "wiring": [0, 2], "learning_rate": 1e-4}
    matrix, labels = decision_graphs(space)(space.read({"decisions": small | {"blocks.length": 2} | rest}))
    assert labels == [
        "block=Small", "block.Small.kernel=3", "blocks.length=2", "blocks.*.kernel=5", "blocks.*.kernel=3",
        "wiring=(0, 2)", "learning_rate=fifth 1",
    ]  # fmt: skip
    arrows = {(i, j) for i, row in enumerate(matrix) for j, on in enumerate(row) if on}
    assert arrows == {(i, i + 1) for i in range(6)} | {(2, 4)}


def test_the_planted_motif_is_reported_best():
    setting = Setting(CELLS, SCORE, 0, budget=60)
    strategy = GPWL(setting, initial=50)
    luck = stream(0)
    with pytest.raises(ConfigError, match="two trials"):
        strategy.motifs()
    synthetic_search(strategy, setting, lambda a: sum(a[p] == "conv" for p in a) + luck.gauss(0, 0.1), 50)
    assert next(iter(strategy.motifs(level=0))) == "conv"
    assert strategy.belief().rank_correlation > 0.3


def test_a_depth_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="depth must be 1, 2 or 3, got 4"):
        GPWL(Setting(CELLS, SCORE), depth=4)


def test_nine_of_ten_trainings_lie_in_the_ninety_percent_intervals_of_a_model_that_did_not_see_them():
    inside, agreement = coverage(GPWL, sa.tabular.open_benchmark("digits_bench"))
    assert 0.85 <= inside <= 0.95
    assert agreement > 0.85, "wide intervals hold everything: the means must rank too"


@pytest.mark.data
@pytest.mark.parametrize("name", ["nasbench201/cifar10", "transnas_micro/autoencoder", "nasbench101"])
def test_so_do_nine_of_ten_published_results(name):
    inside, agreement = coverage(GPWL, published(name))
    assert 0.85 <= inside <= 0.95
    assert agreement > 0.65
