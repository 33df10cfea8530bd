import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies.importance import importances
from tests.strategies.planted import SPACE
from tests.strategies.spaces import Conditional


def test_the_order_of_planted_weights_is_found():
    drawn = [SPACE.sample(stream(0, n)) for n in range(200)]
    observed = [(a, 9.0 * a["c"] + 3.0 * a["a"] + 1.0 * a["e"]) for a in drawn]
    found = importances(observed, list("abcdef"))
    assert sorted(found, key=found.get, reverse=True)[:2] == ["c", "a"]
    assert max(found["b"], found["d"], found["f"]) < found["a"] / 2


def test_a_collapsed_model_does_not_decide_alone():
    drawn = [SPACE.sample(stream(1, n)) for n in range(60)]
    observed = [(a, float(a["a"])) for a in drawn]
    observed[0] = (drawn[0], 1e9)
    found = importances(observed, ["a", "b"])
    assert found["a"] > 5 * found["b"]


def test_real_numbers_and_inactive_decisions_are_grouped():
    space = sa.SearchSpace.of(Conditional)
    drawn = [space.sample(stream(2, n)) for n in range(80)]
    found = importances([(a, -a["learning_rate"]) for a in drawn], ["learning_rate", "block", "block.Large.rate"])
    assert max(found, key=found.get) == "learning_rate"


def test_without_observations_nothing_matters():
    assert importances([], ["a"]) == {"a": 0.0}
