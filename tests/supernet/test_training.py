"""Shared weights: what each method trains, what goes wrong, and that a kill at any step changes nothing."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import searchitect as sa
from searchitect.errors import ConfigError, EvaluationError, StorageError
from searchitect.nn import fully_connected
from searchitect.supernet import load, open_build, open_supernet, train_supernet
from searchitect.supernet.controller import Enas
from searchitect.supernet.members import members_of
from searchitect.supernet.methods import METHODS, FairNAS, Sandwich, method_of
from searchitect.supernet.shrinking import ProgressiveShrinking
from searchitect.training.losses import score_validation
from searchitect.training.ranks import join
from tests.supernet.killed_training import EPOCHS, RECIPES, SAVE_EVERY, Small, examples, run, steps_of_an_epoch
from tests.supernet.planted import Planted, planted

ROOT = Path(__file__).parents[2]
SHORT = sa.Recipe(epochs=2, batch_size=32, learning_rate=5e-3)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data():
    return examples()


@pytest.fixture(scope="module")
def uninterrupted():
    return {method: run(method, None) for method in METHODS}


def small(data):
    return open_build(Small, data.spec, check=False)


def equal(first, second):
    mine, theirs = first.state_dict(), second.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def without_seconds(history):
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in history]


# What is trained.


@pytest.mark.parametrize("method", METHODS)
def test_the_planted_operations_have_the_best_weights(method):
    epochs = {"fairnas": 8}.get(method, 20)
    recipe = sa.Recipe(epochs=epochs, learning_rate=0.03, batch_size=64)
    found = []
    for seed in range(5):
        task = planted(seed, examples=1_500)
        data = load(task.task, search_share=0.25 if method == "enas" else 0.0)
        supernet = open_build(Planted, data.spec, seed=seed, check=False)
        chosen = Enas(samples=30) if method == "enas" else method
        train_supernet(supernet, data, method=chosen, recipe=recipe, seed=seed)
        found.append(task.recovered(best(supernet, data)))
    assert np.mean(found) >= 0.9


def best(supernet, data):
    (inputs, targets), *_ = data.validation.in_order(len(data.validation))

    def accuracy(architecture):
        supernet.activate(architecture)
        return float((supernet(inputs).argmax(1) == targets).double().mean())

    with torch.no_grad():
        return max(supernet.space.enumerate(), key=accuracy)


@pytest.mark.parametrize("method", METHODS)
def test_the_history_has_every_epoch(uninterrupted, method):
    _, outcome = uninterrupted[method]
    assert outcome.method == method
    assert outcome.stopped == "epochs"
    assert [entry["epoch"] for entry in outcome.history] == list(range(1, EPOCHS + 1))
    assert all(
        {"train_loss", "loss", "accuracy", "learning_rate", "seconds"} <= entry.keys() for entry in outcome.history
    )
    assert ("reward" in outcome.history[0]) is (method == "enas")
    if method == "ofa":
        assert [entry["phase"] for entry in outcome.history] == [0, 1, 2, 3]


@sa.space
class Elastic:
    first: int = sa.choice(16, 32, 64)
    second: int = sa.choice(16, 32, 64)

    def build(self, task):
        layers = [fully_connected(task.features, self.first), nn.ReLU(), fully_connected(self.first, self.second)]
        return nn.Sequential(nn.Flatten(), *layers, nn.ReLU(), fully_connected(self.second, task.outputs))


@pytest.mark.parametrize("method", ["spos", "fairnas", "sandwich", "ofa"])
def test_the_largest_subnet_and_the_smallest_learn_the_digits(method):
    data = load(sa.task("digits"))
    supernet = open_build(Elastic, data.spec, check=False)
    outcome = train_supernet(supernet, data, method=method, recipe=sa.Recipe(epochs=8, learning_rate=2e-2))
    assert outcome.history[-1]["accuracy"] > 0.9
    supernet.activate(members_of(supernet).smallest)
    assert score_validation(supernet, data.validation, data.spec)["accuracy"] > 0.85


def test_a_method_takes_settings_of_its_own(data):
    recipe = SHORT.updated({"epochs": 1})
    outcome = train_supernet(small(data), data, method=Sandwich(randoms=0), recipe=recipe)
    assert outcome.method == "sandwich"


def test_values_can_be_learned_instead_of_classes():
    x = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    task = sa.task((x, np.abs(x[:, 0]) + x[:, 3]))
    data, recipe = load(task, search_share=0.3), sa.Recipe(epochs=8, batch_size=32, learning_rate=2e-2)
    for method in METHODS:
        supernet = open_build(Planted, task.spec, check=False)
        chosen = Enas(samples=10) if method == "enas" else method
        first, *_, last = train_supernet(supernet, data, method=chosen, recipe=recipe).history
        assert "accuracy" not in last
        assert last["train_loss"] < first["train_loss"]


def test_the_teacher_stays_as_the_first_phase_left_it(tmp_path, data):
    supernet, seen = small(data), {}

    def note(epoch, figures):
        seen[epoch] = {name: parameter.detach().clone() for name, parameter in supernet.named_parameters()}

    method = ProgressiveShrinking(first=1 / 3)
    recipe = SHORT.updated({"epochs": 3})
    train_supernet(supernet, data, method=method, recipe=recipe, folder=tmp_path, report=note)
    kept = load_file(tmp_path / "supernet.safetensors")
    assert all(torch.equal(kept[f"method.{name}"], tensor) for name, tensor in seen[1].items())
    assert not all(torch.equal(kept[f"method.{name}"], tensor) for name, tensor in seen[3].items())


def test_the_callers_random_numbers_are_left_alone(data):
    before = torch.get_rng_state()
    train_supernet(small(data), data, recipe=SHORT.updated({"epochs": 1}))
    assert torch.equal(torch.get_rng_state(), before)


# Going on.


QUICK = ("spos", "enas")  # a path alone, and a controller that learns beside it


@pytest.mark.parametrize("method", [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in METHODS])
def test_a_training_killed_inside_an_epoch_ends_with_the_same_weights(tmp_path, uninterrupted, method):
    total = EPOCHS * steps_of_an_epoch()
    step = random.Random(f"kill {method}").randrange(SAVE_EVERY + 1, total)
    step += step % steps_of_an_epoch() == 0
    command = [sys.executable, "-m", "tests.supernet.killed_training", method, str(tmp_path), str(step)]
    killed = subprocess.run(command, cwd=ROOT, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "supernet.safetensors").is_file()
    supernet, outcome = run(method, tmp_path)
    expected, whole = uninterrupted[method]
    assert equal(supernet, expected)
    assert without_seconds(outcome.history) == without_seconds(whole.history)


@pytest.mark.slow
def test_kills_at_any_moment_leave_a_checkpoint_that_can_be_read(tmp_path, uninterrupted):
    command = [sys.executable, "-m", "tests.supernet.killed_training", "fairnas", str(tmp_path)]
    rng = random.Random(0)
    for _ in range(6):
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})
        try:
            process.wait(timeout=rng.uniform(2.0, 5.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    supernet, _ = run("fairnas", tmp_path)
    assert equal(supernet, uninterrupted["fairnas"][0])


def test_a_deadline_interrupts_and_the_next_run_goes_on(tmp_path, data, uninterrupted):
    recipe = RECIPES["spos"].updated({"epochs": EPOCHS, "batch_size": 32, "augmentation": "shift"})
    ticks = 0
    while True:
        supernet = small(data)
        outcome = train_supernet(supernet, data, recipe=recipe, folder=tmp_path, deadline=0.03 * (ticks + 1))
        ticks += 1
        if outcome.stopped == "epochs":
            break
    assert ticks > 1
    assert equal(supernet, uninterrupted["spos"][0])


def test_a_finished_training_returns_at_once(tmp_path, data):
    reported = []
    first = train_supernet(small(data), data, recipe=SHORT, folder=tmp_path, report=lambda n, v: reported.append(n))
    again = small(data)
    second = train_supernet(again, data, recipe=SHORT, folder=tmp_path, report=lambda n, v: reported.append(n))
    assert second.history == first.history
    assert reported == [1, 2]
    assert second.seconds >= sum(epoch["seconds"] for epoch in first.history) > 0, "what the first took counts"


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(data, uninterrupted):
    expected, _ = uninterrupted["sandwich"]
    again, _ = run("sandwich", None)
    assert equal(again, expected)
    other = small(data)
    recipe = RECIPES["sandwich"].updated({"epochs": EPOCHS, "batch_size": 32, "augmentation": "shift"})
    train_supernet(other, data, method="sandwich", recipe=recipe, seed=1)
    assert not equal(other, expected)


# What is refused.


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"seed": 1}, "training.seed 0, this one has 1"),
        ({"method": "fairnas"}, 'training.method.name "spos", this one has "fairnas"'),
        ({"recipe": SHORT.updated({"learning_rate": 0.5})}, "training.recipe.learning_rate 0.005, this one has 0.5"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, data, changed, told):
    train_supernet(small(data), data, recipe=SHORT, folder=tmp_path)
    with pytest.raises(StorageError, match=f"{told}\n.*choose another folder"):
        train_supernet(small(data), data, **{"recipe": SHORT, "folder": tmp_path} | changed)


def test_a_checkpoint_of_a_method_with_other_settings_is_refused(tmp_path, data):
    recipe = SHORT.updated({"epochs": 1})
    train_supernet(small(data), data, method=FairNAS(paths=2), recipe=recipe, folder=tmp_path)
    with pytest.raises(StorageError, match="training.method.paths 2, this one has null"):
        train_supernet(small(data), data, method="fairnas", recipe=recipe, folder=tmp_path)


def test_a_checkpoint_of_other_examples_is_refused(tmp_path, data):
    train_supernet(small(data), data, recipe=SHORT, folder=tmp_path)
    with pytest.raises(StorageError, match="training.examples.train"):
        train_supernet(small(data), dataclasses.replace(data, train=data.search), recipe=SHORT, folder=tmp_path)


def test_a_loss_that_is_not_finite_names_its_step(data):
    recipe = SHORT.updated({"optimizer": "sgd", "learning_rate": 1e20, "gradient_clip": None, "schedule": "constant"})
    with pytest.raises(EvaluationError, match=r"the loss became (nan|inf) in epoch 1, step \d\n.*lower the learning"):
        train_supernet(small(data), data, recipe=recipe)


def test_what_went_wrong_is_not_saved_over_what_was_well(tmp_path, data):
    class Broken:
        """Examples with a NaN in the batches after the fourth."""

        def __init__(self, inner):
            self.inner = inner

        def __len__(self):
            return len(self.inner)

        def shuffled(self, size, generator):
            for i, (inputs, targets) in enumerate(self.inner.shuffled(size, generator)):
                yield inputs * float("nan") if i > 3 else inputs, targets

        def in_order(self, size):
            return self.inner.in_order(size)

    broken = dataclasses.replace(data, train=Broken(data.train))
    with pytest.raises(EvaluationError, match="the loss became nan in epoch 1, step 5"):
        train_supernet(small(data), broken, recipe=SHORT, folder=tmp_path, save_every=2)
    supernet = open_supernet(tmp_path, space=Small)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in supernet.state_dict().values())


def test_a_deadline_in_the_first_epoch_without_a_folder_is_an_error(data):
    with pytest.raises(EvaluationError, match="the deadline passed in the first epoch.*\n.*or a folder"):
        train_supernet(small(data), data, recipe=SHORT, deadline=0.0)


def test_an_unknown_method_names_the_nearest(data):
    with pytest.raises(ConfigError, match="called 'fairnass'\n.*did you mean 'fairnas'"):
        train_supernet(small(data), data, method="fairnass", recipe=SHORT)


def test_a_controller_needs_examples_of_its_own():
    data = load(sa.task("digits"), data_fraction=0.2)
    with pytest.raises(EvaluationError, match="search_share=0.2"):
        train_supernet(small(data), data, method="enas", recipe=SHORT)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_knows_its_name(name):
    method = method_of(name)
    assert method.name == name
    assert json.loads(json.dumps(dataclasses.asdict(method))) is not None


@sa.space
class Plain:
    width: int = sa.integer(4, 8)
    activation: str = sa.choice("relu", "tanh")

    def build(self, task):
        hidden = [fully_connected(task.features, self.width), sa.nn.activation(self.activation)]
        return nn.Sequential(nn.Flatten(), *hidden, fully_connected(self.width, task.outputs))


@pytest.mark.parametrize("method", ["spos", "fairnas", "sandwich", "ofa"])
def test_two_ranks_train_the_weights_that_one_program_does(method, tmp_path):
    task = sa.task("iris")
    data, recipe = load(task), SHORT.updated({"optimizer": "sgd", "epochs": 2})

    # Ranks are programs; threads stand for them here, and would share the generator that weights begin from.
    first, *others = (open_build(Plain, task.spec, seed=0) for _ in range(3))

    def trained(supernet, ranks=None):
        folder = None if ranks is None else tmp_path / f"of {ranks.rank}"
        done = train_supernet(supernet, data, method=method, recipe=recipe, seed=2, ranks=ranks, folder=folder)
        return supernet, done

    alone, expected = trained(first)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda rank: trained(others[rank], join(tmp_path / "meeting", rank, 2)), range(2)))
    for supernet, done in found:
        for name, weights in alone.state_dict().items():
            torch.testing.assert_close(supernet.state_dict()[name], weights, rtol=1e-5, atol=1e-6)
        assert [e["loss"] for e in done.history] == pytest.approx([e["loss"] for e in expected.history], rel=1e-5)
    assert (tmp_path / "of 0").is_dir()
    assert not (tmp_path / "of 1").exists()  # rank 0 alone writes
