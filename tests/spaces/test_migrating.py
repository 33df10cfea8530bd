"""A study whose space has grown or shrunk: carried over where the meaning stays, refused where it is a guess."""

from __future__ import annotations

from typing import Any

import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import make_space
from tests.spaces.families import Average, Max


def old(**fields: Any) -> sa.SearchSpace:
    return sa.SearchSpace.of(make_space("Net", fields))


FIRST = old(width=sa.choice(16, 32), blocks=sa.repeat(sa.choice(3, 5), 1, 3))
TRIAL = FIRST.read({"decisions": {"width": 32, "blocks.length": 2, "blocks.0": 3, "blocks.1": 5}})


def test_a_space_that_grew_by_options_keeps_the_decisions() -> None:
    space = old(width=sa.choice(8, 16, 32, 64), blocks=sa.repeat(sa.choice(3, 5, 7), 1, 9))
    moved = space.migrate(TRIAL.to_json(), FIRST.describe())
    assert moved.decisions == TRIAL.decisions
    assert space.contains(moved)
    assert space.key(moved) == FIRST.key(TRIAL)


def test_an_older_architecture_is_not_read_without_being_asked() -> None:
    space = old(width=sa.choice(8, 16, 32, 64), blocks=sa.repeat(sa.choice(3, 5, 7), 1, 9))
    assert not space.contains(TRIAL)
    with pytest.raises(SpaceError, match=r"(?s)belongs to the space.*space\.migrate"):
        space.read(TRIAL.to_json())


def test_a_removed_option_is_refused_and_named() -> None:
    space = old(width=sa.choice(8, 16), blocks=sa.repeat(sa.choice(3, 5), 1, 3))
    with pytest.raises(SpaceError, match=r"'width' cannot be carried over: expected one of 8, 16, the old value is 32"):
        space.migrate(TRIAL.to_json())


def test_a_shorter_repeat_refuses_what_was_longer() -> None:
    space = old(width=sa.choice(16, 32), blocks=sa.repeat(sa.choice(3, 5), 1, 1))
    with pytest.raises(SpaceError, match=r"'blocks\.length' cannot be carried over"):
        space.migrate(TRIAL.to_json())


def test_a_new_decision_takes_the_value_declared_for_the_time_before() -> None:
    space = old(
        width=sa.choice(16, 32), blocks=sa.repeat(sa.choice(3, 5), 1, 3), act=sa.choice("gelu", "relu", before="relu")
    )
    assert space.migrate(TRIAL.to_json(), FIRST.describe())["act"] == "relu"


def test_a_new_decision_of_unknown_meaning_is_refused_with_what_to_type() -> None:
    space = old(width=sa.choice(16, 32), blocks=sa.repeat(sa.choice(3, 5), 1, 3), act=sa.choice("gelu", "relu"))
    with pytest.raises(SpaceError, match=r"(?s)'act' cannot be carried over: .*new.*before=.*values="):
        space.migrate(TRIAL.to_json())
    assert space.migrate(TRIAL.to_json(), values={"act": "gelu"})["act"] == "gelu"


def test_new_decisions_in_every_element_are_given_by_pattern() -> None:
    block = make_space("Block", {"kernel": sa.choice(3, 5)})
    grown = make_space("Block", {"kernel": sa.choice(3, 5), "width": sa.choice(8, 16)})
    first = old(blocks=sa.repeat(block, 1, 3))
    start = first.read({"decisions": {"blocks.length": 2, "blocks.0.kernel": 3, "blocks.1.kernel": 5}})
    moved = old(blocks=sa.repeat(grown, 1, 3)).migrate(start.to_json(), values={"blocks.*.width": 16})
    assert (moved["blocks.0.width"], moved["blocks.1.width"]) == (16, 16)


def test_a_new_optional_is_absent_and_a_decision_of_one_value_takes_it() -> None:
    space = old(
        width=sa.choice(16, 32), blocks=sa.repeat(sa.choice(3, 5), 1, 3), head=sa.optional(Average), fixed=sa.choice(7)
    )
    moved = space.migrate(TRIAL.to_json())
    assert (moved["head"], moved["fixed"]) == (False, 7)


def test_a_removed_decision_is_refused_unless_it_had_one_value() -> None:
    space = old(blocks=sa.repeat(sa.choice(3, 5), 1, 3))
    with pytest.raises(SpaceError, match=r"'width' cannot be carried over: the space no longer has"):
        space.migrate(TRIAL.to_json(), FIRST.describe())
    fixed = old(width=sa.choice(32), blocks=sa.repeat(sa.choice(3, 5), 1, 3))
    start = fixed.read({"decisions": TRIAL.decisions})
    assert "width" not in space.migrate(start.to_json(), fixed.describe())
    with pytest.raises(SpaceError, match="'width'"):
        space.migrate(start.to_json())


def test_a_new_option_with_decisions_of_its_own_changes_nothing() -> None:
    first = old(pool=sa.choice(Max))
    space = old(pool=sa.choice(Average, Max))
    assert space.migrate(first.default().to_json()).decisions == {"pool": "Max"}


def test_an_incomplete_document_is_not_mistaken_for_an_old_one() -> None:
    document = {"space": FIRST.digest, "decisions": {"width": 32}}
    space = old(width=sa.choice(16, 32), blocks=sa.repeat(sa.choice(3), 1, 1))
    with pytest.raises(SpaceError, match="the old space had it"):
        space.migrate(document, FIRST.describe())


def test_new_constraints_refuse_what_breaks_them() -> None:
    @sa.space
    class Net:
        width: int = sa.choice(16, 32)

        @sa.constraint
        def narrow(self) -> bool:
            """The width is below 20."""
            return self.width < 20

    with pytest.raises(SpaceError, match=r"cannot be carried over: .*The width is below 20"):
        sa.SearchSpace.of(Net).migrate({"decisions": {"width": 32}})


def test_old_decisions_are_found_at_any_depth_of_the_old_description() -> None:
    inner = make_space("Inner", {"fixed": sa.choice(7), "kept": sa.choice(1, 2)})
    shrunk = make_space("Inner", {"kept": sa.choice(1, 2)})

    def made(part: type) -> sa.SearchSpace:
        fields = {
            "nested": sa.nested(part),
            "maybe": sa.optional(part),
            "several": sa.repeat(part, 1, 2),
            "either": sa.choice(part, Max),
            "again": sa.choice(Max, sa.recursive("Net", depth=1)),
        }
        return old(**fields)

    before, after = made(inner), made(shrunk)
    document = before.default().to_json()
    document["decisions"] |= {"maybe": True, "maybe.some.fixed": 7, "maybe.some.kept": 2}
    moved = after.migrate(document, before.describe())
    assert [path for path in moved if path.endswith("fixed")] == []
    assert moved["maybe.some.kept"] == 2
    with pytest.raises(SpaceError, match="no longer has this decision"):
        after.migrate(document)
