"""MAP-Elites finds the best of each niche where random search finds a few of them."""

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.elites import elites_of
from searchitect.strategies.niches import parse_niches
from searchitect.testing.strategies import synthetic_search
from tests.strategies.planted import SPACE

SCORE = (Objective("score", "maximize"),)
NICHES = {"grid": {"a": [0, 1, 2, 3, 4]}}
"""Six niches, one for each value of `a`."""


def score(architecture):
    """Best at b = c = d = e = f = a: another optimum in every niche."""
    return -float(sum(abs(architecture[path] - architecture["a"]) for path in "bcdef"))


def found(name, seed, trials=200, **options):
    setting = Setting(SPACE, SCORE, seed, budget=trials)
    strategy = make_strategy(name, setting, options)
    told = synthetic_search(strategy, setting, score, trials)
    archive = elites_of(told, parse_niches(NICHES), SPACE, SCORE[0])
    return sum(loss for loss in archive.losses())


@pytest.mark.parametrize("selection", ["uniform", "improvement"])
def test_it_comes_nearer_to_the_best_of_every_niche_than_random_search(selection):
    seeds = range(4)
    ours = [found("map_elites", seed, niches=NICHES, selection=selection) for seed in seeds]
    random = [found("random", seed) for seed in seeds]
    assert max(ours) < min(random)
    assert sum(ours) < 0.5 * sum(random)


def test_children_come_from_elites_only():
    setting = Setting(SPACE, SCORE, 0, budget=60)
    strategy = make_strategy("map_elites", setting, {"niches": NICHES, "initial": 10})
    told = synthetic_search(strategy, setting, score, 60)
    parents = {t.proposal.parent for t in told if t.proposal.parent is not None}
    ever = set()
    for end in range(1, len(told) + 1):
        archive = elites_of(told[:end], parse_niches(NICHES), SPACE, SCORE[0])
        ever |= {elite.number for _, elite in archive.elites.values()}
    assert parents
    assert parents <= ever


def test_without_niches_the_space_is_cut_into_regions():
    strategy = make_strategy("map_elites", Setting(SPACE, SCORE, 0))
    assert len(strategy.niches.names) == 32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"selection": "best"}, "'uniform' or 'improvement', got 'best'"),
        ({"crossover": 2}, "crossover=2"),
        ({"niches": ["latency_ms<=0 and latency_ms>=1"]}, "no latency_ms lies above 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_strategy("map_elites", Setting(sa.SearchSpace.of(SPACE), SCORE), options)
