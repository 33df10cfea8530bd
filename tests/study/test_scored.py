import dataclasses
import math

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.result import read_result
from searchitect.storage import open_store
from searchitect.study import Study
from searchitect.study.events import without_clock
from searchitect.study.scored import note_proxies


@sa.space
class Line:
    a: int = sa.choice(*range(12))
    b: int = sa.choice(*range(12))


def truth(trial):
    return float(trial.architecture["a"] + trial.architecture["b"])


def scores(architecture):
    a, b = architecture["a"], architecture["b"]
    return {"nwot": float(a), "zen": -float(a + b), "synflow": math.inf if a == 0 else float(b), "jacov": "no gradient"}


def begun(store, score=scores, **more):
    return Study(Line, strategy="random", objectives=["score"], store=store, scores=score, pool=40, budget=100, **more)


def run(study, trials):
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, truth(trial))


def journal(store):
    return [without_clock(event) for _, event in store.journal("study").read()]


def test_each_architecture_is_scored_once_and_the_journal_holds_it() -> None:
    asked = []

    def counting(architecture):
        asked.append(architecture.text)
        return scores(architecture)

    store = open_store("memory:")
    with begun(store, counting) as study:
        run(study, 30)
        scored = study.state.marks["scored"]
        assert len(asked) == len(set(asked)) == len(scored)
        assert len(scored) >= 40
        assert study.state.seconds["proxies"] >= 0


def test_a_proxy_that_overflows_is_left_out_for_that_architecture_and_said() -> None:
    store = open_store("memory:")
    with begun(store) as study:
        run(study, 12)
        note_proxies(study)
        events = [e for _, e in store.journal("study").read() if e["kind"] == "scored"]
    whole = [event for event in events if "synflow" in event["scores"]]
    broken = [event for event in events if "synflow" not in event["scores"]]
    assert whole
    assert broken
    assert all(event["failures"]["synflow"] == "the score is inf" for event in broken)
    assert all(event["failures"]["jacov"] == "no gradient" for event in events)
    result = read_result(event for _, event in store.journal("study").read())
    assert any("synflow had no score for" in text and "the score is inf" in text for text in result.warnings)
    assert result.document()["proxies"]["scored"] == len(events)


def test_a_resumed_study_scores_nothing_again_and_asks_the_same() -> None:
    whole = open_store("memory:")
    with begun(whole) as study:
        run(study, 30)
    cut = open_store("memory:")
    with begun(cut) as study:
        run(study, 13)

    def elsewhere(architecture):  # another machine has other rounding
        return {
            name: value + 1e-3 if isinstance(value, float) else value for name, value in scores(architecture).items()
        }

    known = {event["key"] for event in journal(cut) if event["kind"] == "scored"}
    with begun(
        cut, lambda a: pytest.fail("scored again") if sa.SearchSpace.of(Line).key(a) in known else scores(a)
    ) as on:
        run(on, 17)
    assert journal(whole) == journal(cut)
    assert elsewhere(on.trials[0].architecture) != scores(on.trials[0].architecture)


def test_a_study_keeps_the_pool_it_began_with_and_refuses_to_lose_its_proxies() -> None:
    store = open_store("memory:")
    with begun(store) as study:
        run(study, 3)
    with Study(Line, strategy="random", objectives=["score"], store=store, scores=scores, pool=7, budget=100) as again:
        assert again.setting.pool == 40
    with pytest.raises(ConfigError, match="proxy_pool"):
        Study(Line, strategy="random", objectives=["score"], store=store, budget=100)


def test_a_misleading_proxy_is_named_in_the_result() -> None:
    store = open_store("memory:")
    with begun(store) as study:
        run(study, 40)
        note_proxies(study)
        note_proxies(study)  # once is enough
        assert len(study.state.marks["proxies"]) == 1
    result = read_result(event for _, event in store.journal("study").read())
    assert result.proxies["card"]["zen"]["is_off"]
    assert any("switched off" in text and "zen" in text for text in result.warnings)
    assert result.ledger["proxies"] >= 0
    assert dataclasses.is_dataclass(result)
