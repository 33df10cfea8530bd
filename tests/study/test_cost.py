"""The model of cost: it starts from what was foretold, learns a planted law, and survives the journal."""

import json
import math
import random

import pytest

from searchitect.study.cost import CostModel, Observed, base_seconds, fit_cost, refit_due
from searchitect.trial import Fidelity

PACE = {"fixed": 0.5, "per_flop": 1e-7, "per_activation": 1e-5}


def planted(count, seed=0, exponent=0.7):
    """Trials whose seconds are 3·base·(flops / 1e6)^exponent, ± 5 %."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        counts = {"flops": 10 ** rng.uniform(4, 8), "parameters": 10 ** rng.uniform(3, 6)}
        base = rng.uniform(1, 5)
        law = 3.0 * base * (counts["flops"] / 1e6) ** exponent
        rows.append(Observed(counts, 4.0, base, law * math.exp(rng.gauss(0, 0.05))))
    return rows


def test_what_is_foretold_follows_the_timed_epochs():
    counts = {"flops": 1e7, "activations": 1e5, "parameters": 10.0}
    assert base_seconds(PACE, counts, Fidelity(epochs=4)) == (pytest.approx(4 * 2.5), 4.0)
    assert base_seconds(PACE, counts, Fidelity(epochs=4, data_fraction=0.5)) == (pytest.approx(5.0), 2.0)
    assert base_seconds(PACE, counts, Fidelity(epochs=9, seconds=7.5))[0] == 7.5
    assert base_seconds(None, counts, Fidelity(), epochs=3) == (3e7, 3.0)
    assert base_seconds(PACE, {}, Fidelity(), epochs=3) == (3.0, 3.0)


def test_it_learns_a_planted_law_from_thirty_trials():
    model = fit_cost(planted(30))
    for row in planted(50, seed=1):
        assert model.seconds(row.counts, row.passes, row.base) == pytest.approx(row.seconds, rel=0.35)
    assert model.spread < 0.1


def test_a_few_trials_move_the_mean_more_than_the_slopes():
    rows = [Observed({"flops": 1e6, "parameters": 1e4}, 1.0, 2.0, 6.0) for _ in range(3)]
    model = fit_cost(rows)
    assert model.seconds({"flops": 1e6, "parameters": 1e4}, 1.0, 2.0) == pytest.approx(6.0)
    assert model.seconds({"flops": 1e8, "parameters": 1e4}, 1.0, 2.0) == pytest.approx(6.0)


def test_too_few_trials_make_no_model_and_it_is_refitted_ever_more_rarely():
    assert fit_cost(planted(2)) is None
    assert [n for n in range(41) if refit_due(n)] == [3, 5, 10, 20, 30, 40]


def test_it_survives_the_journal():
    model = CostModel.from_json(json.loads(json.dumps(fit_cost(planted(12)).to_json())))
    assert CostModel.from_json(model.to_json()) == model
    assert model.trials == 12
