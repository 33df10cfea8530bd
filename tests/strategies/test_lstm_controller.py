import dataclasses
import statistics

import pytest
import torch

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.testing.strategies import synthetic_search
from searchitect.trial import Proposal, Trial, TrialState
from tests.strategies.bandits import (
    SCORE,
    Arms,
    Doors,
    arms_reward,
    doors_reward,
    is_best_arm,
    is_best_door,
    share,
    trained,
)
from tests.strategies.spaces import Conditional

SEEDS = range(4)


def test_the_best_arm_is_drawn_nine_times_in_ten_after_200_steps():
    shares = [share(trained("lstm_controller", Arms, arms_reward, 200, seed), is_best_arm) for seed in SEEDS]
    assert statistics.fmean(shares) > 0.9


def test_the_best_arm_behind_a_conditional_is_found():
    shares = [share(trained("lstm_controller", Doors, doors_reward, 200, seed), is_best_door) for seed in SEEDS]
    assert statistics.fmean(shares) > 0.9


def test_it_learns_what_no_factorised_policy_can_say():
    """The best second value depends on the first: only a policy with a memory draws both pairs, and no other."""

    @sa.space
    class Pair:
        first: int = sa.choice(0, 1)
        second: int = sa.choice(0, 1)
        ticket: float = sa.real(0.0, 1.0)

    def equal(architecture, rng):
        return float(architecture["first"] == architecture["second"])

    strategies = [trained("lstm_controller", Pair, equal, 200, seed) for seed in range(2)]
    assert all(share(strategy, lambda a: a["first"] == a["second"]) > 0.9 for strategy in strategies)


def test_before_it_learns_the_arms_are_nearly_equally_likely():
    untrained = make_strategy("lstm_controller", Setting(sa.SearchSpace.of(Arms), SCORE))
    assert share(untrained, is_best_arm, 400) == pytest.approx(0.2, abs=0.08)


def test_a_value_never_becomes_certain():
    """Logits lie within ±C: with C = 1 and five arms the best reaches e / (e + 4 / e) = 0.65 at most."""
    strategy = trained("lstm_controller", Arms, arms_reward, 150, 0, {"tanh_constant": 1.0, "temperature": 0.2})
    assert 0.4 < share(strategy, is_best_arm, 400) < 0.65 + 0.07


def test_it_leaves_global_generators_and_threads_alone():
    random, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        trained("lstm_controller", Arms, arms_reward, 20, 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert (torch.get_rng_state() == random).all()


def test_weights_of_running_trials_stay_as_they_were_at_their_start():
    """The same trials end in the same order; one of them started before the weights moved, or after."""
    space = sa.SearchSpace.of(Conditional)
    setting = Setting(space, SCORE, 0)
    trials = [Trial(n, Proposal(space.sample(stream(n, "x"))), TrialState.RUNNING, str(n), n) for n in range(10)]

    def asked_after(early):
        strategy = make_strategy("lstm_controller", setting, {"hidden": 8, "learning_rate": 0.5})
        if early:
            strategy.tell(trials[9])
        for trial in trials:
            if trial.number < 9 or not early:
                strategy.tell(trial)
            measured = {"score": float(trial.number % 4)}
            strategy.tell(dataclasses.replace(trial, state=TrialState.COMPLETE, measurements=measured))
        return [strategy.ask(number) for number in range(50, 90)]

    assert asked_after(True) != asked_after(False)
    assert asked_after(True) == asked_after(True)


def test_architectures_that_run_together_have_the_gradients_they_have_alone():
    space = sa.SearchSpace.of(Arms)
    strategy = make_strategy("lstm_controller", Setting(space, SCORE, 0), {"hidden": 8, "batch_size": 99})
    synthetic_search(strategy, Setting(space, SCORE, 0), lambda a: float(a["arm"] == "b"), 12)
    samples = strategy._batch
    assert len(samples) > 5
    together = strategy._gradient(samples)
    alone = [strategy._gradient([sample]) for sample in samples]
    for name, gradient in together.items():
        torch.testing.assert_close(gradient, sum(one[name] for one in alone if name in one))


def test_an_empty_batch_is_refused():
    with pytest.raises(ConfigError, match="at least 1, got 0 and 64"):
        make_strategy("lstm_controller", Setting(sa.SearchSpace.of(Arms), SCORE), {"batch_size": 0})
