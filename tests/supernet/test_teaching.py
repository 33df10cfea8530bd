"""What a teacher says is learned, in the proportion that was asked for; the teacher stays as it was."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import searchitect as sa
from searchitect.errors import EvaluationError
from searchitect.seeding import isolated
from searchitect.supernet.teaching import Taught, train_taught
from searchitect.tasks import with_preprocessing
from searchitect.training import predict
from searchitect.training.losses import Lesson

CLASSES = sa.TaskSpec((3,), 4)
VALUES = sa.TaskSpec((3,), 2, kind="regression")
RECIPE = sa.Recipe(epochs=15, batch_size=32, learning_rate=0.1, schedule="cosine")


@pytest.fixture(scope="module")
def iris():
    return sa.task("iris")


def network(task, seed=0, outputs=None, width=8):
    with isolated(seed):
        body = nn.Sequential(nn.Flatten(), nn.Linear(task.spec.features, width), nn.ReLU())
        body.append(nn.Linear(width, task.spec.outputs if outputs is None else outputs))
    return with_preprocessing(task.preprocessing, body)


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def joined(labels, said):
    return Lesson(said, F.mse_loss).joined(labels, np.arange(len(said)))


def test_the_loss_is_that_of_hinton():
    scores, said = drawn(2, 6, 4)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    found = Taught(CLASSES, share=0.7, temperature=3.0)(scores, joined(labels, said))
    wanted, log = (said / 3.0).softmax(1), (scores / 3.0).log_softmax(1)
    divergence = (wanted * (wanted.log() - log)).sum(1).mean()
    assert float(found) == pytest.approx(float(0.3 * F.cross_entropy(scores, labels) + 0.7 * 9.0 * divergence), 1e-5)


def test_without_a_share_the_teacher_says_nothing():
    scores, said = drawn(2, 6, 4)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    found = Taught(CLASSES, label_smoothing=0.1, share=0.0)(scores, joined(labels, said))
    assert float(found) == pytest.approx(float(F.cross_entropy(scores, labels, label_smoothing=0.1)), 1e-6)


def test_of_values_both_terms_are_squares_and_no_temperature_plays():
    scores, labels, said = drawn(3, 5, 2)
    found = Taught(VALUES, share=0.25, temperature=4.0)(scores, joined(labels, said))
    assert float(found) == pytest.approx(float(0.75 * F.mse_loss(scores, labels) + 0.25 * F.mse_loss(scores, said)))


def test_a_subnet_learns_what_its_teacher_says_and_not_the_labels(iris):
    teacher = network(iris, seed=3)
    kept = copy.deepcopy(teacher.state_dict())
    said = predict(teacher, iris.train).argmax(1)
    assert (said == iris.train.targets).mean() < 0.6  # fresh weights know nothing
    agreed = {}
    for share in (0.0, 1.0):
        model = network(iris, seed=1)
        training = train_taught(model, teacher, iris, RECIPE.updated({"best_epoch": False}), share=share)
        assert training.epochs == training.best_epoch == 15
        assert not model.training
        agreed[share] = (predict(model, iris.train).argmax(1) == said).mean()
    assert agreed[1.0] > 0.95 > 0.7 > agreed[0.0]
    assert all(torch.equal(tensor, kept[name]) for name, tensor in teacher.state_dict().items())


def test_the_seed_says_everything_and_the_best_epoch_is_handed_back(iris):
    recipe, teacher, weights = RECIPE.updated({"epochs": 6}), network(iris, seed=3), []
    for seed in (1, 1, 2):
        model = network(iris)
        training = train_taught(model, teacher, iris, recipe, seed=seed)
        weights.append(model.body[1].weight.detach())
        right = (predict(model, iris.validation).argmax(1) == iris.validation.targets).mean()
        assert training.validation["accuracy"] == pytest.approx(right)
        assert right == pytest.approx(max(entry["accuracy"] for entry in training.history))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_values_are_taught_in_the_unit_of_the_loss():
    task = sa.task("diabetes")
    teacher, model = network(task, seed=3), network(task, seed=1, width=16)
    before = predict(teacher, task.train)
    assert abs(before).max() > 10.0  # of targets around 150: the model's scale, not the loss's
    train_taught(model, teacher, task, RECIPE.updated({"best_epoch": False}), share=1.0)
    assert abs(predict(model, task.train) - before).mean() < 0.35 * before.std()


def test_a_taught_training_is_a_training_so_patience_and_averages_count(iris):
    recipe = RECIPE.updated({"epochs": 40, "patience": 2, "averaging": "ema", "schedule": "constant"})
    training = train_taught(network(iris), network(iris, seed=3), iris, recipe)
    assert training.stopped == "patience"
    assert training.epochs < 40


@pytest.mark.parametrize(("share", "temperature"), [(1.5, 4.0), (-0.1, 4.0), (0.5, 0.0), (0.5, float("inf"))])
def test_shares_and_temperatures_that_mean_nothing_are_refused(iris, share, temperature):
    model = network(iris)
    with pytest.raises(EvaluationError, match="share lies in"):
        train_taught(model, model, iris, RECIPE, share=share, temperature=temperature)


def test_a_teacher_of_another_task_is_refused_with_both_shapes(iris):
    with pytest.raises(EvaluationError, match=r"\(\d+, 3\).*got \(\d+, 5\)"):
        train_taught(network(iris), network(iris, outputs=5), iris, RECIPE)


def test_a_loss_that_is_not_finite_is_told(iris):
    teacher = network(iris)
    with torch.no_grad():
        teacher.body[3].bias[0] = float("nan")
    with pytest.raises(EvaluationError, match="epoch 1"):
        train_taught(network(iris), teacher, iris, RECIPE)
