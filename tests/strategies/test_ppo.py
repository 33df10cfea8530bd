import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.strategies import Setting, make_strategy
from tests.strategies.bandits import (
    SCORE,
    Arms,
    Doors,
    arms_reward,
    is_best_arm,
    is_best_door,
    share,
    trained,
    trap_reward,
)

SEEDS = range(5)


def test_the_best_arm_is_drawn_nine_times_in_ten_after_200_steps():
    shares = [share(trained("ppo", Arms, arms_reward, 200, seed), is_best_arm) for seed in SEEDS]
    assert statistics.fmean(shares) > 0.9


def test_the_best_arm_behind_a_conditional_is_found_although_the_other_side_is_better_on_average():
    shares = [share(trained("ppo", Doors, trap_reward, 200, seed), is_best_door) for seed in SEEDS]
    assert statistics.fmean(shares) > 0.9


def test_nothing_is_learned_before_a_batch_is_full():
    untrained = make_strategy("ppo", Setting(sa.SearchSpace.of(Arms), SCORE))
    nine, ten = (trained("ppo", Arms, arms_reward, trials, 0) for trials in (9, 10))
    asked = [untrained.ask(number) for number in range(50, 90)]
    assert [nine.ask(number) for number in range(50, 90)] == asked
    assert [ten.ask(number) for number in range(50, 90)] != asked


def test_the_clip_bounds_what_many_epochs_can_do_to_one_batch():
    def moved(clip):
        options = {"clip": clip, "epochs": 60, "entropy": 0.0}
        shares = [share(trained("ppo", Arms, arms_reward, 10, seed, options), is_best_arm) for seed in range(8)]
        return max(shares)

    assert moved(0.2) < 0.6 < moved(1e9)


def test_a_batch_of_one_has_no_advantages():
    with pytest.raises(ConfigError, match="two trials and one epoch, got 1 and 4"):
        make_strategy("ppo", Setting(sa.SearchSpace.of(Arms), SCORE), {"batch_size": 1})
