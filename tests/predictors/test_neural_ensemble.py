import numpy as np
import pytest
import torch

from searchitect.predictors.neural_ensemble import NeuralEnsemble
from searchitect.predictors.targets import rank_correlation

RNG = np.random.Generator(np.random.PCG64(7))
SMALL = NeuralEnsemble(members=3, layers=3, width=16, epochs=60)


def additive(count):
    rows = np.eye(3)[RNG.integers(3, size=(count, 5))].reshape(count, -1)
    return rows, rows @ np.arange(15.0)


def test_it_ranks_architectures_it_has_not_seen():
    rows, targets = additive(120)
    new, truth = additive(60)
    mean, _ = SMALL.fit(rows, targets, 0).predict(new)
    assert rank_correlation(mean, truth) > 0.9
    assert np.abs(mean - truth).mean() < 0.3 * truth.std()


def test_members_disagree_more_far_from_what_they_were_fitted_on():
    rows, targets = additive(80)
    posterior = SMALL.fit(rows, targets, 0)
    assert posterior.predict(5.0 * rows)[1].mean() > 2.0 * posterior.predict(rows)[1].mean()


def test_held_out_predictions_tell_noise_from_signal():
    rows, targets = additive(80)
    assert rank_correlation(SMALL.fit(rows, targets, 0).held_out(), targets) > 0.7
    noise = RNG.normal(size=80)
    assert abs(rank_correlation(SMALL.fit(rows, noise, 0).held_out(), noise)) < 0.4


def test_it_starts_cold_and_leaves_the_global_generator_and_the_threads_alone():
    rows, targets = additive(40)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first = SMALL.fit(rows, targets, 5).predict(rows)[0]
    torch.manual_seed(1)
    moved = torch.get_rng_state()
    with torch.inference_mode():
        again = SMALL.fit(rows, targets, 5).predict(rows)[0]
    assert torch.equal(torch.get_rng_state(), moved)
    torch.set_rng_state(state)
    assert torch.get_num_threads() == threads
    assert (first == again).all()
    assert (SMALL.fit(rows, targets, 6).predict(rows)[0] != first).any()


def test_the_default_dtype_of_the_program_does_not_matter():
    rows, targets = additive(20)
    quick = NeuralEnsemble(members=2, layers=2, width=4, epochs=2)
    usual = quick.fit(rows, targets, 0).predict(rows)[0]
    torch.set_default_dtype(torch.float64)
    try:
        assert (quick.fit(rows, targets, 0).predict(rows)[0] == usual).all()
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_single_member_knows_no_doubt():
    rows, targets = additive(20)
    posterior = NeuralEnsemble(members=1, layers=1, width=4, epochs=1).fit(rows, targets, 0)
    assert posterior.predict(rows)[1] == pytest.approx(np.zeros(20))
