from __future__ import annotations

import dataclasses

import pytest

from searchitect.errors import EvaluationError
from searchitect.spaces import Architecture, SearchSpace
from searchitect.strategies import STRATEGIES, Belief, Setting
from searchitect.tabular.entries import Entry
from searchitect.tabular.searching import Terms, Trace, run_search
from searchitect.trial import Fidelity, Proposal, Trial
from tests.tabular.planted import Digits, Folded, Planted

TERMS = Terms("test_percent", optimum=99.95, worst=0.05, trials=8, checkpoints=(4, 8))


def number(value: int) -> Architecture:
    hundreds, tens, ones = f"{value:03}"
    digits = {"hundreds": int(hundreds), "tens": int(tens), "ones": int(ones)}
    return Architecture(SearchSpace.of(Digits).digest, digits)


class Script:
    """Asks for the numbers in its script, in order; "5" is a fresh replicate of the architecture 5."""

    script: tuple[int | str, ...] = ()
    made: list[Script] = []

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.told: list[Trial] = []
        self.made.append(self)

    def ask(self, number_: int) -> Proposal | None:
        if number_ >= len(self.script):
            return None
        value = self.script[number_]
        if isinstance(value, str):
            return Proposal(number(int(value)), replicate=number_)
        return Proposal(number(value))

    def tell(self, trial: Trial) -> None:
        self.told.append(trial)


class Believing(Script):
    def belief(self) -> Belief:
        return Belief(incumbent=0)


class Broken(Script):
    def ask(self, number_: int) -> Proposal | None:
        raise ZeroDivisionError("oh")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> type[Script]:
    """Puts the scripted strategies into the registry."""
    for kind in (Script, Believing, Broken):
        monkeypatch.setitem(STRATEGIES, kind.__name__.lower(), f"{__name__}:{kind.__name__}")
    monkeypatch.setattr(Script, "made", [])
    return Script


def run(script: tuple[int | str, ...], terms: Terms = TERMS, name: str = "script", holes: bool = False) -> Trace:
    Script.script = script
    return run_search(Planted(holes=holes), Entry(name), terms, seed=0)


def test_the_truth_of_the_best_observed_is_kept_evaluation_by_evaluation(script: type[Script]) -> None:
    trace = run((500, 300, 700, 600, 990, 0, 1, 2))
    assert trace.truths == pytest.approx([50.05, 50.05, 70.05, 70.05, 99.05, 99.05, 99.05, 99.05])
    assert trace.evaluations == 8


def test_the_strategy_is_told_the_signal_and_nothing_else(script: type[Script]) -> None:
    run((123,), dataclasses.replace(TERMS, signal="valid_percent"))
    assert script.made[0].told[-1].measurements == {"valid_percent": 12.3}


def test_an_exhausted_search_keeps_what_it_has(script: type[Script]) -> None:
    trace = run((500, 700))
    assert trace.truths == pytest.approx([50.05] + 7 * [70.05])
    assert (trace.evaluations, trace.times) == (2, [6.0] + 7 * [14.0])


def test_repeats_and_what_the_table_does_not_hold_are_free(script: type[Script]) -> None:
    trace = run((500, 500, 999, 600), holes=True)
    assert trace.evaluations == 2
    assert trace.cost["search"] == 6.0 + 7.0


def test_the_ledger_separates_search_validation_and_the_final_training(script: type[Script]) -> None:
    trace = run((500, "500", "500", 100))
    assert trace.cost == {"search": 6.0 + 2.0, "validation": 12.0, "final": 6.0}
    assert trace.evaluations == 4


def test_with_noise_the_best_observed_need_not_be_the_best(script: type[Script]) -> None:
    terms = dataclasses.replace(TERMS, noise=30.0)
    trace = run((500, 510, 520, 530, 540, 550, 560, 570), terms)
    assert trace.truths[-1] < 57.0
    assert run((500, 510), terms).truths[:2] == trace.truths[:2]


def test_a_replicate_counts_into_the_mean_of_its_architecture(script: type[Script]) -> None:
    # 500 and 501 differ by 0.1, the noise by far more: averaged often enough, the better one is on top.
    terms = dataclasses.replace(TERMS, noise=0.2, trials=402, checkpoints=(402,))
    trace = run((500, 501, *(200 * ("500", "501"))), terms)
    assert trace.truths[-1] == pytest.approx(50.15)
    assert trace.cost["validation"] == 400 * 6.0


def test_noise_depends_on_seed_and_architecture_not_on_the_order(script: type[Script]) -> None:
    terms = dataclasses.replace(TERMS, noise=5.0)
    forth, back = run((100, 120, 140, 160), terms), run((160, 140, 120, 100), terms)
    assert forth.truths[-1] == back.truths[-1]


def test_virtual_workers_end_in_the_order_of_their_costs(script: type[Script]) -> None:
    trace = run((900, 0, 100, 200), dataclasses.replace(TERMS, workers=2))
    # Two workers: 900 runs 0-10; 0 runs 0-1, 100 runs 1-3, 200 runs 3-6.
    assert trace.times[:4] == [1.0, 3.0, 6.0, 10.0]
    assert trace.truths[:4] == pytest.approx([0.05, 10.05, 20.05, 90.05])
    assert Script.made[0].setting.workers == 2


def test_what_the_model_believes_best_is_asked_at_the_checkpoints(script: type[Script]) -> None:
    trace = run((500, 700, 600, 800, 900), name="believing")
    assert trace.believed == {4: pytest.approx(50.05), 8: pytest.approx(50.05)}
    assert run((500, 700, 600, 800, 900)).believed == {}


def test_the_first_evaluation_of_the_optimum_is_kept(script: type[Script]) -> None:
    terms = dataclasses.replace(TERMS, within=0.3)
    assert run((500, 997, 999), terms).evaluated == {"near": 2, "optimum": 3}
    assert run((500,), terms).evaluated == {}


def test_the_space_of_the_benchmark_says_what_is_the_same_architecture() -> None:
    terms = dataclasses.replace(TERMS, trials=20)
    assert run_search(Planted(), Entry("random"), terms, 0).evaluations == 20
    assert run_search(Planted(space=Folded), Entry("random"), terms, 0).evaluations == 1


def test_a_signal_of_a_shorter_training_is_charged_for_that_alone(script: type[Script]) -> None:
    class PerEpoch(Planted):
        def cost(self, architecture: Architecture, fidelity: Fidelity = Fidelity()) -> float:
            return float(fidelity.epochs or 200)

    Script.script = (500, "500", 100)
    trace = run_search(PerEpoch(), Entry("script"), dataclasses.replace(TERMS, trained=Fidelity(epochs=12)), 0)
    assert trace.cost == {"search": 24.0, "validation": 12.0, "final": 200.0}
    assert trace.times[2] == 36.0


def test_a_trace_travels_as_numbers(script: type[Script]) -> None:
    trace = run((500, 997, 999, 700), name="believing")
    assert Trace.from_measurements(trace.measurements()) == trace


def test_searches_differ_by_seed_and_copy_and_nothing_else() -> None:
    def truths(seed: int, copy: int) -> list[float]:
        return run_search(Planted(), Entry("random", {}, copy), TERMS, seed).truths

    assert truths(0, 0) == truths(0, 0)
    assert truths(0, 0) != truths(1, 0)
    assert truths(0, 0) != truths(0, 1)


def test_an_error_of_the_strategy_gets_out(script: type[Script]) -> None:
    with pytest.raises(ZeroDivisionError):
        run((), name="broken")


def test_a_search_without_a_single_result_says_so(script: type[Script]) -> None:
    with pytest.raises(EvaluationError, match="no evaluation was complete"):
        run(())
