import pytest

import searchitect as sa
from searchitect.api import resume
from searchitect.api.scoring import pool_size
from searchitect.errors import ConfigError
from searchitect.storage import open_store
from searchitect.tabular import TableEvaluator, open_benchmark
from tests.evaluators.spaces_of_models import SmallCnn

QUICK = {"recipe": sa.Recipe(epochs=1), "workers": 0, "trials": 6, "random_search": False, "confirm_seeds": 1}


@pytest.mark.parametrize(
    ("each", "seconds", "trials", "pool"),
    [
        (0.1, 300.0, None, 300),
        (0.1, None, 12, 120),
        (10.0, 60.0, None, 20),
        (0.001, 600.0, None, 1000),
        (0.1, 60, 3, 30),
    ],
)
def test_a_pool_takes_a_tenth_of_the_time_and_ten_for_each_trial_at_most(each, seconds, trials, pool) -> None:
    assert pool_size(each, seconds, trials) == pool


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxies")
    store = f"sqlite:///{folder / 'studies.db'}"
    result = sa.search("digits", SmallCnn, proxies="nwot,flops", store=store, name="seeded", folder=folder, **QUICK)
    return result, store


def test_a_search_on_data_starts_from_proxies_and_says_what_they_were_worth(searched) -> None:
    result, _ = searched
    assert set(result.proxies["card"]) == {"nwot", "flops"}
    assert result.proxies["scored"] >= 2
    assert result.ledger["proxies"] > 0
    assert "proxies voted on" in result.belief.note
    assert result.manifest["details"]["proxies"] == ["nwot", "flops"]


def test_a_finished_search_is_shown_and_one_without_its_proxies_refused(searched) -> None:
    result, store = searched
    again = resume("seeded", store, space=SmallCnn)
    assert again.proxies == result.proxies
    with pytest.raises(ConfigError, match="prox"):
        sa.search("digits", SmallCnn, store=store, name="seeded", **QUICK)


def test_the_journal_of_a_search_is_the_same_again(searched) -> None:
    _, store = searched
    other = open_store("memory:")
    sa.search("digits", SmallCnn, proxies="nwot,flops", store=other, name="seeded", **QUICK)
    scored = [
        [(event["key"], event["scores"]) for _, event in one.journal("seeded").read() if event["kind"] == "scored"]
        for one in (open_store(store), other)
    ]
    assert scored[0] == scored[1]


def test_wrong_names_and_missing_data_are_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match="no zero-cost proxy 'nwott'"):
        sa.search("digits", proxies="nwott", store="memory:")
    with pytest.raises(ConfigError, match="there are none"):
        sa.search(space=SmallCnn, evaluate=lambda model: 1.0, proxies="default", store="memory:")


def test_the_plan_says_what_is_scored() -> None:
    from searchitect.api import Request, plan

    planned = plan(Request(data="digits", space=SmallCnn, proxies="flops", store="memory:", trials=5, workers=0))
    assert planned.scored.startswith("scored first: 50 architectures by flops, about")
    assert planned.scored in list(planned.lines())


def test_a_table_without_scores_is_refused() -> None:
    evaluator = TableEvaluator(open_benchmark("planted/additive"))
    with pytest.raises(ConfigError, match="there are none"):
        sa.search(space=evaluator.benchmark.space, evaluate=evaluator, proxies="default", store="memory:")
