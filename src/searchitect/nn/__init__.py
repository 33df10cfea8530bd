"""The vocabulary of modules: what the `build` of a search space is written with.

One factory function per kind of layer; it takes numbers and returns a plain `torch.nn.Module`. Convolutions
keep the size of the map ("same" padding, a stride s gives ⌈size / s⌉), so that no choice of kernel can empty
it. What does not fit is adapted (`adapt`, `Join`) or refused with both shapes in the message. Weights come
from torch's own generator alone: seed it and the model is the same. Every module builds on the meta device
and exports to ONNX.

* `activations`, `norms`: two dictionaries from name to module, and `activation(name)`, `norm(name, channels)`
* `convolutions`, `pooling`: over 1, 2 or 3 dimensions
* `regularisation`: dropout and stochastic depth
* `shapes`, `adapters`: arithmetic of shapes; modules that turn one shape into another
* `connections`: full, sparse, residual and dense wiring of any list of layers
* `units`: a layer with its normalisation and activation; the classifier at the end
"""

from searchitect.nn.activations import ACTIVATIONS, activation
from searchitect.nn.adapters import PaddedShortcut, adapt
from searchitect.nn.connections import CONNECTIONS, Connected, Join, Residual, connect, merge
from searchitect.nn.convolutions import (
    CONVOLUTIONS,
    conv,
    depthwise_conv,
    dilated_conv,
    grouped_conv,
    separable_conv,
)
from searchitect.nn.norms import NORMS, norm
from searchitect.nn.pooling import POOLINGS, Pool, average_pool, global_pool, max_pool, pool_to
from searchitect.nn.regularisation import DropPath, drop_path, dropout
from searchitect.nn.shapes import Builder, Shape, common_shape, describe, halved, output_shape, strided
from searchitect.nn.units import classifier, conv_unit, fully_connected, fully_connected_unit

__all__ = [
    "ACTIVATIONS",
    "CONNECTIONS",
    "CONVOLUTIONS",
    "NORMS",
    "POOLINGS",
    "Builder",
    "Connected",
    "DropPath",
    "Join",
    "PaddedShortcut",
    "Pool",
    "Residual",
    "Shape",
    "activation",
    "adapt",
    "average_pool",
    "classifier",
    "common_shape",
    "connect",
    "conv",
    "conv_unit",
    "depthwise_conv",
    "describe",
    "dilated_conv",
    "drop_path",
    "dropout",
    "fully_connected",
    "fully_connected_unit",
    "global_pool",
    "grouped_conv",
    "halved",
    "max_pool",
    "merge",
    "norm",
    "output_shape",
    "pool_to",
    "separable_conv",
    "strided",
]
