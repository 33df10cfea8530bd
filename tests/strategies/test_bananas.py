import statistics

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.bananas import Bananas
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import TrialState
from tests.strategies.test_cell_graphs import Vertices
from tests.strategies.test_regularized_evolution import SPACE

SCORE = (Objective("score", "maximize"),)
SMALL = {"members": 3, "layers": 2, "epochs": 30, "candidates": 60}


def complete(told):
    return [trial for trial in told if trial.state is TrialState.COMPLETE]


def test_it_comes_nearer_to_a_planted_optimum_than_random_search():
    def best(name, seed, options=None):
        setting = Setting(SPACE, SCORE, seed)
        planted = SPACE.sample(stream(seed, "planted optimum"))
        told = synthetic_search(
            make_strategy(name, setting, options), setting, lambda a: -planted_loss(SPACE, planted, a), 60
        )
        return max(trial.measurements["score"] for trial in complete(told))

    seeds = range(2)
    led = [best("bananas", seed, SMALL) for seed in seeds]
    assert statistics.fmean(led) >= statistics.fmean(best("random", seed) for seed in seeds) + 1.0


def test_it_believes_by_held_out_predictions():
    setting = Setting(SPACE, SCORE, 1)
    strategy = Bananas(setting, **SMALL)
    synthetic_search(strategy, setting, lambda a: a["a"] + 2.0 * a["b"], 50)
    belief = strategy.belief()
    assert belief.rank_correlation > 0.5
    assert belief.note.startswith("bananas: led by a model of 40 trials")


def test_a_space_of_graphs_is_searched_by_paths_and_its_recipe():
    space = sa.SearchSpace.of(Vertices)
    setting = Setting(space, SCORE, 0)
    strategy = Bananas(setting, startup=10, **SMALL)
    told = synthetic_search(strategy, setting, lambda a: -abs(a["learning_rate"] - 0.1) + a["edge_0_1"], 40)
    assert len({trial.key for trial in told}) == 40
    assert strategy.belief().incumbent is not None
