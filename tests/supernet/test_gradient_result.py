"""Results travel as JSON and come back equal."""

import json

from searchitect.spaces import SearchSpace
from searchitect.supernet.gaps import DiscretisationGap
from searchitect.supernet.gradient_result import GradientSearch, SearchEpoch, SearchRun
from tests.supernet.planted import Planted

SPACE = SearchSpace.of(Planted)
ENTRY = SearchEpoch(0, 1, 1.5, None, {"edge_0": (0.25, 0.75)}, 0.5, 0.9, None, 1.0)


def run(score, architecture):
    return SearchRun(7, architecture, score, DiscretisationGap(0.9, score), {"edge_0": 0.1}, (ENTRY,), None)


def test_a_run_comes_back_from_json_as_it_was():
    done = run(0.8, SPACE.default())
    assert SearchRun.from_json(json.loads(json.dumps(done.to_json()))) == done


def test_every_architecture_stands_once_the_best_first():
    first, other = SPACE.default(), next(iter(SPACE.neighbours(SPACE.default())))
    found = GradientSearch(SPACE, "darts", {}, (run(0.9, other), run(0.8, first), run(0.7, other)))
    assert found.best == other
    assert found.architectures == (other, first)
