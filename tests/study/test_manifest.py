import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.study.manifest import refuse_difference, source_digest
from tests.strategies.spaces import Conditional, Large, Small


def test_the_source_of_every_space_below_counts():
    assert sa.SearchSpace.of(Conditional).classes() == (Conditional, Small, Large)
    assert source_digest(Conditional, Small) != source_digest(Conditional)


def test_what_has_no_source_has_no_digest():
    assert source_digest(int) is None


def manifest(digest):
    return {"version": 1, "study": "s", "space": {"source_digest": digest}}


def test_changed_source_is_refused_unless_allowed():
    with pytest.raises(ConfigError, match="the source of its space or function has changed"):
        refuse_difference(manifest("a"), manifest("b"))
    refuse_difference(manifest("a"), manifest("b"), allow_changed_code=True)
    refuse_difference(manifest(None), manifest("b"))


def test_a_study_of_a_newer_format_is_refused():
    with pytest.raises(ConfigError, match="written by a newer searchitect"):
        refuse_difference(manifest("a") | {"version": 99}, manifest("a"))


def test_a_difference_deep_inside_is_named_without_what_surrounds_it():
    task = {"name": "t", "spec": {"inputs": [7], "outputs": 2}, "digest": "aaa"}
    old = manifest("a") | {"details": {"task": task}}
    new = manifest("a") | {"details": {"task": task | {"digest": "bbb"}}}
    with pytest.raises(ConfigError, match="another task.digest: 'aaa', now 'bbb'"):
        refuse_difference(old, new)
