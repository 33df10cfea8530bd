"""Learning from what another network says, instead of from labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.nn import DropPath
from searchitect.nn.elastic_layers import ElasticDropout
from searchitect.spaces import TaskSpec

__all__ = ["distilled", "without_dropout"]

_DROPPING = (nn.modules.dropout._DropoutNd, ElasticDropout, DropPath)


def distilled(scores: Tensor, teacher: Tensor, spec: TaskSpec) -> Tensor:
    """How far scores are from a teacher's, whom no gradient reaches; both (n, outputs).

    The mean Kullback-Leibler divergence KL(teacher || scores) of the classes (Hinton et al., "Distilling the knowledge
    in a neural network", 2015, at temperature 1), or the mean squared difference of predicted values.
    """
    teacher = teacher.detach().float()
    if spec.kind == "regression":
        return F.mse_loss(scores.float(), teacher)
    said, wanted = scores.float().log_softmax(1), teacher.log_softmax(1)
    return F.kl_div(said, wanted, reduction="batchmean", log_target=True)


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Switch off everything that drops values or branches at random; the rest stays in its mode."""
    dropping = [module for module in model.modules() if isinstance(module, _DROPPING) and module.training]
    for module in dropping:
        module.training = False
    try:
        yield
    finally:
        for module in dropping:
            module.training = True
