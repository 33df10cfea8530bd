import math

import pytest

import searchitect as sa
from searchitect.errors import ConfigError, ConstraintError, SpaceError, StorageError
from searchitect.seeding import stream
from searchitect.storage import MemoryStore
from searchitect.strategies import Setting
from searchitect.strategies.prior import PriorTrial, ranked
from searchitect.strategies.random_search import RandomSearch
from searchitect.study import Study
from searchitect.trial import Proposal, TrialState
from tests.study.parts import Net, facts, journal, make_study


def test_your_own_loop_asks_tells_and_finds_the_best():
    study = make_study(strategy="random")
    for _ in range(10):
        trial = study.ask()
        study.tell(trial, score=float(study.instance(trial).width))
    assert len(study.trials) == 10
    assert study.best.architecture["width"] == max(t.architecture["width"] for t in study.trials)


def test_a_bare_number_is_the_first_objective():
    study = make_study()
    assert study.tell(study.ask(), 0.5).measurements == {"score": 0.5}


def test_a_told_failure_is_a_failed_trial_with_its_reason():
    study = make_study()
    trial = study.tell(study.ask(), failed="the GPU was taken away")
    assert (trial.state, trial.reason) == (TrialState.FAILED, "the GPU was taken away")
    assert study.best is None


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "0.9", True])
def test_a_value_that_is_no_finite_number_fails_the_trial(value):
    study = make_study()
    trial = study.tell(study.ask(), score=value)
    assert trial.state is TrialState.FAILED
    assert "a finite number was expected" in trial.reason


def test_a_missing_objective_fails_the_trial_and_names_what_came():
    study = make_study()
    trial = study.tell(study.ask(), accuracy=0.9)
    assert trial.reason == "the evaluation returned no 'score'; it returned: accuracy"


def test_a_limit_on_a_quantity_that_nothing_gives_fails_the_trial_and_names_what_came():
    study = make_study(constraints=["joules<=3"])
    trial = study.tell(study.ask(), score=0.9)
    assert trial.reason == "the evaluation returned no 'joules'; it returned: score"


def test_a_predicted_limit_is_kept_with_its_confidence_before_anything_is_spent():
    def allowed(spread):
        def predicted(architecture, names):
            assert names >= {"latency_ms_pi", "latency_ms_pi_log_sd"}
            return {"latency_ms_pi": float(architecture["width"]), "latency_ms_pi_log_sd": spread}

        study = make_study(constraints=["latency_ms_pi<=40"], facts=predicted)
        drawn = [study.space.sample(stream(0, "width", n)) for n in range(50)]
        return {a["width"] for a in drawn if not study.check(a)}

    assert allowed(0.0) == {8, 16, 32}
    assert allowed(0.5) == {8, 16}  # 16·exp(1.64·0.5) = 36.4, and 32·exp(1.64·0.5) = 72.8
    assert allowed(1.2) == set()


def test_a_trial_is_told_once():
    study = make_study()
    trial = study.ask()
    study.tell(trial, 1.0)
    with pytest.raises(ConfigError, match="trial 0 is not running"):
        study.tell(trial, 1.0)


def test_several_trials_may_run_at_the_same_time_and_end_in_any_order():
    study = make_study()
    first, second = study.ask(), study.ask()
    study.tell(second, 2.0)
    study.tell(first, 1.0)
    assert [t.measurements["score"] for t in study.trials] == [1.0, 2.0]


class Repeating:
    """Proposes the same architecture until it has been evaluated, then others."""

    def __init__(self, repeats=1):
        self.space, self.told, self.repeats = sa.SearchSpace.of(Net), [], repeats

    def ask(self, number):
        from searchitect.seeding import stream

        started = sum(t.state is TrialState.RUNNING for t in self.told)
        return Proposal(self.space.sample(stream(0, 0 if started <= self.repeats else number)))

    def tell(self, trial):
        self.told.append(trial)


def test_a_repeat_is_answered_from_the_journal_for_free():
    study = make_study(strategy=Repeating())
    study.tell(study.ask(), 1.25)
    following = study.ask()
    assert following.number == 2
    reused = study.trials[1]
    assert (reused.reused, reused.state, reused.measurements) == (0, TrialState.COMPLETE, {"score": 1.25})


def test_a_repeat_of_a_running_trial_ends_with_it():
    strategy = Repeating()
    study = make_study(strategy=strategy)
    first = study.ask()
    study.ask()
    assert study.trials[1].state is TrialState.RUNNING
    study.tell(first, 0.5)
    assert study.trials[1].measurements == {"score": 0.5}
    assert [t.number for t in strategy.told if t.is_complete] == [0, 1]


def test_a_strategy_that_only_repeats_itself_counts_as_exhausted():
    study = make_study(strategy=Repeating(10_000))
    study.tell(study.ask(), 1.0)
    assert study.ask() is None
    assert sum(t.reused == 0 for t in study.trials) == 1_000


def test_limits_known_beforehand_are_kept_before_anything_is_spent():
    study = make_study(constraints=["parameters<=5000"], facts=facts)
    for _ in range(30):
        trial = study.ask()
        assert facts(trial.architecture, frozenset({"parameters"}))["parameters"] <= 5000
        study.tell(trial, 1.0)


class Stubborn(Repeating):
    """Does not look at the study's check."""

    def ask(self, number):
        from searchitect.seeding import stream

        return Proposal(self.space.sample(stream(1, number)))


def test_what_reaches_the_study_infeasible_is_one_event_and_no_start():
    study = make_study(strategy=Stubborn(), constraints=["parameters<=2000"], facts=facts)
    for _ in range(5):
        study.tell(study.ask(), 1.0)
    infeasible = [t for t in study.trials if t.state is TrialState.INFEASIBLE]
    assert infeasible
    assert all("the limit is parameters<=2000" in t.reason or "does not fit" in t.reason for t in infeasible)
    kinds = [event["kind"] for event in journal(study)]
    assert kinds.count("infeasible") == len(infeasible)
    assert kinds.count("start") == kinds.count("end") == 5


def test_what_is_not_allowed_is_asked_without_limits_and_told_to_the_strategy():
    def allowed(architecture):
        return ["the table holds no such network"] if architecture["width"] > 8 else []

    study = Study(Net, strategy="random", allowed=allowed, budget=20)
    wide = next(a for a in study.space.enumerate() if a["width"] > 8)
    assert study.setting.check(wide) == ["the table holds no such network"]
    assert all(study.ask().architecture["width"] <= 8 for _ in range(3))


def test_a_shape_that_cannot_be_built_is_infeasible_with_the_message():
    study = make_study(strategy=Stubborn(), facts=facts)
    for _ in range(30):
        study.tell(study.ask(), 1.0)
    reasons = {t.reason for t in study.trials if t.state is TrialState.INFEASIBLE}
    assert reasons == {"a kernel of 7 does not fit behind max pooling"}


def test_contradictory_limits_are_refused_before_anything():
    with pytest.raises(ConstraintError, match="contradict each other"):
        make_study(constraints=["parameters<=10", "parameters>=20"])


def test_a_study_goes_on_under_its_name_with_the_same_trials():
    store = MemoryStore()
    with make_study(store=store) as study:
        for _ in range(4):
            study.tell(study.ask(), 1.0)
        open_trial = study.ask()
    with make_study(store=store) as again:
        assert len(again.trials) == 5
        handed_out = again.ask()
        assert (handed_out.number, handed_out.seed) == (open_trial.number, open_trial.seed)
        again.tell(handed_out, 2.0)
    starts = [e["number"] for _, e in store.journal("study").read() if e["kind"] == "start"]
    assert starts == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "another seed: 3, now 4"),
        ({"objectives": ["accuracy"]}, "another settings.objectives"),
        ({"strategy": "random"}, "another strategy.name: 'regularized_evolution', now 'random'"),
        ({"details": {"task": "wine"}}, "another task: None, now 'wine'"),
    ],
)
def test_a_study_that_differs_is_refused_with_the_difference(change, message):
    store = MemoryStore()
    make_study(store=store).close()
    with pytest.raises(ConfigError, match=message):
        make_study(store=store, **change)


def test_a_name_that_exists_with_another_space_is_refused():
    @sa.space
    class Other:
        width: int = sa.choice(1, 2)

    store = MemoryStore()
    make_study(store=store).close()
    with pytest.raises(ConfigError, match="another space.name: 'Net', now 'Other'"):
        Study(Other, objectives=["score"], seed=3, budget=40, store=store)


def test_two_drivers_of_one_study_are_refused():
    store = MemoryStore()
    with make_study(store=store), pytest.raises(StorageError, match="study"):
        make_study(store=store)


def test_a_refused_study_is_not_left_locked():
    store = MemoryStore()
    make_study(store=store).close()
    with pytest.raises(ConfigError):
        make_study(store=store, seed=9)
    make_study(store=store).close()


def test_a_study_without_objectives_is_refused():
    with pytest.raises(ConfigError, match="at least one objective"):
        make_study(objectives=[])


SPACE = sa.SearchSpace.of(Net)


def prior(count=20):
    drawn = [SPACE.sample(stream(2, "prior", n)) for n in range(count)]
    return ranked([(a, float(a["depth"])) for a in drawn], "earlier")


def after_ten(store, stop_after=10, **changes):
    """Ten trials of one study in sittings of some; the keys in the order they were asked for."""
    asked = []
    while len(asked) < 10:
        with make_study(store=store, **changes) as study:
            for _ in range(stop_after):
                trial = study.ask()
                asked.append(trial.key)
                study.tell(trial, score=float(study.instance(trial).width))
        changes = {k: v for k, v in changes.items() if k not in ("prior", "workers")}
    return asked


def test_a_study_with_a_prior_goes_on_without_the_prior_being_given_again():
    assert after_ten(MemoryStore(), prior=prior()) == after_ten(MemoryStore(), stop_after=2, prior=prior())


def test_a_study_with_a_prior_refuses_another_one():
    store = MemoryStore()
    make_study(store=store, prior=prior()).close()
    make_study(store=store, prior=prior()).close()
    with pytest.raises(ConfigError, match="another settings.prior"):
        make_study(store=store, prior=prior(19))
    with pytest.raises(ConfigError, match="another settings.prior"):
        make_study(store=store, prior=())


def test_a_study_without_a_prior_refuses_one_later():
    store = MemoryStore()
    make_study(store=store).close()
    with pytest.raises(ConfigError, match="another settings.prior"):
        make_study(store=store, prior=prior())


def test_a_strategy_object_is_warmed_too():
    given = PriorTrial(SPACE.sample(stream(1, "given")))
    study = make_study(strategy=RandomSearch(Setting(SPACE, ())), prior=[given])
    assert study.ask().architecture == given.architecture


def test_a_prior_of_another_space_leaves_no_study_behind():
    store = MemoryStore()
    with pytest.raises(SpaceError, match="does not belong to Net"):
        make_study(store=store, prior=[PriorTrial(sa.Architecture("other", {"width": 8}))])
    assert not store.studies()


def test_a_study_keeps_the_number_of_workers_its_strategy_was_made_with():
    store = MemoryStore()
    with make_study(store=store, workers=4) as study:
        assert study.setting.workers == 4
    with make_study(store=store, workers=2) as study:
        assert study.setting.workers == 4
    with make_study(store=store, name="another") as study:
        assert study.setting.workers == 1
        assert "workers" not in study.state.manifest["settings"]
