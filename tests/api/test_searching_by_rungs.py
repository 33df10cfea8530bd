"""Searches by rungs through the front door: what ends them, what random search beside them gets, how they go on."""

import searchitect as sa
from searchitect.trial import Fidelity


@sa.space
class Point:
    x: int = sa.choice(*range(8))
    y: int = sa.choice(*range(8))


def good(point, context):
    epochs = context.fidelity.epochs
    return {"score": (point.x + point.y) / 14 - 0.1 / epochs, "size": float(point.x)}


QUIET = {"space": Point, "store": "memory:", "confirm_seeds": 0, "recipe": sa.Recipe(epochs=9)}


def searched(result, phase="search"):
    return [trial for trial in result.trials if trial.phase == phase]


def test_a_short_evaluation_ends_no_search():
    result = sa.search(
        evaluate=lambda point, context: {"score": 0.99}, strategy="hyperband", trials=40, until="score>=0.9",
        random_search=False, **QUIET,
    )  # fmt: skip
    assert result.stopped_by == "until"
    assert len(searched(result)) == 13  # 9 at one epoch, 3 at three, the first at nine


def test_random_search_gets_the_epochs_of_all_rungs():
    result = sa.search(evaluate=good, strategy="hyperband", trials=13, **QUIET)
    assert len(searched(result, "random")) == 3  # 9·1 + 3·3 + 1·9 epochs, since a function trains afresh
    assert {trial.proposal.fidelity for trial in searched(result, "random")} == {Fidelity(epochs=9)}


def test_a_function_that_goes_on_says_so_and_pays_less():
    def continuing(point, context):
        before = 0 if context.continues is None else context.fidelity.epochs // 3
        return good(point, context) | {"continued_epochs": before, "epochs": context.fidelity.epochs - before}

    result = sa.search(evaluate=continuing, strategy="hyperband", trials=13, **QUIET)
    assert len(searched(result, "random")) == 3  # 9 + 3·2 + 6 = 21 epochs, rounded up
    longer = sa.search(evaluate=continuing, strategy="asha", trials=40, **QUIET)
    afresh = sa.search(evaluate=good, strategy="asha", trials=40, **QUIET)
    assert len(searched(longer, "random")) < len(searched(afresh, "random"))


def test_what_is_best_was_evaluated_in_full():
    result = sa.search(evaluate=good, strategy="asha", trials=60, random_search=False, **QUIET)
    best = result.trials[result.best.trial]
    assert best.proposal.fidelity == Fidelity(epochs=9)
    top = [t for t in searched(result) if t.proposal.fidelity == Fidelity(epochs=9)]
    assert best.measurements["score"] == max(t.measurements["score"] for t in top)


def test_finalists_are_confirmed_in_full():
    options = QUIET | {"confirm_seeds": 2}
    result = sa.search(evaluate=good, strategy="successive_halving", trials=13, random_search=False, **options)
    assert {t.proposal.fidelity for t in searched(result, "confirm")} == {Fidelity(epochs=9)}
    assert result.trials[result.finalists[0].found].proposal.fidelity == Fidelity(epochs=9)


def test_several_objectives_have_a_front_of_full_evaluations():
    result = sa.search(
        evaluate=good, strategy="asha", objectives=["score", "minimize size"], trials=80, random_search=False, **QUIET
    )
    assert len(result.front) >= 2
    assert {trial.proposal.fidelity for trial in result.front} == {Fidelity(epochs=9)}


def test_a_study_that_was_cut_off_in_a_rung_goes_on_as_if_it_had_not_been(tmp_path):
    def study(store):
        return sa.Study(Point, strategy="bohb", fidelity=sa.Fidelity(epochs=9), store=store, seed=4, name="cut")

    def play(one, trials):
        for _ in range(trials):
            trial = one.ask()
            one.tell(trial, (trial.architecture["x"] + trial.architecture["y"]) / 14 - 0.1 / _epochs(trial))

    whole = study("memory:")
    play(whole, 40)
    store = f"sqlite:///{tmp_path / 'cut.db'}"
    for part in (5, 6, 1, 10, 18):  # within each of the rungs, and between them
        with study(store) as one:
            play(one, part)
    with study(store) as one:
        assert [t.proposal for t in one.trials] == [t.proposal for t in whole.trials]
    assert len({_epochs(t) for t in whole.trials}) == 3


def _epochs(trial):
    return trial.proposal.fidelity.epochs


def test_the_budget_of_a_real_training_is_divided_into_rungs_of_seconds():
    from searchitect.strategies import Setting
    from searchitect.strategies.rungs import make_ladder

    setting = Setting(sa.SearchSpace.of(Point), (), fidelity=Fidelity(epochs=20, seconds=4.5))
    assert [rung.seconds for rung in make_ladder(setting).fidelities] == [0.5, 1.5, 4.5]
