"""Gradient search finds what was planted, avoids the known failure, goes on after a stop, and is the same again."""

import dataclasses
import statistics

import pytest
import torch

import searchitect as sa
from searchitect.errors import ConfigError, EvaluationError, SpaceError
from searchitect.spaces import SearchSpace
from searchitect.supernet.costs import CostTerm
from searchitect.supernet.gradient_methods import GRADIENT_METHODS, GradientMethod, GradientSettings
from searchitect.supernet.gradient_search import gradient_search
from searchitect.supernet.guards import Guards
from searchitect.supernet.open_build import open_build
from tests.supernet.planted import Planted, planted
from tests.supernet.trap import Trap, trap, units

RECIPE = GradientSettings().recipe.updated({"learning_rate": 0.1, "epochs": 20})
SETTINGS = GradientSettings(recipe=RECIPE, rate=0.02, tune_epochs=1)
QUICK = dataclasses.replace(SETTINGS, recipe=RECIPE.updated({"epochs": 3}), data_fraction=0.3, recalibration=4)


def recovered(method, seed, **words):
    known = planted(seed)
    return known.recovered(gradient_search(Planted, known.task, method=method, seeds=1, seed=seed, **words).best)


@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_every_method_finds_what_was_planted(method):
    settings = dataclasses.replace(SETTINGS, recipe=RECIPE.updated({"epochs": 12}))
    assert recovered(method, 0, settings=settings) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_every_method_finds_nine_planted_operations_in_ten(method):
    assert statistics.fmean(recovered(method, seed, settings=SETTINGS) for seed in range(5)) >= 0.9


TRAPPED = dataclasses.replace(SETTINGS, recipe=RECIPE.updated({"epochs": 30}), rate=0.05)


def trapped(seeds, **words):
    return statistics.fmean(
        units(gradient_search(Trap, trap(n), settings=TRAPPED, seeds=1, seed=n, **words).best) for n in seeds
    )


def test_plain_darts_falls_for_skips_where_guards_and_perturbation_do_not():
    assert trapped(range(5), guards=None, selection="magnitude") <= 0.8
    assert trapped(range(5)) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name in GRADIENT_METHODS if name != "darts"])
def test_no_method_falls_for_skips_by_default(method):
    assert trapped(range(5), method=method) >= 0.9


def test_the_same_seed_finds_the_same_bit_for_bit():
    known = planted(1)
    first, second = (gradient_search(Planted, known.task, settings=QUICK, seeds=2, seed=4) for _ in range(2))
    assert first.runs == second.runs
    other = gradient_search(Planted, known.task, settings=QUICK, seeds=1, seed=5)
    assert other.runs[0].progress != first.runs[0].progress


def test_runs_are_ordered_by_a_hold_out_that_trained_nothing():
    found = gradient_search(Planted, planted(2).task, settings=QUICK, seeds=3)
    assert [run.score for run in found.runs] == sorted((run.score for run in found.runs), reverse=True)
    assert len({run.seed for run in found.runs}) == 3
    assert found.best == found.runs[0].architecture
    assert set(found.architectures) == {run.architecture for run in found.runs}
    assert all(SearchSpace.of(Planted).contains(architecture) for architecture in found.architectures)
    assert all(0.0 <= gap <= 1.0 for run in found.runs for gap in (run.gap.supernet, run.gap.discretised))


def test_every_epoch_is_reported():
    told = []
    found = gradient_search(Planted, planted(0).task, settings=QUICK, seeds=2, report=told.append)
    assert [(entry.run, entry.epoch) for entry in told] == [(run, epoch) for run in range(2) for epoch in (1, 2, 3)]
    by_run = {run.progress[0].run: run.progress for run in found.runs}
    assert tuple(told[:3]) == by_run[0]
    for entry in told:
        assert set(entry.probabilities) == {f"edge_{n}" for n in range(4)}
        assert all(sum(shares) == pytest.approx(1.0) for shares in entry.probabilities.values())
        assert entry.eigenvalue > 0.0
        assert 0.0 <= entry.entropy <= 1.0


class KilledError(Exception):
    pass


@pytest.mark.parametrize("method", ["darts", "gdas", "dr_nas"])
def test_a_search_that_was_killed_ends_as_if_it_had_not_been(method, tmp_path):
    words = {"method": method, "settings": QUICK, "seeds": 2, "seed": 3}
    task = planted(3).task
    whole = gradient_search(Planted, task, **words)

    def kill(entry):
        if (entry.run, entry.epoch) == (1, 2):
            raise KilledError

    with pytest.raises(KilledError):
        gradient_search(Planted, task, folder=tmp_path, report=kill, **words)
    told = []
    assert gradient_search(Planted, task, folder=tmp_path, report=told.append, **words) == whole
    assert [(entry.run, entry.epoch) for entry in told] == [(1, 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-0.json", "run-1.json"]


def test_costs_move_the_search_to_what_is_cheap():
    space, spec = sa.catalog.get("nasbench201", cells=1, channels=4), sa.task("digits").spec
    recipe = RECIPE.updated({"epochs": 2, "batch_size": 64})
    settings = GradientSettings(recipe=recipe, rate=0.3, tune_epochs=0, data_fraction=0.2)
    words = {"settings": settings, "seeds": 1, "selection": "magnitude", "guards": None}
    found = gradient_search(space, sa.task("digits"), costs=[CostTerm("flops", 1e5, weight=50.0)], **words)
    assert "nor_conv_3x3" not in found.best.decisions.values()
    assert open_build(space, spec, check=False).extract(found.best) is not None


def test_partial_connections_and_their_edges_search_cells():
    space = sa.catalog.get("nasbench201", cells=1, channels=4)
    recipe = RECIPE.updated({"epochs": 2, "batch_size": 64})
    settings = GradientSettings(recipe=recipe, tune_epochs=0, data_fraction=0.1, judged=64)
    found = gradient_search(space, sa.task("digits"), method="pc_darts", settings=settings, seeds=1)
    assert found.runs[0].progress[0].search_loss is None  # warm-up
    assert found.runs[0].progress[1].search_loss > 0.0
    assert found.runs[0].strengths.keys() == found.options.keys()


def test_a_method_of_ones_own_is_made_of_parts():
    method = GradientMethod(sampler="gumbel_relaxed", temperature=(1.0, 0.5), perturbation=0.1, selection="magnitude")
    found = gradient_search(Planted, planted(0).task, method=method, settings=QUICK, seeds=1)
    assert found.method == "custom"
    assert [entry.temperature for entry in found.runs[0].progress] == [1.0, 0.75, 0.5]


def test_a_regression_is_searched_by_its_loss():
    x = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    found = gradient_search(Planted, sa.task((x.numpy(), x[:, 0].numpy())), settings=QUICK, seeds=1)
    assert found.runs[0].score < 0.0


def test_a_guard_that_fires_keeps_the_architecture_weights_and_trains_the_rest():
    settings = dataclasses.replace(TRAPPED, recipe=TRAPPED.recipe.updated({"epochs": 8}))
    guards = Guards(most_skips=0.25, eigenvalue=None, skip_dropout=0.0)
    run = gradient_search(Trap, trap(0), settings=settings, guards=guards, seeds=1, selection="magnitude").runs[0]
    assert "of the decisions would skip in epoch" in run.stopped
    assert len(run.progress) == 8
    stopped = int(run.stopped.split()[-1])
    rest = run.progress[stopped:]
    assert all(entry.probabilities == rest[0].probabilities and entry.search_loss is None for entry in rest)
    assert rest[-1].train_loss < rest[0].train_loss
    assert sum(value == "skip" for value in run.architecture.decisions.values()) <= 1


def test_a_decision_that_cannot_be_mixed_is_refused_before_training():
    with pytest.raises(SpaceError, match=r"gradient search mixes choices among modules, 'stem' .*\n.*fixed={'stem'"):
        gradient_search(sa.catalog.get("plain_cnn"), sa.task("digits"), settings=QUICK)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"method": "dartz"}, "no gradient search is called 'dartz'.*\n.*darts"),
        ({"selection": "size"}, "a selection is 'magnitude' or 'perturbation', got 'size'"),
        ({"seeds": 0}, "at least 1 run, got seeds=0"),
    ],
)
def test_unknown_words_are_refused(words, told):
    with pytest.raises(ConfigError, match=told):
        gradient_search(Planted, planted(0).task, settings=QUICK, **words)


def test_a_loss_that_is_not_finite_ends_the_search():
    settings = dataclasses.replace(QUICK, recipe=QUICK.recipe.updated({"learning_rate": 1e30, "gradient_clip": None}))
    with pytest.raises(EvaluationError, match="the loss of the supernet is not finite in epoch 1.*\n.*learning rate"):
        gradient_search(Planted, planted(0).task, settings=settings, seeds=1)
