import pickle

import pytest

from searchitect import errors

KINDS = [
    kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and kind is not errors.TrialStopped  # a signal, no error
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_one_of_ours_and_travels(kind):
    error = kind("images", "data") if kind is errors.MissingExtraError else kind("what", hint="do this")
    assert isinstance(error, errors.SearchitectError)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(again), str(again)) == (type(error), str(error))


def test_a_hint_stands_on_its_own_line():
    assert str(errors.TaskError("what", hint="do this")) == "what\n  hint: do this"
    assert str(errors.TaskError("what")) == "what"


def test_a_missing_extra_says_what_to_type():
    assert 'pip install "searchitect[report]"' in str(errors.MissingExtraError("the report page", "report"))


def test_the_nearest_name_is_offered_or_all_of_them():
    assert errors.did_you_mean("acuracy", ["accuracy", "loss"]) == "did you mean 'accuracy'?"
    assert errors.did_you_mean("xyz", ["b", "a"]) == "one of: a, b"
