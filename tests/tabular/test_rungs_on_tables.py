"""Tables at several numbers of epochs: what they answer, what that costs, and what a search by rungs makes of it."""

from __future__ import annotations

import dataclasses

import pytest

import searchitect as sa
from searchitect.evaluation import Context
from searchitect.spaces import Architecture, SearchSpace
from searchitect.strategies import STRATEGIES
from searchitect.tabular import TableEvaluator, open_benchmark
from searchitect.tabular.comparing import compare
from searchitect.tabular.entries import Entry
from searchitect.tabular.searching import Terms, run_search, setting_of
from searchitect.trial import Fidelity, Proposal, Trial
from tests.shared_data import shared
from tests.tabular.planted import Planted
from tests.tabular.test_searching import number

TERMS = Terms("valid_percent", optimum=99.95, worst=0.05, trials=3)


@dataclasses.dataclass
class Trained(Planted):
    """valid = number / 10 in full; the opposite order after 1 of 4 epochs."""

    epochs: int = 4
    fidelities: tuple[int, ...] = (1, 2)
    continues: bool = False

    def measure(self, architecture: Architecture, fidelity: Fidelity = Fidelity(), replicate: int = 0):
        found = dict(super().measure(architecture))
        if fidelity.epochs == 1:
            found["valid_percent"] = 100 - found["valid_percent"]
        return found

    def cost(self, architecture: Architecture, fidelity: Fidelity = Fidelity()) -> float:
        return 10.0 * (fidelity.epochs or 4)


class Script:
    """Asks for (number, epochs, continued trial)."""

    script: tuple[tuple[int, int | None, int | None], ...] = ()

    def __init__(self, setting) -> None:
        pass

    def ask(self, place: int) -> Proposal | None:
        if place >= len(self.script):
            return None
        value, epochs, continues = self.script[place]
        return Proposal(number(value), Fidelity(epochs=epochs), continues=continues)

    def tell(self, trial: Trial) -> None:
        pass


def run(monkeypatch, script, terms=TERMS, **more):
    monkeypatch.setitem(STRATEGIES, "script", f"{__name__}:Script")
    monkeypatch.setattr(Script, "script", script)
    return run_search(Trained(**more), Entry("script"), terms, seed=0)


def test_before_a_full_evaluation_the_best_is_that_of_the_highest_rung(monkeypatch):
    trace = run(monkeypatch, ((100, 1, None), (900, 1, None), (300, 2, None), (200, None, None), (700, None, None)))
    # 1/4, 2/4, 1, 2 and 3 full evaluations
    assert trace.truths == pytest.approx([30.05, 20.05, 70.05])
    assert trace.evaluations == 5


def test_separate_trainings_are_paid_whole_and_curves_by_the_increment(monkeypatch):
    script = ((100, 2, None), (100, None, 0), (500, None, None), (900, None, None))
    separate, curves = run(monkeypatch, script), run(monkeypatch, script, continues=True)
    assert separate.truths == pytest.approx([10.05, 10.05, 50.05])  # after 0.5, 1.5, 2.5; the fourth does not fit
    assert curves.truths == pytest.approx([10.05, 50.05, 90.05])
    assert separate.cost["search"] == 20 + 40 + 40 + 40
    assert curves.cost["search"] == 20 + 20 + 40 + 40


def test_full_evaluations_are_counted_as_before(monkeypatch):
    trace = run(monkeypatch, tuple((n, None, None) for n in (300, 100, 800, 999)))
    assert trace.truths == pytest.approx([30.05, 30.05, 80.05])
    assert trace.times == [40.0, 80.0, 120.0]


def test_a_strategy_is_told_which_epochs_are_on_record():
    assert setting_of(Trained(), TERMS).recorded_epochs == (1, 2, 4)
    assert setting_of(Planted(), TERMS).recorded_epochs == ()
    short = dataclasses.replace(TERMS, trained=Fidelity(epochs=2))
    assert setting_of(Trained(), short).recorded_epochs == ()


def test_a_table_without_epochs_leaves_out_what_needs_them():
    found = compare(Planted(), "all", trials=4, seeds=2)
    names = {row.entry.name for row in found.rows}
    assert "hyperband" not in names
    assert any("hyperband is left out" in note for note in found.notes)


@pytest.mark.parametrize("name", ["successive_halving", "hyperband", "asha", "bohb", "dehb", "priorband"])
def test_every_strategy_by_rungs_runs_on_curves(name):
    found = compare("digits_bench", name, trials=12, seeds=2)
    row = found.rows[-1]
    assert row.error is None
    assert all(trace.evaluations > 12 for trace in row.traces)
    assert max(found.regrets(row, 12)) < 0.05


def test_the_evaluator_answers_one_training_at_all_its_rungs():
    benchmark = open_benchmark("digits_bench")
    evaluator, space = TableEvaluator(benchmark), SearchSpace.of(benchmark.space)
    instance = space.instance(next(iter(benchmark.members())))
    assert evaluator.recorded_epochs == tuple(range(1, 13))
    assert evaluator.continues

    def at(epochs, seed, continues=None):
        context = Context(seed, fidelity=Fidelity(epochs=epochs), continues=continues)
        return evaluator(instance, context)["valid_accuracy"]

    assert at(3, seed=1) == at(3, seed=2)
    assert [at(epochs, seed=epochs) for epochs in (1, 2, 3)] == list(
        benchmark.measurements["valid_accuracy"].curves[benchmark.rows[Architecture.of(instance).text][0]][:3]
    )
    assert at(None, seed=7, continues=4) == at(12, seed=8)


def test_search_by_rungs_on_a_table_and_random_search_at_equal_epochs():
    benchmark = open_benchmark("digits_bench")
    result = sa.search(
        space=benchmark.space,
        evaluate=TableEvaluator(benchmark),
        strategy="hyperband",
        objectives=["valid_accuracy"],
        trials=30,
        confirm_seeds=0,
        store="memory:",
    )
    searched = [t for t in result.trials if t.phase == "search" and t.reused is None]
    of = {t.number: t.proposal.fidelity.epochs or 12 for t in result.trials}
    spent = sum(of[t.number] - of.get(t.proposal.continues, 0) for t in searched)
    random = [t for t in result.trials if t.phase == "random"]
    assert {t.proposal.fidelity for t in random} == {Fidelity()}
    assert len(random) == -(-spent // 12)
    top = [t for t in searched if t.proposal.fidelity == Fidelity()]
    assert result.best.trial in {t.number for t in top}


@pytest.mark.data
def test_rungs_of_the_published_tables():
    folder = shared("benchmarks")
    pool, curves = (open_benchmark(name, folder) for name in ("nasbench101", "nasbench_nlp"))
    assert TableEvaluator(pool).recorded_epochs == (4, 12, 36, 108)
    assert not TableEvaluator(pool).continues
    assert TableEvaluator(curves).continues
    assert TableEvaluator(curves).recorded_epochs[-1] == 50
