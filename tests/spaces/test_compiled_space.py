"""What belongs to a space, and how it is told what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import make_space
from tests.spaces.families import Average, Block, Classifier, Leaf, Max, Tied

SPACE = sa.SearchSpace.of(Classifier)
GOOD = {
    "blocks.length": 1,
    "blocks.0.width": 16,
    "blocks.0.kernel": 3,
    "blocks.0.activation": "relu",
    "pool": "Average",
    "pool.Average.size": 3,
    "inputs": [0, 2],
    "head": True,
    "head.some.size": 2,
    "learning_rate": 0.01,
}


def changed(**values: Any) -> dict[str, Any]:
    """GOOD with some decisions replaced; `...` leaves one out."""
    document = GOOD | {name.replace("__", "."): value for name, value in values.items()}
    return {"decisions": {path: value for path, value in document.items() if value is not ...}}


def test_paths_are_as_a_person_would_write_them() -> None:
    shown = Classifier((Block(16, 3, "relu"),), Average(3), (0, 2), Average(2), 0.01)
    assert sa.Architecture.of(shown).to_json() == {"space": SPACE.digest, "decisions": GOOD}


def test_text_trees_and_other_orders_are_read_alike() -> None:
    expected = SPACE.read({"decisions": GOOD})
    assert SPACE.read(json.dumps(expected.to_json())) == expected
    assert SPACE.read({"decisions": dict(reversed(GOOD.items()))}) == expected
    assert SPACE.read(changed(blocks__0__width=16.0, learning_rate=1e-2)).text == expected.text


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (changed(pool="Min"), "pool: expected one of 'Max', 'Average', got 'Min'"),
        (changed(pool="Max"), "pool.Average.size: is no active decision here"),
        (changed(blocks__length=9), "blocks.length: expected an integer from 1 to 4, got 9"),
        (changed(blocks__length=2), "blocks.1.width: is missing"),
        (changed(blocks__length=True), "blocks.length: expected an integer from 1 to 4, got True"),
        (changed(blocks__0__width="16"), "blocks.0.width: expected one of 16, 32, 64, got '16'"),
        (changed(inputs=[2, 0]), "inputs: expected 1 to 2 of (0, 1, 2, 3), in this order, got (2, 0)"),
        (changed(inputs=[0, 0]), "inputs: expected 1 to 2"),
        (changed(inputs=[True, 2]), "inputs: expected 1 to 2"),
        (changed(inputs=[]), "inputs: expected 1 to 2"),
        (changed(inputs=2), "inputs: expected 1 to 2"),
        (changed(head=1), "head: expected one of False, True, got 1"),
        (changed(learning_rate=1), "learning_rate: expected a real number from 0.0001 to 0.1, got 1"),
        (changed(learning_rate=float("nan")), "learning_rate: expected a real number"),
        (changed(learning_rate=...), "learning_rate: is missing"),
        (changed(colour="red"), "colour: is no active decision here"),
    ],
)
def test_every_problem_is_a_sentence(document: Any, sentence: str) -> None:
    with pytest.raises(SpaceError, match="not an architecture of Classifier") as raised:
        SPACE.read(document)
    assert sentence in str(raised.value)
    foreign = sa.Architecture.from_json(document)
    assert any(sentence in problem for problem in SPACE.violations(sa.Architecture(SPACE.digest, foreign.decisions)))
    assert not SPACE.contains(sa.Architecture(SPACE.digest, foreign.decisions))


def test_all_problems_are_listed_at_once_and_each_once() -> None:
    document = changed(pool="Min", blocks__0__kernel=4, learning_rate=...)
    problems = SPACE.violations(sa.Architecture(SPACE.digest, sa.Architecture.from_json(document).decisions))
    assert [problem.split(":")[0] for problem in problems] == ["blocks.0.kernel", "pool", "learning_rate"]


def test_an_architecture_in_another_order_or_of_another_space_does_not_belong() -> None:
    good = SPACE.read({"decisions": GOOD})
    turned = sa.Architecture(SPACE.digest, dict(reversed(good.decisions.items())))
    assert SPACE.violations(turned) == ["the decisions stand in another order than in the space"]
    assert not SPACE.contains(turned)
    assert not SPACE.contains(sa.SearchSpace.of(Block).default())
    assert "it belongs to the space" in SPACE.violations(sa.SearchSpace.of(Block).default())[0]


def test_a_broken_constraint_gives_its_reason() -> None:
    space = sa.SearchSpace.of(Tied)
    broken = sa.Architecture(space.digest, {"width": 6, "name": "a", "depth": 6, "rate": 0.5})
    assert space.violations(broken) == ["Tied breaks its constraint 'small': Width times depth is at most 8"]
    assert not space.contains(broken)
    with pytest.raises(SpaceError, match="Width times depth"):
        sa.Architecture.of(Tied(6, "a", 6, 0.5))


@pytest.mark.parametrize("document", ["{", "[1]", b"\xff", "3", "[" * 100_000, "{}", '{"decisions": {"a": {}}}'])
def test_what_is_no_architecture_is_refused(document: Any) -> None:
    with pytest.raises(SpaceError):
        SPACE.read(document)


def test_huge_documents_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(SpaceError, match="at most 4,000,000 characters"):
        SPACE.read(" " * 4_000_001)
    with pytest.raises(SpaceError, match="may hold 10000 decisions"):
        SPACE.read({"decisions": {str(i): 1 for i in range(10_001)}})


def test_instances_of_other_classes_are_refused() -> None:
    with pytest.raises(SpaceError, match="expected an instance of Classifier, got Block"):
        SPACE.architecture(Block(16, 3, "relu"))
    with pytest.raises(SpaceError, match=r"pool: expected one of 'Max', 'Average', got Leaf"):
        SPACE.architecture(Classifier((), Leaf(1), (0,), None, 0.1))  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="blocks: expected a tuple, got list"):
        SPACE.architecture(Classifier([], Max(), (0,), None, 0.1))  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match=r"blocks\.length: expected an integer from 1 to 4, got 0"):
        SPACE.architecture(Classifier((), Max(), (0,), None, 0.1))


def test_an_incomplete_architecture_shows_no_instance() -> None:
    with pytest.raises(SpaceError, match=r"blocks\.length: is missing"):
        SPACE.instance(sa.Architecture(SPACE.digest, {"pool": "Max"}))


def test_classes_and_functions_as_options_are_labelled_by_name_and_handed_over_themselves() -> None:
    def double(x: int) -> int:
        return 2 * x

    @sa.space
    class Net:
        function: Any = sa.choice(double, abs, None)
        kind: Any = sa.choice(int, Max, "auto", (1, 2))
        several: tuple[Any, ...] = sa.subset([double, abs], 1, 2)

    space = sa.SearchSpace.of(Net)
    shown = Net(abs, int, (double, abs))
    architecture = space.architecture(shown)
    assert architecture.decisions == {"function": "abs", "kind": "int", "several": ("double", "abs")}
    assert space.instance(architecture) == shown
    assert space.instance(space.read({"decisions": {"function": None, "kind": [1, 2], "several": ["abs"]}})) == Net(
        None, (1, 2), (abs,)
    )

    def impostor(x: int) -> int:
        return x

    impostor.__name__ = "double"
    with pytest.raises(SpaceError, match="is not the option of that name"):
        space.architecture(Net(impostor, int, (abs,)))


def test_the_digest_follows_declarations_and_nothing_else() -> None:
    def made(**fields: Any) -> str:
        return sa.SearchSpace.of(make_space("Net", fields)).digest

    base = made(width=sa.choice(1, 2))
    assert base == made(width=sa.choice(1, 2))
    others = [
        made(width=sa.choice(1, 2, 3)),
        made(width=sa.choice(2, 1)),
        made(depth=sa.choice(1, 2)),
        made(width=sa.choice(1, 2, weights=[1, 2])),
        made(batch_size=sa.choice(1, 2, role="training")),
        made(batch_size=sa.choice(1, 2)),
        made(width=sa.integer(1, 2)),
    ]
    assert len({base, *others}) == 8


def test_the_description_is_plain_json() -> None:
    described = json.loads(json.dumps(SPACE.describe()))
    assert described == SPACE.describe()
    assert described["decisions"]["learning_rate"] == {
        "kind": "real",
        "low": 0.0001,
        "high": 0.1,
        "log": True,
        "role": "training",
    }
    assert described["decisions"]["pool"]["options"][1]["decisions"]["size"]["options"] == [2, 3]
    assert sa.SearchSpace.of(Tied).describe()["constraints"] == [
        {"name": "small", "reads": ["width", "depth"], "reason": "Width times depth is at most 8"}
    ]


def test_an_architecture_is_decided_one_active_decision_at_a_time() -> None:
    wanted = SPACE.read({"decisions": GOOD})
    asked: list[str] = []

    def choose(path: str, decision: Any) -> Any:
        assert decision.domain.problem(wanted[path]) is None
        asked.append(path)
        return wanted[path]

    assert SPACE.decide(choose) == wanted
    assert asked == list(wanted)


def test_parameters_from_elsewhere_are_composed_and_those_of_inactive_decisions_passed_over() -> None:
    values = SPACE.read({"decisions": GOOD}).decisions | {"blocks.1.width": 32, "pool.Max.size": 2}
    assert SPACE.compose(values) == SPACE.read({"decisions": GOOD})


@pytest.mark.parametrize(
    ("values", "problem"),
    [({"blocks.0.width": 17}, "blocks.0.width: expected one of"), ({"blocks.length": 2}, "no value for the decision")],
)
def test_parameters_that_make_no_architecture_are_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(SpaceError, match=problem):
        SPACE.compose(SPACE.read({"decisions": GOOD}).decisions | values)
