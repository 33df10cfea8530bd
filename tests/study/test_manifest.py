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


def test_a_study_whose_regression_was_split_otherwise_is_refused_with_the_reason():
    source = {"kind": "embedded", "name": "diabetes", "split_seed": 0}
    task = {"name": "diabetes", "spec": {"kind": "regression"}, "sizes": {"train": 283}, "digest": "aaa"}
    task |= {"source": source}
    old = manifest("a") | {"details": {"task": task}}
    new = manifest("a") | {"details": {"task": task | {"digest": "bbb", "source": source | {"strata": "target"}}}}
    with pytest.raises(ConfigError, match="made by an earlier searchitect, which split regressions of few") as refused:
        refuse_difference(old, new)
    assert "show, report, export and predict work" in refused.value.hint
    other = new["details"]["task"] | {"sizes": {"train": 12}}
    with pytest.raises(ConfigError, match=r"another task\.sizes\.train: 283, now 12"):
        refuse_difference(old, manifest("a") | {"details": {"task": other}})
