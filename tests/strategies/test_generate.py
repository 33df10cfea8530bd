import dataclasses
import itertools
import json
import statistics
import time
import warnings

import pytest

import searchitect as sa
from searchitect.errors import ConfigError, SpaceError
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.generate import Bandit
from searchitect.strategies.productions import Productions
from searchitect.strategies.steps import Steps
from searchitect.testing.strategies import StrategyContract, planted_loss, synthetic_search
from searchitect.trial import TrialState
from tests.strategies.planted import SCORE, SPACE, Wide
from tests.strategies.spaces import Conditional, Flat


@sa.space
class Leaf:
    kernel: int = sa.choice(3, 5, 7)


@sa.space
class Node:
    operation: str = sa.choice("add", "concat", "gate")
    left: "Leaf | Node" = sa.choice(Leaf, sa.recursive("Node", depth=20), weights=(0.6, 0.4))
    right: "Leaf | Node" = sa.choice(Leaf, sa.recursive("Node", depth=20), weights=(0.6, 0.4))


SETTING = Setting(SPACE, SCORE, 0, budget=60)


def score(space, seed=0):
    planted = space.sample(stream(seed, "planted"))
    return lambda architecture: -planted_loss(space, planted, architecture)


def searched(propose, trials=60, setting=SETTING, **options):
    strategy = make_strategy("generate", setting, {"propose": propose, **options})
    return strategy, synthetic_search(strategy, setting, score(setting.space), trials)


def started(told):
    return [trial for trial in told if trial.state is TrialState.RUNNING]


def test_learned_acceptance_finds_a_planted_optimum_that_random_search_misses():
    def best(name, seed):
        setting = Setting(SPACE, SCORE, seed, budget=100)
        told = synthetic_search(make_strategy(name, setting), setting, score(SPACE, seed), 100)
        return max(t.measurements["score"] for t in told if t.is_complete)

    seeds = range(5)
    found = [best("generate", seed) for seed in seeds]
    assert statistics.fmean(found) >= statistics.fmean(best("random", seed) for seed in seeds) + 1.0
    assert sum(value == 0 for value in found) >= 3


def test_in_a_recursive_space_it_learns_which_productions_are_good():
    """Depth 20 unrolls to more places than can be encoded. The score is the share of gates among the operations."""
    space = sa.SearchSpace.of(Node)
    with pytest.raises(SpaceError, match="too many to encode"):
        space.decisions()

    def gates(architecture):
        operations = [value for path, value in architecture.items() if path.endswith("operation")]
        return (1 + operations.count("gate")) / (2 + len(operations))

    def late(name, seed):
        setting = Setting(space, SCORE, seed, budget=60)
        told = synthetic_search(make_strategy(name, setting), setting, gates, 60)
        assert all(space.contains(trial.architecture) for trial in told)
        return statistics.fmean(gates(trial.architecture) for trial in started(told)[40:])

    gains = [late("generate", seed) - late("random", seed) for seed in range(3)]
    assert statistics.fmean(gains) > 0.15


def test_productions_count_wherever_they_occur():
    space = sa.SearchSpace.of(Node)
    examples = [space.sample(stream(n, "x")) for n in range(20)]
    productions = Productions(Steps(space), examples)
    rows = productions.rows(examples)
    column = productions._columns["Node.operation", 2]
    for architecture, row in zip(examples, rows, strict=True):
        count = sum(value == "gate" and path.endswith("Node.operation") for path, value in architecture.items())
        assert 2 ** row[column] == pytest.approx(1 + count)


def test_a_good_proposal_function_is_asked_more_and_more_and_finds_the_optimum():
    target, seen = SPACE.sample(stream(0, "planted")), []

    def propose(request):
        seen.append(request)
        decisions = request["parent"]["decisions"]
        wrong = [path for path in target if decisions[path] != target[path]]
        path = wrong[request["number"] % len(wrong)] if wrong else "a"
        return json.dumps({"set": {path: target[path]}})

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # its repeats
        _, told = searched(propose)
    assert max(t.measurements["score"] for t in told if t.is_complete) == 0
    assert len(seen) > 5
    request = seen[-1]
    values = [entry["score"] for entry in request["best"]]
    assert values == sorted(values, reverse=True)
    assert len(values) == 3
    assert max(entry["score"] for entry in request["worst"]) <= min(values)
    assert all(entry["reason"] == "planted failure" for entry in request["failed"])
    assert request["failed"]
    assert request["space"] == SPACE.describe()
    assert request["objective"] == {"name": "score", "direction": "maximize"}


def raising(request):
    raise ValueError("no connection")


def leaving(request):
    raise SystemExit(3)


def changing_the_request(request):
    request["parent"]["decisions"].clear()
    request.clear()
    return {"set": {"a": 99}}


def sleeping(request):
    time.sleep(0.2)
    return {"set": {"a": 1}}


USELESS = {
    "error": (raising, "ValueError: no connection"),
    "exit": (leaving, "SystemExit"),
    "nothing": (lambda request: None, "NoneType"),
    "prose": (lambda request: "I think you should use more layers.", "JSONDecodeError"),
    "no such option": (lambda request: {"set": {"a": 99}}, "expected one of 0, 1"),
    "no such decision": (lambda request: {"set": {"depth": 3}}, "no active decision 'depth'"),
    "a part only": (lambda request: {"decisions": {"a": 1}}, "is missing"),
    "too long": (lambda request: "[" * 300_000, "300,000 characters"),
    "too deep": (lambda request: "[" * 150_000, "RecursionError|JSONDecodeError|SpaceError"),
    "too many": (lambda request: {"set": {str(i): i for i in range(20_000)}}, "10,000 decisions"),
    "unhashable": (lambda request: {"set": {"a": {"b": 1}}}, "unhashable|expected one of"),
    "a repeat": (lambda request: {"decisions": request["best"][0]["decisions"]}, "was tried before"),
    "a vandal": (changing_the_request, "expected one of"),
    "too slow": (sleeping, "within 0.05 seconds|still busy"),
}


@pytest.mark.parametrize("case", USELESS)
def test_a_useless_function_costs_a_warning_and_nothing_else(case):
    propose, reason = USELESS[case]
    with pytest.warns(UserWarning, match=reason) as caught:
        strategy, told = searched(propose, 40, seconds=0.05)
    assert len(started(told)) == 40
    assert all(SPACE.contains(trial.architecture) for trial in told)
    # What failed is charged to it: the bandit asks ever less.
    means = strategy._bandit.means()
    assert means["propose"] == min(means.values())
    assert len(caught) < 20


def test_what_the_study_forbids_is_not_taken_from_a_function_either():
    setting = dataclasses.replace(SETTING, check=lambda a: ["too large"] if a["a"] == 5 else [])
    with pytest.warns(UserWarning, match="outside the limits: too large"):
        _, told = searched(lambda request: {"set": {"a": 5}}, 40, setting)
    assert all(trial.architecture["a"] != 5 for trial in told)


def test_a_function_that_hangs_is_not_asked_again_while_it_does():
    calls = itertools.count()

    def hanging(request):
        next(calls)
        time.sleep(1.0)

    with pytest.warns(UserWarning, match="within 0.01 seconds|still busy"):
        searched(hanging, 30, seconds=0.01)
    assert next(calls) <= 3


def test_what_was_told_needs_no_function_on_replay():
    calls = []

    def moody(request):
        """Never says the same thing twice, so nothing that depends on asking it again could be repeated."""
        calls.append(request)
        return {"set": {"a": len(calls) % 6, "b": len(calls) // 6 % 6}}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        live, told = searched(moody, 60)
    asked = len(calls)
    assert asked > 0
    rebuilt = make_strategy("generate", SETTING, {"propose": moody})
    for trial in told:
        rebuilt.tell(trial)
    assert len(calls) == asked
    assert rebuilt._bandit.means() == live._bandit.means()


def test_asking_twice_asks_the_function_once():
    calls = []

    def counting(request):
        calls.append(request)
        return {"set": {"a": len(calls) % 6, "b": len(calls) // 6, "c": 1}}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        strategy, _ = searched(counting, 30)
        for number in range(30, 60):
            before = len(calls)
            first = strategy.ask(number)
            assert len(calls) <= before + 1
            assert strategy.ask(number) == first
            assert len(calls) <= before + 1


class WithProposals(StrategyContract):
    """The contract holds for a function whose answer depends on the request alone."""

    trials = 40

    def make(self, setting):
        def propose(request):
            decisions = request["best"][0]["decisions"]
            path = list(decisions)[request["number"] % len(decisions)]
            return {"set": {path: request["best"][-1]["decisions"].get(path, decisions[path])}}

        return make_strategy("generate", setting, {"propose": propose})


@pytest.mark.filterwarnings("ignore:the proposal function")
@pytest.mark.parametrize("source", [Flat, Conditional])
@pytest.mark.parametrize("workers", [1, 4])
def test_with_a_deterministic_function_a_rebuilt_strategy_asks_what_the_live_one_would(source, workers):
    WithProposals().check_replay_equals_live(sa.SearchSpace.of(source), workers)


def test_a_study_keeps_the_name_of_the_function_and_goes_on_with_it(tmp_path):
    def study():
        options = {"propose": raising}
        return sa.Study(
            Wide, strategy="generate", options=options, objectives=["score"], store=f"sqlite:///{tmp_path}/studies.db"
        )

    with study() as first:
        trial = first.ask()
        first.tell(trial, 1.0)
        assert first.state.manifest["strategy"]["options"] == {"propose": f"{__name__}.raising"}
    with study() as again:
        assert again.ask().number == 1


def test_a_name_is_no_function():
    with pytest.raises(ConfigError, match=r"must be a function, got 'module.propose'\n.*pass the function itself"):
        make_strategy("generate", SETTING, {"propose": "module.propose"})


def test_the_bandit_prefers_what_succeeds_and_notices_when_that_changes():
    bandit = Bandit(["one", "other"])
    for number in range(60):
        bandit.update("one", True)
        bandit.update("other", number % 4 == 0)
    assert sum(bandit.choose(stream(0, n)) == "one" for n in range(200)) > 180
    for _ in range(40):
        bandit.update("one", False)
    assert sum(bandit.choose(stream(0, n)) == "other" for n in range(200)) > 150


def test_it_tells_how_far_its_judge_can_be_trusted():
    strategy = make_strategy("generate", SETTING)
    told = synthetic_search(strategy, SETTING, score(SPACE), 60)
    belief = strategy.belief()
    best = max((t for t in told if t.is_complete), key=lambda t: (t.measurements["score"], -t.number))
    assert belief.incumbent == best.number
    assert belief.rank_correlation > 0.3
    assert "sample" in belief.note
    assert "mutate" in belief.note
