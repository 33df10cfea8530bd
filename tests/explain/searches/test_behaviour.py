"""Everything on how a search went, in one record."""

from __future__ import annotations

import json

import searchitect as sa
from searchitect.explain.searches.behaviour import behaviour
from searchitect.explain.searches.evidence import study_evidence
from searchitect.objectives import Objective


@sa.space
class Net:
    depth: int = sa.integer(1, 6)
    kernel: int = sa.choice(3, 5, 7)


def score(model: Net, context: object) -> dict[str, float]:
    if (model.depth, model.kernel) == (6, 7):
        raise ValueError("too large")
    return {"accuracy": 0.1 * model.depth + 0.01 * model.kernel}


def test_a_real_search_tells_all_of_it_as_plain_json() -> None:
    result = sa.search(space=Net, evaluate=score, trials=16, strategy="local_search", objectives=["accuracy"])
    found = behaviour(result.trials, result.objectives[0], study_evidence(result))
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["best"]["observed"] == sorted(document["best"]["observed"])
    assert document["outcomes"]["trials"] == sum(trial.state.is_finished for trial in result.trials)
    assert document["lineage"]["related"] > 0
    assert document["map"]["total"] == len(study_evidence(result))


def test_a_study_in_which_everything_failed_is_told_without_an_error() -> None:
    found = behaviour([], Objective("accuracy", "maximize"))
    assert found.best is None
    assert found.map is None
    assert found.lineage.total == 0
