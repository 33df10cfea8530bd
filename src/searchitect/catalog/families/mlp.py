"""Multi-layer perceptrons, for tables and, flattened, for images.

Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", 1986. Residual and dense
wiring for tables after Gorishniy et al., "Revisiting deep learning models for tabular data", 2021 (ResNet),
and Huang et al. 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from searchitect.spaces import TaskSpec, choice, real, repeat, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mlp"]


def mlp(
    *,
    layers: tuple[int, int] = (1, 3),
    widths: Sequence[int] = (128, 64, 32, 256),
    activations: Sequence[str] = ("relu", "gelu", "silu", "tanh"),
    normalisations: Sequence[str] = ("batch", "none", "layer"),
    connections: Sequence[str] = ("full", "residual", "dense"),
    dropouts: Sequence[float] = (0.1, 0.0, 0.2, 0.4),
) -> type[Any]:
    """Return the space of perceptrons. The first of each list is the default.

    Args:
        layers: fewest and most hidden layers.
        widths: values of a hidden layer.
        activations: keys of `nn.ACTIVATIONS`.
        normalisations: keys of `nn.NORMS`.
        connections: keys of `nn.CONNECTIONS` other than "sparse".
        dropouts: after every hidden layer.
    """
    fewest, most = layers

    @space
    class Hidden:
        width: int = choice(*widths)

        def build(self, mlp: Any, features: int) -> nn.Module:
            from searchitect.nn import fully_connected_unit

            return fully_connected_unit(
                features, self.width, norm=mlp.normalisation, activation=mlp.activation, dropout=mlp.dropout
            )

    @space
    class MLP:
        layers: tuple[Hidden, ...] = repeat(Hidden, fewest, most)
        activation: str = choice(*activations)
        normalisation: str = choice(*normalisations)
        wiring: str = choice(*connections)
        dropout: float = choice(*dropouts)
        learning_rate: float = real(1e-3, 2e-2, log=True, role="training")
        weight_decay: float = real(1e-5, 1e-1, log=True, role="training")

        def build(self, task: TaskSpec) -> nn.Module:
            return _build(self, task)

    return MLP


def _build(mlp: Any, task: TaskSpec) -> nn.Module:
    from torch import nn

    from searchitect.nn import Builder, Shape, classifier, connect

    def builder(layer: Any) -> Builder:
        def build(shape: Shape) -> nn.Module:
            made: nn.Module = layer.build(mlp, shape[0])
            return made

        return build

    flat = [nn.Flatten()] if len(task.inputs) > 1 else []
    body = connect([builder(layer) for layer in mlp.layers], mlp.wiring, shape=(task.features,))
    return nn.Sequential(*flat, body, classifier(body.shape, task.outputs))
