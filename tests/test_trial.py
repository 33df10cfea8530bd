import dataclasses

import pytest
from hypothesis import given, strategies as st

import searchitect as sa
from searchitect.trial import Fidelity, Proposal, Trial, TrialState


@given(st.none() | st.integers(1, 999), st.floats(0.01, 1), st.floats(0.1, 1))
def test_a_fidelity_goes_through_json(epochs, fraction, resolution):
    fidelity = Fidelity(epochs, fraction, resolution)
    assert Fidelity.from_json(fidelity.to_json()) == fidelity


def test_only_running_is_unfinished():
    assert [state for state in TrialState if not state.is_finished] == [TrialState.RUNNING]


def test_records_do_not_change():
    trial = Trial(0, Proposal(sa.Architecture("s", {"a": 1})), TrialState.COMPLETE, "k", 1)
    assert trial.is_complete
    assert trial.architecture["a"] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        trial.number = 2
