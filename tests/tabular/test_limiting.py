import cloudpickle
import pytest

from searchitect.errors import ConfigError, ConstraintError
from searchitect.tabular.comparing import compare, extremes
from searchitect.tabular.limiting import limited
from tests.tabular.tables import at, grid, opened


@pytest.fixture
def table(tmp_path):
    # The pool of depth 2 has the best test accuracy; its phone latency is unknown, and the conv is slow.
    columns = grid() | {"phone_latency_ms": [3, 1, 1, 9, "", 2]}
    return opened(tmp_path, columns)


def test_only_what_keeps_the_limits_is_a_member_and_the_optimum_is_theirs(table):
    tight = limited(table, ["phone_latency_ms<=3"])
    assert {(a["depth"], a["op"]) for a in tight.members()} == {(1, "conv"), (1, "pool"), (1, "skip"), (2, "skip")}
    assert extremes(table) == (0.75, 0.25)
    assert extremes(tight) == (0.55, 0.25)
    assert tight.check(at(table, depth=2, op="conv")) == ["phone_latency_ms is 9, the limit is phone_latency_ms<=3"]
    assert tight.check(at(table, depth=2, op="pool"))  # not measured: no limit is kept
    assert tight.measure(at(table, depth=1, op="conv")) == table.measure(at(table, depth=1, op="conv"))
    assert len(tight) == 4


def test_without_limits_a_benchmark_stays_what_it_is(table):
    assert limited(table, []) is table


def test_a_limited_benchmark_travels_and_keeps_what_else_it_has(table):
    tight = cloudpickle.loads(cloudpickle.dumps(limited(table, ["phone_latency_ms<=3"])))  # as it goes to workers
    assert extremes(tight) == (0.55, 0.25)
    assert tight.epochs is None
    with pytest.raises(AttributeError):
        tight.nothing


def test_the_harness_searches_under_limits_and_rejections_are_free(table):
    document = compare(table, "random", trials=4, seeds=2, constraints=["phone_latency_ms<=3"]).document()
    assert document["optimum"] == 0.55
    assert "phone_latency_ms<=3" in document["benchmark"]
    row = document["rows"][0]
    assert row["error"] is None
    assert row["at"]["4"]["mean"] == 0.55  # four evaluations are all that keep the limit


def test_a_limit_that_the_table_cannot_answer_names_the_nearest(table):
    with pytest.raises(ConfigError, match="did you mean 'phone_latency_ms'"):
        limited(table, ["fone_latency_ms<=3"])


def test_an_impossible_limit_says_by_how_much(table):
    with pytest.raises(ConstraintError, match="the nearest breaks a limit by 100.0%"):
        limited(table, ["phone_latency_ms<=0.5"])
