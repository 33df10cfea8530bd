"""A supernet is trained once; a search asks it, and what is handed over was trained alone."""

import random

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect import api
from searchitect.errors import ConfigError, EvaluationError, MissingExtraError, StorageError
from searchitect.evaluation import Context
from searchitect.evaluators.supernet_evaluator import SHARED, SupernetEvaluator
from searchitect.executors import SerialExecutor
from searchitect.nn import fully_connected
from searchitect.spaces import SearchSpace
from searchitect.strategies import STRATEGIES
from searchitect.study import Clock, Limit, Runner, run_phase
from searchitect.supernet.gaps import DiscretisationGap
from searchitect.supernet.ranks import RankedSubnet, RankReport
from tests.strategies.quick import QUICK


@sa.space
class Narrow:
    width: int = sa.choice(2, 4)

    def build(self, inputs, outputs):
        return nn.Sequential(fully_connected(inputs, self.width), nn.Tanh(), fully_connected(self.width, outputs))


@sa.space
class Wide:
    width: int = sa.integer(8, 12)
    activation: str = sa.choice("relu", "gelu")

    def build(self, inputs, outputs):
        hidden = [fully_connected(inputs, self.width), sa.nn.activation(self.activation)]
        return nn.Sequential(*hidden, fully_connected(self.width, outputs))


@sa.space
class Either:
    body: Narrow | Wide = sa.choice(Narrow, Wide)
    learning_rate: float = sa.real(1e-3, 1e-1, log=True, role="training")

    def build(self, task):
        return nn.Sequential(nn.Flatten(), self.body.build(task.features, task.outputs))


QUIET = {"workers": 0, "confirm_seeds": 1, "store": "memory:"}


@pytest.fixture(scope="module")
def trained():
    """A supernet whose rank report is planted: what it shows is tested with the ranks."""
    found = sa.train_supernet("iris", Either, epochs=2)
    found._ranks = _planted(found, 0.8, (0.5, 0.9)), 0.1
    return found


def _planted(trained, tau, interval):
    architecture = trained.supernet.space.default()
    pairs = (RankedSubnet(architecture, 0.5, 0.5),) * 8
    return RankReport("accuracy", pairs, tau, interval, tau, interval, DiscretisationGap(0.4, 0.5, 0.6), 1)


def test_training_decisions_are_fixed_and_architectures_still_hold_them(trained):
    space = SearchSpace.of(trained.space)
    drawn = {space.sample(random.Random(seed))["learning_rate"] for seed in range(5)}
    assert list(drawn) == pytest.approx([0.01])
    assert trained.recipe.learning_rate == pytest.approx(0.01)
    other = sa.train_supernet("iris", Either, epochs=1, fixed={"learning_rate": 0.05})
    assert other.recipe.learning_rate == 0.05


def test_it_answers_for_instances_and_architectures_of_the_whole_space(trained):
    instance = Either(body=Narrow(width=4), learning_rate=0.02)
    measured = trained.evaluate(instance)
    assert 0 <= measured["accuracy"] <= 1
    whole = SearchSpace.of(Either)
    assert trained.evaluate(whole.architecture(instance)) == measured
    model = trained.extract(instance)
    assert model.architecture["learning_rate"] == pytest.approx(0.01)
    assert sum(p.numel() for p in model.model.parameters()) == measured["parameters"]
    with pytest.raises(ConfigError, match="none of Either"):
        trained.evaluate(Narrow(width=4))


def test_what_is_extracted_loads_again(trained, tmp_path):
    instance = Either(body=Narrow(width=2), learning_rate=0.02)
    assert "model.safetensors" in trained.export(instance, tmp_path)
    raw = torch.randn(5, 4)
    again = sa.load(tmp_path, space=Either)
    assert torch.equal(again.model(raw), trained.extract(instance).model(raw))


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_serves_every_strategy(name, trained):
    evaluator = SupernetEvaluator(trained.supernet, trained.task, trained.recipe)
    try:
        study = sa.Study(
            trained.space, strategy=name, options=QUICK.get(name), objectives=["accuracy"],
            constraints=["parameters<=80"], facts=evaluator.check, fidelity=SHARED, budget=12,
        )  # fmt: skip
    except MissingExtraError as error:
        pytest.skip(error.message)
    run_phase(study, "search", Runner(SerialExecutor(evaluator), Clock()), Limit(trials=6))
    searched = [t for t in study.trials if t.is_complete and t.reused is None]
    assert len(searched) == 6
    assert all(t.measurements["epochs"] == 0 and t.measurements["parameters"] <= 80 for t in searched)
    again = evaluator.evaluate(searched[0].proposal, Context(seed=9))
    assert again["accuracy"] == searched[0].measurements["accuracy"]


def test_what_is_handed_over_was_trained_alone_and_so_was_random_search(trained, tmp_path):
    result = trained.search(trials=8, recipe=sa.Recipe(epochs=2), folder=tmp_path, name="alone", **QUIET)
    by_phase = {phase: [t for t in result.trials if t.phase == phase] for phase in ("search", "random", "confirm")}
    assert all(t.measurements["epochs"] == 0 for t in by_phase["search"] if t.is_complete)
    assert all(t.measurements["epochs"] > 0 for t in by_phase["random"] if t.is_complete)
    assert by_phase["random"]
    assert all(t.measurements["epochs"] == 2 for t in by_phase["confirm"])
    assert result.trials[result.best.trial].phase == "confirm"
    assert any("weights shared in a supernet" in warning for warning in result.warnings)
    loaded = sa.load(tmp_path, space=Either).architecture
    assert loaded.decisions == result.best.architecture.decisions


def test_random_search_never_gets_an_answer_of_the_shared_weights(trained, tmp_path):
    """The space is small, so both arms meet the same architectures."""
    result = trained.search(trials=14, recipe=sa.Recipe(epochs=1), folder=tmp_path, name="apart", **QUIET)
    reused = [t for t in result.trials if t.phase == "random" and t.reused is not None]
    assert all(result.trials[t.reused].phase == "random" for t in reused)


def test_limits_are_kept_before_anything_is_measured(trained, tmp_path):
    result = trained.search(
        trials=6,
        constraints=["parameters<=40"],
        recipe=sa.Recipe(epochs=1),
        random_search=False,
        folder=tmp_path,
        name="limit",
        **QUIET,
    )
    complete = [t for t in result.trials if t.is_complete]
    assert complete
    assert all(t.measurements["parameters"] <= 40 for t in complete)


def test_ranks_that_include_chance_refuse_the_search(trained):
    doubtful = trained.with_trust("measured")
    doubtful._ranks = _planted(trained, 0.2, (-0.3, 0.6)), 0.1
    with pytest.raises(EvaluationError, match=r"may not select here: Kendall's τ .* 0.20") as refused:
        doubtful.search(trials=4, **QUIET)
    assert "method='fairnas'" in refused.value.hint
    assert "trust='anyway'" in refused.value.hint


def test_trust_anyway_searches_all_the_same_and_says_what_was_measured(trained, tmp_path):
    doubtful = trained.with_trust("measured")
    doubtful._ranks = _planted(trained, 0.2, (-0.3, 0.6)), 0.1
    result = doubtful.search(
        trials=4,
        trust="anyway",
        recipe=sa.Recipe(epochs=1),
        random_search=False,
        folder=tmp_path,
        name="anyway",
        **QUIET,
    )
    assert any("-0.30 to 0.60" in warning for warning in result.warnings)


def test_a_search_without_a_report_makes_one_first(tmp_path, monkeypatch):
    trained = sa.train_supernet("iris", Either, epochs=1)
    asked = []

    def ranks(self, architectures=12, **named):
        asked.append(architectures)
        self._ranks = _planted(self, -0.1, (-0.5, 0.3)), 2.0
        return self._ranks[0]

    monkeypatch.setattr(sa.TrainedSupernet, "ranks", ranks)
    with pytest.raises(EvaluationError, match="includes 0"):
        trained.search(trials=4, **QUIET)
    assert asked == [12]
    assert trained.cost_seconds == trained.seconds + 2.0


def test_it_opens_again_with_its_ranks_and_resumes_its_studies(tmp_path):
    folder = tmp_path / "net"
    trained = sa.train_supernet("iris", "mlp", epochs=1, folder=folder)
    report = trained.ranks(5, epochs=1)
    again = sa.TrainedSupernet.open(folder)
    assert again.ranked == report
    assert again.digest == trained.digest
    assert again.evaluate(again.supernet.space.default()) == trained.evaluate(trained.supernet.space.default())
    store = f"sqlite:///{tmp_path}/s.db"
    named = {"store": store, "name": "one", "folder": tmp_path / "run", "workers": 0, "confirm_seeds": 1}
    named["random_search"] = False
    result = again.search("random", 3, trust="anyway", recipe=sa.Recipe(epochs=1), **named)
    resumed = api.resume("one", store)
    assert resumed.best.architecture == result.best.architecture
    assert sa.load(tmp_path / "run").architecture.decisions == result.best.architecture.decisions  # a catalogue space


def test_weights_that_were_trained_on_have_no_ranks_yet(tmp_path):
    trained = sa.train_supernet("iris", Either, epochs=1, folder=tmp_path)
    trained.ranks(5, epochs=1)
    other = sa.TrainedSupernet.open(tmp_path, space=Either)
    assert other.ranked is not None
    with torch.no_grad():
        next(trained.supernet.parameters()).add_(1.0)
    from searchitect.supernet.checkpoints import save_supernet

    save_supernet(tmp_path, trained.supernet)
    assert sa.TrainedSupernet.open(tmp_path, space=Either).ranked is None


def test_the_same_command_again_finds_the_training_finished(tmp_path):
    first = sa.train_supernet("iris", Either, epochs=2, folder=tmp_path)
    [written] = tmp_path.rglob("supernet.safetensors")
    before = written.stat().st_mtime_ns
    again = sa.train_supernet("iris", Either, epochs=2, folder=tmp_path)
    assert again.digest == first.digest
    assert written.stat().st_mtime_ns == before, "not a step more was trained"
    assert again.seconds >= sum(epoch["seconds"] for epoch in first.history) > 0, "what the first took counts"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": "wine"}, "trained on the task 'iris'"),
        ({"space": Narrow}, "not on this 'Narrow'"),
        ({"evaluate": lambda model: 1.0}, "not by both"),
        ({"supernet": "folder"}, "must be a trained supernet"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(change, told, trained):
    with pytest.raises(ConfigError, match=told):
        sa.search(**({"supernet": trained, "store": "memory:"} | change))


def test_task_and_space_may_be_repeated(trained, tmp_path):
    result = sa.search(
        "iris", Either, supernet=trained, trials=3, recipe=sa.Recipe(epochs=1), random_search=False,
        folder=tmp_path, name="both", **QUIET,
    )  # fmt: skip
    assert result.best is not None


def test_a_folder_without_a_supernet_or_with_data_of_its_own_says_so(tmp_path):
    with pytest.raises(StorageError, match="no trained supernet"):
        sa.TrainedSupernet.open(tmp_path)
    sa.train_supernet(sa.task("iris"), Either, epochs=1, folder=tmp_path)
    with pytest.raises(ConfigError, match="space=MySpace"):
        sa.TrainedSupernet.open(tmp_path)
    with pytest.raises(ConfigError, match="data in memory"):
        sa.TrainedSupernet.open(tmp_path, space=Either)
    assert sa.TrainedSupernet.open(tmp_path, space=Either, data="iris").method == "spos"
    with pytest.raises(ConfigError, match="not those that the supernet was trained on"):
        sa.TrainedSupernet.open(tmp_path, space=Either, data="wine")
    with pytest.raises(ConfigError, match="another space"):
        sa.TrainedSupernet.open(tmp_path, space=Narrow, data="iris")


def test_the_supernets_time_counts_in_a_budget_of_time(trained):
    from searchitect.api.preparing import prepare
    from searchitect.api.request import Request, make_parts

    slow = trained.with_trust("measured")
    slow.seconds = 100.0

    def planned(budget, **named):
        request = Request(supernet=slow, budget=budget, store="memory:", workers=0, **named)
        return prepare(request, make_parts(request)).plan

    plan = planned("400s")
    alone = planned("400s", random_search=False)
    assert plan.campaign.shared.seconds == pytest.approx(100.1)
    assert plan.search_fidelity.epochs == 0
    assert plan.campaign.search.seconds < (400 - 200) / 2
    assert alone.campaign.search.seconds > 1.5 * plan.campaign.search.seconds
    with pytest.raises(ConfigError, match="too short after a supernet that took 100 s"):
        planned("210s")


def test_workers_judge_with_the_same_weights(trained, tmp_path):
    named = {"recipe": sa.Recipe(epochs=1), "random_search": False, "confirm_seeds": 1, "store": "memory:"}
    result = trained.search("random", 3, workers=1, folder=tmp_path, name="workers", **named)
    for trial in result.trials:
        if trial.phase == "search":
            assert trial.measurements["accuracy"] == trained.evaluate(trial.architecture)["accuracy"]


def test_a_supernet_is_trained_by_two_programs_as_by_one(trained):
    together = sa.train_supernet("iris", Either, epochs=2, ranks=2)
    for name, weights in trained.supernet.state_dict().items():
        torch.testing.assert_close(together.supernet.state_dict()[name], weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ranks": 0}, "ranks must be a whole number"),
        ({"ranks": 2, "method": "enas"}, "the controller of 'enas'"),
        ({"ranks": 2, "device": "meta"}, "ranks share the work of processors"),
        ({"device": "cudaa"}, r"torch cannot use the device 'cudaa' here[\s\S]*one of: cpu"),
    ],
)
def test_ranks_and_devices_that_cannot_be_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        sa.train_supernet("iris", Either, epochs=1, **given)
