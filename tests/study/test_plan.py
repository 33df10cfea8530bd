import pytest
from hypothesis import given, strategies as st

from searchitect.objectives import parse_constraint
from searchitect.study.plan import Wishes, make_plan


def plan(**wishes):
    return make_plan(Wishes(**({"workers": 2, "epochs": 20} | wishes)))


def test_a_time_is_split_in_halves_with_room_for_the_rest():
    split = plan(seconds=90.0, epoch_seconds=0.15)
    search, confirm = split.campaign.search.seconds, split.confirm_seconds
    assert 2 * search + confirm + split.reserve == pytest.approx(90.0)
    assert split.campaign.compare
    assert split.search_fidelity.epochs == split.campaign.confirm_fidelity.epochs == 20


def test_where_few_full_trainings_fit_a_trial_of_the_search_may_spend_a_tenth_of_its_time():
    split = plan(seconds=1200.0, epoch_seconds=15.0)
    assert split.search_fidelity.seconds == pytest.approx(2 * split.campaign.search.seconds / 10, rel=1e-3)
    assert split.search_fidelity.epochs == split.campaign.confirm_fidelity.epochs == 20
    assert split.expected_trials == 10
    assert "s of training, at most 20 epochs" in "\n".join(split.lines())


def test_confirmations_are_shortened_before_they_eat_the_budget():
    split = plan(seconds=300.0, epoch_seconds=20.0)
    assert split.search_fidelity.seconds < 20 * 20.0
    assert split.confirm_seconds <= 0.45 * 300


@given(
    seconds=st.floats(20, 100_000),
    epoch_seconds=st.floats(0.001, 1_000),
    workers=st.integers(1, 64),
    epochs=st.integers(1, 500),
    spent=st.floats(0, 50),
)
def test_no_plan_promises_more_than_its_budget(seconds, epoch_seconds, workers, epochs, spent):
    split = make_plan(
        Wishes(seconds=seconds, epoch_seconds=epoch_seconds, workers=workers, epochs=epochs, spent=min(spent, seconds))
    )
    campaign = split.campaign
    arms = 2 if campaign.compare else 1
    lead = min(spent, seconds, 0.5 * seconds)
    total = lead + arms * (campaign.search.seconds - lead) + split.confirm_seconds + split.reserve
    assert total <= seconds * 1.0001
    assert 1 <= split.search_fidelity.epochs <= campaign.confirm_fidelity.epochs <= epochs
    assert split.search_fidelity.seconds is None or 0 < split.search_fidelity.seconds <= epochs * epoch_seconds


def test_a_budget_of_trials_covers_everything():
    split = plan(total_trials=100)
    campaign = split.campaign
    assert 2 * campaign.search.trials + 2 * campaign.confirm_count * campaign.confirm_seeds <= 100


def test_trials_alone_bound_the_search():
    split = plan(trials=50)
    assert (split.campaign.search.trials, split.campaign.search.seconds) == (50, None)


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"seconds": 10.0}, "a budget of 10 s leaves no room for it"),
        ({"trials": 2}, "2 trial(s) are too few to compare"),
        ({"trials": 50, "is_random": True}, "the strategy is random search itself"),
        ({"trials": 50, "compare": False}, "it was switched off"),
    ],
)
def test_without_random_search_the_plan_says_why(wishes, reason):
    split = plan(**wishes)
    assert split.no_random == reason
    assert not split.campaign.compare
    assert f"no random search: {reason}" in list(split.lines())


def test_the_lines_of_a_plan_name_every_phase():
    text = "\n".join(plan(seconds=90.0, epoch_seconds=0.15).lines())
    for phase in ("search", "random search", "confirmation", "baselines, test, export", "20 epochs"):
        assert phase in text


@pytest.mark.parametrize(
    ("wishes", "evaluations"),
    [
        ({"trials": 40}, [{"at_most": 40}, {"at_most": 40}, {"at_most": 18}, None]),
        ({"trials": 40, "compare": False}, [{"at_most": 40}, 0, {"at_most": 9}, None]),
        ({"seconds": 300.0, "epoch_seconds": 0.15, "confirm_seeds": 0}, [{"about": 92}, {"about": 92}, 0, None]),
        ({}, [None, None, {"at_most": 18}, None]),
    ],
)
def test_a_plan_in_json_holds_numbers(wishes, evaluations):
    rows = [row.to_json() for row in plan(**wishes).rows()]
    assert [row["evaluations"] for row in rows] == evaluations
    assert all(row["seconds"] is None or isinstance(row["seconds"], float) for row in rows)
    assert (rows[0]["seconds"] is None) == ("seconds" not in wishes)


def test_a_plan_for_a_reader_marks_bounds_and_guesses():
    asked = ({"trials": 40}, {"seconds": 90.0, "epoch_seconds": 0.15}, {})
    bounded, guessed, unknown = (next(iter(plan(**wishes).lines())) for wishes in asked)
    assert "≤ 40 evaluations" in bounded
    assert "≈ " in guessed
    assert " ? evaluations" in unknown


def test_a_budget_of_energy_is_split_as_the_time_in_which_it_is_used():
    split = make_plan(Wishes(seconds=100.0, joules=2000.0, workers=2, epochs=5, epoch_seconds=0.5, spent=4.0))
    by_time = make_plan(Wishes(seconds=100.0, workers=2, epochs=5, epoch_seconds=0.5, spent=4.0))
    assert split.campaign.search.seconds == by_time.campaign.search.seconds
    assert split.campaign.search.joules == pytest.approx(20.0 * split.campaign.search.seconds)
    assert by_time.campaign.search.joules is None
    search, random, confirmation, rest = split.rows()
    assert search.energy.joules == pytest.approx(20.0 * search.seconds)
    assert random.seconds == pytest.approx(search.seconds - 4.0)
    assert split.energy.joules == pytest.approx(2000.0 - 10.0 * rest.seconds)
    assert split.energy.error == pytest.approx(0.4 * split.energy.joules)
    assert "energy in all: about 1.9 kJ ± 40 % (estimated: power × time)" in list(split.lines())
    assert confirmation.to_json()["joules"] == pytest.approx(20.0 * confirmation.seconds, rel=1e-3)


def test_the_gain_is_no_measurement_but_a_limit_of_its_own():
    split = make_plan(Wishes(trials=50, until=(parse_constraint("gain<=0.01"),)))
    assert split.campaign.search.gain == 0.01
    assert split.campaign.search.until == ()
    assert split.energy is None
