"""Stopping and continuing through the front door, on real training."""

from __future__ import annotations

import pytest

import searchitect as sa
from searchitect import api
from searchitect.errors import ConfigError
from searchitect.evaluation import CHECKPOINT
from searchitect.evaluators import TrainingEvaluator
from searchitect.executors import SerialExecutor
from searchitect.result import result_of
from searchitect.storage import open_store
from searchitect.study import Clock, Limit, Runner, Study, run_phase
from searchitect.study.events import without_clock
from searchitect.tasks import task
from searchitect.trial import Fidelity, TrialState


@pytest.fixture(autouse=True)
def _one_thread():
    """Small models gain nothing by threads, which wait for one another on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rates():
    """A space in which most trainings come to nothing: rates of learning over five decades."""

    @sa.space
    class Rates:
        width: int = sa.choice(8, 16, 32)
        learning_rate: float = sa.real(1e-6, 1e-1, log=True, role="training")

        def build(self, task):
            from torch import nn

            return nn.Sequential(nn.Flatten(), nn.Linear(64, self.width), nn.ReLU(), nn.Linear(self.width, 10))

    return Rates


@sa.space
class Plain:
    """Without a model: `evaluate` gets the instance."""

    width: int = sa.choice(8, 16, 32)
    depth: int = sa.integer(1, 30)


RECIPE = sa.Recipe(epochs=6, batch_size=256)


def search(store, **more):
    """A whole search, with baselines, test and export."""
    settings = {
        "strategy": "random", "trials": 12, "workers": 0, "seed": 1, "recipe": RECIPE, "store": store, "name": "s",
        "random_search": False, "confirm_seeds": 1,
    }  # fmt: skip
    return sa.search("digits", rates(), **(settings | more))


def only_search(store, folder, strategy, trials, recipe, on_event=None):
    """The search alone: as `search` wires it, without what follows."""
    evaluator = TrainingEvaluator(rates(), task("digits"), recipe)
    settings = {"strategy": strategy, "objectives": ["accuracy"], "seed": 1, "store": store, "name": "s"}
    fidelity = Fidelity(epochs=recipe.epochs)
    with Study(rates(), fidelity=fidelity, on_event=on_event, **settings) as study:
        runner = Runner(SerialExecutor(evaluator), Clock(), deterministic=True, folder=folder)
        run_phase(study, "search", runner, Limit(trials=trials))
        return result_of(study.state)


def journal(store, name="s"):
    return [without_clock(event) for _, event in open_store(store).journal(name).read()]


@pytest.mark.slow
def test_digits_save_epochs_and_keep_the_best(tmp_path):
    plain = search(str(tmp_path / "a.db"), folder=tmp_path / "a")
    stopped = search(str(tmp_path / "b.db"), folder=tmp_path / "b", stopping="median")
    assert stopped.counts["pruned"] >= 2
    assert plain.counts["pruned"] == 0
    assert plain.best.architecture == stopped.best.architecture
    spent = [sum(t.measurements["epochs"] for t in r.trials if t.phase == "search") for r in (plain, stopped)]
    assert spent[1] < 0.9 * spent[0]
    one = next(t for t in stopped.trials if t.state is TrialState.PRUNED)
    assert one.reason.startswith("median rule at step ")
    assert one.measurements["epochs"] == one.reports[-1][0] < 6
    assert not [w for w in stopped.warnings if "rule stopped nothing" in w]
    page = api.report("s", tmp_path / "page.html", str(tmp_path / "b.db")).read_text()
    assert "median rule at step" in page
    assert "stopped early" in page


@pytest.mark.slow
def test_deterministic_workers_write_the_same_journal_and_resume(tmp_path):
    first = str(tmp_path / "a.db")
    again = str(tmp_path / "b.db")
    for store in (first, again):
        search(store, folder=tmp_path / store[-4], workers=2, deterministic=True, stopping="median")
    assert journal(first) == journal(again)
    before = len(journal(first))
    assert api.resume("s", first, space=rates()).counts["pruned"] >= 1
    assert len(journal(first)) == before


def test_your_own_function_takes_part_by_context_report(tmp_path):
    def train(model, context):
        for epoch in range(1, 11):
            context.report(epoch, score=model.width * epoch / 320, progress=epoch / 10)
        return model.width / 32

    result = sa.search(
        space=Plain, evaluate=train, trials=40, strategy="random", stopping="median", store="memory:", seed=3,
        confirm_seeds=0, random_search=False,
    )  # fmt: skip
    assert result.counts["pruned"] > 0
    assert result.best.measurements["score"] == 1.0


def test_an_objective_that_is_never_reported_is_told(tmp_path):
    result = sa.search(
        space=Plain, evaluate=lambda model: 1.0, trials=8, strategy="random", stopping="curve", store="memory:",
        confirm_seeds=0, random_search=False,
    )  # fmt: skip
    assert "the curve rule stopped nothing: no trial told 'score' while it ran" in result.warnings


def test_a_rule_that_is_none_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="no stopping rule 'medium'"):
        sa.search("digits", stopping="medium", store="memory:")
    with pytest.raises(ConfigError, match="stopping must be the name of a rule"):
        sa.search("digits", stopping=lambda *a: None, store="memory:")


def test_the_plan_says_that_trials_are_stopped(tmp_path):
    request = api.Request(data="digits", space=rates(), trials=10, stopping="median", store="memory:", recipe=RECIPE)
    assert any("median rule" in line for line in api.plan(request).lines())


def test_rungs_of_a_constant_recipe_go_on_and_leave_no_checkpoint(tmp_path):
    recipe = sa.Recipe(epochs=9, batch_size=256, schedule="constant", averaging="ema")
    seen = []

    def watch(event):
        if event["kind"] == "end":
            seen.append(len(list((tmp_path / "weights").glob(f"*/{CHECKPOINT}"))))

    result = only_search(str(tmp_path / "s.db"), tmp_path, "asha", 9, recipe, watch)
    higher = [t for t in result.trials if t.proposal.continues is not None]
    assert len(higher) >= 2
    for trial in higher:
        below = result.trials[trial.proposal.continues].proposal.fidelity.epochs
        whole = trial.proposal.fidelity.epochs
        assert trial.measurements["continued_epochs"] == below
        assert trial.measurements["epochs"] == whole - below
        assert trial.measurements["total_epochs"] == whole
        assert [step for step, _ in trial.reports] == list(range(below + 1, whole + 1))
    assert max(seen) > 0
    assert not list((tmp_path / "weights").glob(f"*/{CHECKPOINT}"))
    assert not [w for w in result.warnings if "afresh" in w]


def test_rungs_of_an_annealed_recipe_train_afresh_and_count_it(tmp_path):
    result = only_search(str(tmp_path / "s.db"), tmp_path, "asha", 5, sa.Recipe(epochs=3, batch_size=256))
    higher = [t for t in result.trials if t.proposal.continues is not None]
    assert higher
    for trial in higher:
        below = result.trials[trial.proposal.continues].proposal.fidelity.epochs
        assert trial.measurements["continued_epochs"] == 0
        assert trial.measurements["epochs"] == trial.proposal.fidelity.epochs
        assert trial.measurements["total_epochs"] == trial.proposal.fidelity.epochs + below
    assert [w for w in result.warnings if "trained afresh, and their cost is counted" in w]


def test_a_search_killed_between_rungs_loses_nothing(tmp_path):
    recipe = sa.Recipe(epochs=3, batch_size=256, schedule="constant")

    class Cut(BaseException):
        pass

    def cut(event):
        if event["kind"] == "start" and event.get("continues") is not None:
            raise Cut  # as if killed when the higher rung had just begun

    only_search(str(tmp_path / "whole.db"), tmp_path / "whole", "asha", 5, recipe)
    with pytest.raises(Cut):
        only_search(str(tmp_path / "cut.db"), tmp_path / "cut", "asha", 5, recipe, cut)
    result = only_search(str(tmp_path / "cut.db"), tmp_path / "cut", "asha", 5, recipe)
    assert journal(str(tmp_path / "cut.db")) == journal(str(tmp_path / "whole.db"))
    assert all(t.measurements["continued_epochs"] for t in result.trials if t.proposal.continues is not None)
