import numpy as np
import pytest
import torch

from searchitect.predictors.encoder_decoder import EncoderDecoder
from searchitect.predictors.targets import rank_correlation

SIZES = (3, 4, 2, 3, 3)
RNG = np.random.Generator(np.random.PCG64(11))


def rows_and_losses(count):
    rows = np.stack([RNG.integers(size, size=count) for size in SIZES], axis=1)
    return rows, -1.0 * rows.sum(axis=1)


@pytest.fixture(scope="module")
def fitted():
    rows, losses = rows_and_losses(120)
    return rows, losses, EncoderDecoder(SIZES, hidden=24, epochs=80, learning_rate=1e-2).fit(rows, losses, 1)


def test_it_predicts_sequences_it_has_not_seen(fitted):
    new, truth = rows_and_losses(60)
    assert rank_correlation(fitted[2].predict(new)[0], truth) > 0.9


def test_a_step_of_nothing_writes_the_same_sequence_again(fitted):
    rows, _, posterior = fitted
    assert (posterior.uphill(rows, 0.0) == rows).all(axis=1).mean() > 0.9


def test_a_step_leads_to_better_sequences(fitted):
    rows, losses, posterior = fitted
    moved = posterior.uphill(rows, 0.5)
    assert (-moved.sum(axis=1)).mean() < losses.mean() - 0.5


def test_whatever_the_step_only_tokens_of_their_place_are_written(fitted):
    for step in (0.1, 1.0, 10.0, 1000.0):
        moved = fitted[2].uphill(fitted[0], step)
        assert ((moved >= 0) & (moved < np.array(SIZES))).all()


def test_it_starts_cold_and_leaves_the_global_generator_alone():
    rows, losses = rows_and_losses(30)
    quick = EncoderDecoder(SIZES, hidden=8, epochs=2)
    state = torch.get_rng_state()
    first = quick.fit(rows, losses, 3).predict(rows)[0]
    assert torch.equal(torch.get_rng_state(), state)
    torch.set_default_dtype(torch.float64)
    try:
        assert (quick.fit(rows, losses, 3).predict(rows)[0] == first).all()
    finally:
        torch.set_default_dtype(torch.float32)
    assert (quick.fit(rows, losses, 4).predict(rows)[0] != first).any()


def test_held_out_predictions_come_from_models_without_the_row():
    rows, losses = rows_and_losses(24)
    quick = EncoderDecoder(SIZES, hidden=8, epochs=2)
    posterior = quick.fit(rows, losses, 0)
    assert posterior.held_out().shape == (24,)
    assert (posterior.held_out() != posterior.predict(rows)[0]).any()
