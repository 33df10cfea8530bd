"""What others say teaches; the teacher does not learn."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import searchitect as sa
from searchitect.supernet.distillation import distilled, without_dropout

CLASSES = sa.TaskSpec((3,), 4)
VALUES = sa.TaskSpec((3,), 2, kind="regression")


def test_no_gradient_reaches_the_teacher():
    for spec in (CLASSES, VALUES):
        scores = torch.randn(5, spec.outputs, requires_grad=True)
        teacher = torch.randn(5, spec.outputs, requires_grad=True)
        distilled(scores, teacher, spec).backward()
        assert teacher.grad is None
        assert scores.grad is not None


def test_the_distance_is_that_of_cross_entropy_less_the_teachers_entropy():
    scores, teacher = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    wanted = teacher.softmax(1)
    entropy = -(wanted * wanted.log()).sum(1).mean()
    assert distilled(scores, teacher, CLASSES) == pytest.approx(float(F.cross_entropy(scores, wanted) - entropy), 1e-5)
    assert float(distilled(teacher, teacher, CLASSES)) == pytest.approx(0.0, abs=1e-6)


def test_dropout_is_off_inside_and_back_on_afterwards():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3), sa.nn.drop_path(0.5)).train()
    model[2].eval()
    with without_dropout(model):
        assert [module.training for module in model] == [False, True, False]
    assert [module.training for module in model] == [True, True, False]
