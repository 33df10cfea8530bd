"""The best so far, with a band that says what is luck."""

from __future__ import annotations

import json

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.explain.searches.incumbents import best_so_far, best_so_far_of, replicate_noise
from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Fidelity, Proposal, Trial, TrialState

ACCURACY, LOSS = Objective("accuracy", "maximize"), Objective("loss", "minimize")


@sa.space
class Net:
    depth: int = sa.integer(1, 9)


def trial(number: int, value: float, phase: str = "search", key: str = "", fidelity: Fidelity = Fidelity()) -> Trial:
    proposal = Proposal(Architecture.of(Net(1)), fidelity)
    return Trial(number, proposal, TrialState.COMPLETE, key, 0, phase, {"accuracy": value})


def test_the_curve_never_falls_and_names_who_improved_it() -> None:
    found = best_so_far([trial(n, v) for n, v in enumerate([0.5, 0.4, 0.7, 0.6, 0.8])], ACCURACY)
    assert found.observed == (0.5, 0.5, 0.7, 0.7, 0.8)
    assert found.improved == (0, 2, 4)
    assert found.source == "resampling"
    assert all(low <= high for low, high in zip(found.low, found.high, strict=True))
    json.dumps(found.to_json(), allow_nan=False)


def test_a_loss_falls() -> None:
    found = best_so_far_of([3.0, 2.0, 4.0, 1.0], LOSS, noise=0.1)
    assert found.observed == (3.0, 2.0, 2.0, 1.0)
    assert all(low < high for low, high in zip(found.low, found.high, strict=True))


def test_the_band_holds_the_true_value_of_the_luckiest_of_many() -> None:
    inside = optimistic = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        truth = draw.normal(0.9, 0.02, size=100)
        seen = truth + draw.normal(0, 0.02, size=100)
        found = best_so_far_of(seen.tolist(), ACCURACY, noise=0.02)
        true = truth[int(seen.argmax())]
        inside += found.low[-1] <= true <= found.high[-1]
        optimistic += found.observed[-1] > true
    assert inside >= 184
    assert optimistic > 180


def test_noise_comes_from_the_seeds_of_confirmed_architectures() -> None:
    again = [trial(n, v, "confirm", "ab"[n % 2]) for n, v in enumerate([0.5, 0.9, 0.52, 0.92, 0.48, 0.88])]
    noise = replicate_noise(again, "accuracy")
    assert noise == pytest.approx(0.02)
    assert replicate_noise(again[:3], "accuracy") is None
    found = best_so_far([trial(10, 0.5), trial(11, 0.9), *again], ACCURACY)
    assert (found.source, found.noise) == ("confirmations", noise)
    assert found.evaluations == (1, 2)


def test_only_the_highest_fidelity_and_the_phase_asked_for_count() -> None:
    short = [trial(n, 0.99, fidelity=Fidelity(1)) for n in range(5, 9)]
    trials = [*short, trial(1, 0.5), trial(2, 0.6), trial(3, 0.9, "random")]
    assert best_so_far(trials, ACCURACY).observed == (0.5, 0.6)
    assert best_so_far(trials, ACCURACY, phase="random").observed == (0.9,)


def test_a_long_search_is_thinned_to_a_bounded_number_of_points() -> None:
    found = best_so_far_of([n % 500 / 500 for n in range(3000)], ACCURACY)
    assert len(found.evaluations) <= 200
    assert found.evaluations[0] == 1


def test_a_phase_without_complete_trials_is_refused() -> None:
    with pytest.raises(ConfigError, match="no complete trial of the random"):
        best_so_far([trial(0, 0.5)], ACCURACY, phase="random")
