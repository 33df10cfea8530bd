import contextlib

import pytest

from searchitect.result import read_result
from searchitect.storage import MemoryStore
from searchitect.strategies import Belief, make_strategy
from searchitect.study import Campaign, Clock, Limit, Runner, run_campaign
from searchitect.study.campaign import SharedWeights
from searchitect.trial import Fidelity, TrialState
from tests.study.parts import FakeExecutor, FakeJudge, journal, make_study, run


def result_of(study):
    return read_result(event for _, event in study.store.journal(study.name).read())


def test_random_search_gets_as_many_evaluations_as_the_search():
    study = make_study()
    run(study, search=Limit(trials=25))
    evaluated = [
        sum(t.phase == phase and t.reused is None for t in study.trials if t.is_complete)
        for phase in ("search", "random")
    ]
    assert evaluated == [25, 25]


def test_random_search_gets_as_many_epochs_as_a_search_whose_trials_inherit():
    study = make_study(fidelity=Fidelity(epochs=20), strategy="hill_climbing")
    run(study, search=Limit(trials=25))
    epochs = {
        phase: sum(t.proposal.fidelity.epochs for t in study.trials if t.phase == phase and t.reused is None)
        for phase in ("search", "random")
    }
    assert epochs["search"] <= epochs["random"] < epochs["search"] + 20
    assert epochs["search"] < 25 * 20 / 2


def test_beside_shared_weights_random_search_trains_for_what_they_and_the_search_have_cost():
    """A trial costs half a second: 4 s before the study and 20 trials of the search buy 28 trainings."""
    study = make_study(fidelity=Fidelity(epochs=0))
    run(study, search=Limit(trials=20), shared=SharedWeights(4.0, Fidelity(epochs=5)))
    by_phase = {phase: [t for t in study.trials if t.phase == phase] for phase in ("search", "random", "confirm")}
    assert {t.proposal.fidelity.epochs for t in by_phase["search"]} == {0}
    assert {t.proposal.fidelity.epochs for t in by_phase["random"]} == {5}
    assert {t.proposal.fidelity.epochs for t in by_phase["confirm"]} == {None}
    assert sum(t.reused is None for t in by_phase["random"]) == 28


def test_finalists_are_confirmed_on_fresh_seeds():
    study = make_study()
    run(study, confirm_count=2, confirm_seeds=3)
    confirmed = [t for t in study.trials if t.phase == "confirm" and t.reused is None]
    seeds = {t.seed for t in study.trials if t.phase != "confirm" and t.reused is None}
    assert len({t.seed for t in confirmed}) == len(confirmed)
    assert not seeds & {t.seed for t in confirmed}
    assert {t.proposal.replicate for t in confirmed} == {1, 2, 3}
    result = result_of(study)
    assert [f.arm for f in result.finalists] == ["search", "search", "random", "random"]
    assert all(len(f.trials) == 3 for f in result.finalists)


def test_the_winner_has_the_best_mean_and_hands_over_its_best_seed():
    study = make_study()
    run(study, confirm_count=3)
    result = result_of(study)
    best = max(result.finalists, key=lambda f: f.mean["score"])
    assert result.best.arm == best.arm
    assert result.best.architecture == best.architecture
    assert result.best.measurements["score"] == max(best.values)
    assert result.best.mean["score"] == best.mean["score"]


def test_an_architecture_that_both_arms_found_is_confirmed_once():
    study = make_study(strategy="grid")
    run(study, search=Limit(), confirm_count=1)
    confirmed = [t for t in study.trials if t.phase == "confirm"]
    assert sum(t.reused is None for t in confirmed) == 3
    result = result_of(study)
    assert result.finalists[0].trials == result.finalists[1].trials
    assert result.verdict.kind == "no_difference"
    assert "found the same architecture" in result.verdict.sentence


def test_the_test_split_is_opened_once_after_everything_is_decided():
    study, judge = make_study(), FakeJudge()
    run(study, judge=judge)
    run(study, judge=judge)
    assert judge.opened == 1
    kinds = [event["kind"] for event in journal(study)]
    assert kinds.index("test_opened") > max(i for i, kind in enumerate(kinds) if kind in ("start", "end", "baseline"))
    assert kinds.count("test_opened") == kinds.count("test_result") == 1
    opened = next(e for e in journal(study) if e["kind"] == "test_opened")
    assert opened["handed_over"] in opened["models"]["search"] + opened["models"]["random"]
    assert opened["baselines"] == ["logistic_regression"]


def test_an_interrupted_test_is_repeated_for_the_same_models_and_says_so():
    class Interrupted(FakeJudge):
        def test(self, models, handed_over, baselines):
            self.seen = models
            raise KeyboardInterrupt

    store, first, second = MemoryStore(), Interrupted(), FakeJudge()
    with make_study(store=store) as study, contextlib.suppress(KeyboardInterrupt):
        run(study, judge=first)
    with make_study(store=store) as study:
        run(study, judge=second)
        result = result_of(study)
    assert any("repeated 1 time" in warning for warning in result.warnings)
    assert result.test == {"score": 4.0}


def test_without_a_comparison_the_verdict_says_so():
    study = make_study(recorded={"no_random": "it was switched off"})
    run(study, compare=False)
    verdict = result_of(study).verdict
    assert verdict.kind == "not_compared"
    assert "it was switched off" in verdict.sentence


def test_counts_and_ledger_add_up():
    study = make_study()
    run(study, FakeExecutor(fail=lambda job: "planted" if job.number == 3 else None))
    result = result_of(study)
    assert result.counts["failed"] == 1
    assert sum(result.counts.values()) == len(result.trials)
    assert result.ledger["search"] == 25 * 0.5
    assert result.stopped_by == "trials"
    document = result.document()
    assert document["trials"]["failed"] == 1
    assert document["best"]["architecture"]["width"] in (8, 16, 32, 64)


def test_a_result_of_an_unfinished_study_says_so():
    study = make_study()
    study.tell(study.ask(), 1.0)
    result = result_of(study)
    assert result.stopped_by == "unfinished"
    assert result.best.measurements == {"score": 1.0}
    assert result.verdict.kind == "not_compared"


def test_a_study_without_a_feasible_trial_has_no_best():
    study = make_study(constraints=["parameters<=1"])
    run(study, search=Limit(trials=12))
    assert result_of(study).best is None


def test_with_two_objectives_the_front_is_confirmed_first():
    study = make_study(objectives=["score", "minimize parameters"])
    run(study, confirm_count=3)
    result = result_of(study)
    keys = {trial.key for trial in result.front}
    assert all(f.key in keys for f in result.finalists if f.arm == "search")
    for trial in result.front:
        better = [t for t in result.trials if t.phase == "search" and t.is_complete]
        assert not any(
            t.measurements["score"] > trial.measurements["score"]
            and t.measurements["parameters"] < trial.measurements["parameters"]
            for t in better
        )


def test_in_a_time_budget_both_arms_get_the_same_time_for_their_finalist():
    study = make_study(fidelity=Fidelity(epochs=4))
    executor = FakeExecutor(seconds=10.0)
    campaign = Campaign(
        Limit(trials=5), confirm_count=3, confirm_seeds=2, confirm_fidelity=Fidelity(epochs=40), confirm_until=80.0
    )
    run_campaign(study, campaign, Runner(executor, Clock(0.0, lambda: 0.0)))
    chosen = next(event for event in journal(study) if event["kind"] == "finalists")
    assert [len(numbers) for numbers in chosen["arms"].values()] == [1, 1]
    # 80 s for two arms of two seeds: 20 s each, which is 8 epochs at 10 s for 4.
    assert {fidelity["epochs"] for fidelity in chosen["fidelities"].values()} == {8}
    assert {t.proposal.fidelity.epochs for t in study.trials if t.phase == "confirm"} == {8}


def test_as_many_finalists_as_fit_are_confirmed_at_full_fidelity():
    study = make_study(fidelity=Fidelity(epochs=10))
    campaign = Campaign(
        Limit(trials=5), confirm_count=3, confirm_seeds=2, confirm_fidelity=Fidelity(epochs=10), confirm_until=90.0
    )
    run_campaign(study, campaign, Runner(FakeExecutor(seconds=10.0), Clock(0.0, lambda: 0.0)))
    chosen = next(event for event in journal(study) if event["kind"] == "finalists")
    assert [len(numbers) for numbers in chosen["arms"].values()] == [2, 2]
    assert {fidelity["epochs"] for fidelity in chosen["fidelities"].values()} == {10}


def test_a_search_that_used_all_the_time_still_confirms_its_finalist_briefly():
    study = make_study(fidelity=Fidelity(epochs=4))
    campaign = Campaign(
        Limit(trials=3), confirm_count=3, confirm_seeds=1, confirm_fidelity=Fidelity(epochs=40), confirm_until=-1.0
    )
    run_campaign(study, campaign, Runner(FakeExecutor(seconds=10.0), Clock(0.0, lambda: 0.0)))
    chosen = next(event for event in journal(study) if event["kind"] == "finalists")
    for fidelity in chosen["fidelities"].values():
        assert (fidelity["epochs"], fidelity["data_fraction"]) == (1, 0.05)


class Believing:
    """Random search whose model believes in the worst trial it saw."""

    def __init__(self, setting, rank_correlation):
        self._inner, self._told, self._ranked = make_strategy("random", setting), [], rank_correlation

    def ask(self, number):
        return self._inner.ask(number)

    def tell(self, trial):
        self._inner.tell(trial)
        if trial.is_complete:
            self._told.append(trial)

    def belief(self):
        worst = min(self._told, key=lambda trial: trial.measurements["score"])
        return Belief(worst.number, self._ranked, "believes in the worst")


def believed(rank_correlation):
    setting = make_study().setting
    study = make_study(strategy=Believing(setting, rank_correlation))
    run(study, search=Limit(trials=10), confirm_count=2)
    searched = [t for t in study.trials if t.phase == "search" and t.is_complete]
    return result_of(study), sorted(searched, key=lambda trial: trial.measurements["score"])


def test_what_a_model_that_can_rank_believes_best_is_confirmed_before_the_best_observed():
    result, ordered = believed(0.9)
    assert result.belief == Belief(ordered[0].number, 0.9, "believes in the worst")
    assert [f.found for f in result.finalists if f.arm == "search"] == [ordered[0].number, ordered[-1].number]


def test_a_model_that_cannot_rank_is_noted_and_not_followed():
    result, ordered = believed(0.2)
    assert result.belief.rank_correlation == 0.2
    assert next(f.found for f in result.finalists if f.arm == "search") == ordered[-1].number


class Expecting(Believing):
    def expected(self, architectures):
        return [(a["width"] - 1.0, a["width"] + 1.0) for a in architectures]


def expected_after(trials):
    study = make_study(strategy=Expecting(make_study().setting, 0.9))
    run(study, search=Limit(trials=trials), confirm_count=2)
    return study, result_of(study).belief


def test_what_a_model_expects_of_its_incumbent_is_written_down():
    study, belief = expected_after(6)
    width = study.trials[belief.incumbent].architecture["width"]
    assert belief.interval == (width - 1.0, width + 1.0)


def test_nine_of_ten_are_promised_from_twenty_trials_on_and_eight_before():
    few, enough = (expected_after(trials)[1] for trials in (19, 20))
    assert few.share == 0.8
    assert enough.share == 0.9


def test_a_strategy_without_a_model_believes_nothing():
    study = make_study()
    run(study)
    assert result_of(study).belief is None


def test_trials_without_an_end_are_named_in_the_result_until_they_are_run_again():
    class CutOffError(BaseException):
        pass

    def watch(event):
        if event["kind"] == "start" and event["number"] == 4:
            raise CutOffError

    store = MemoryStore()
    with pytest.raises(CutOffError), make_study(store=store, on_event=watch) as study:
        run(study, FakeExecutor(workers=3))
    cut_off = read_result(event for _, event in store.journal("study").read())
    running = [t.number for t in cut_off.trials if t.state is TrialState.RUNNING]
    assert cut_off.counts["running"] == len(running) >= 1
    [said] = [w for w in cut_off.warnings if "have started and not ended" in w]
    assert f"({', '.join(map(str, running))})" in said
    with make_study(store=store) as study:
        run(study, FakeExecutor(workers=3))
    whole = read_result(event for _, event in store.journal("study").read())
    assert whole.counts["running"] == 0
    assert not any("not ended" in w for w in whole.warnings)
