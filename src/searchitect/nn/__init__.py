"""The vocabulary of modules: what the `build` of a search space is written with.

One factory function per kind of layer; it takes numbers and returns a plain `torch.nn.Module`. Convolutions
keep the size of the map ("same" padding, a stride s gives ⌈size / s⌉), so that no choice of kernel can empty
it. What does not fit is adapted (`adapt`, `Join`) or refused with both shapes in the message. Weights come
from torch's own generator alone: seed it and the model is the same. Every module builds on the meta device
and exports to ONNX.

* `activations`, `norms`: two dictionaries from name to module, and `activation(name)`, `norm(name, channels)`
* `convolutions`, `pooling`: over 1, 2 or 3 dimensions
* `pretrained`: given weights for a stem or stage
* `gates`: a branch that starts silent
* `elastic`, `elastic_layers`: leaves of supernets; layers of open size
* `conditions`: conditions and calculations that may be open: `when`, `calculate`, `condition`
* `mixed`: alternatives; `chain`, `choose`, `number_for`: control flow that can stay open
* `transformers`, `tokens`: transformer blocks; patches, positions, embeddings, pooling
* `recurrence`, `recurrent_cells`: recurrent layers; a cell made of a tree of nodes
* `elastic_blocks`: linear maps whose rows come in blocks
* `regularisation`: dropout and stochastic depth
* `shapes`, `adapters`: arithmetic of shapes; modules that turn one shape into another
* `connections`: full, sparse, residual and dense wiring of any list of layers
* `cell_operations`, `cells`: the operations of published cells by name; graphs of them
* `interpretable`: attention pooling, additive head, prototypes, monotone layers
* `inverted_residuals`: the blocks of MobileNet and EfficientNet; squeeze and excitation
* `units`: a layer with its normalisation and activation; the classifier at the end
"""

from searchitect.nn.activations import ACTIVATIONS, activation
from searchitect.nn.adapters import PaddedShortcut, Resolution, adapt, to_resolution
from searchitect.nn.cell_operations import (
    CELL_OPERATIONS,
    FactorizedReduce,
    Zero,
    cell_operation,
    dilated_unit,
    preactivated_conv,
    same_pool,
    separable_unit,
    skip,
)
from searchitect.nn.cells import Cell, CellChain, VertexCell, VertexWiring
from searchitect.nn.conditions import calculate, condition, number_where, present, when
from searchitect.nn.connections import CONNECTIONS, Connected, Join, Residual, connect, merge
from searchitect.nn.convolutions import (
    CONVOLUTIONS,
    conv,
    depthwise_conv,
    dilated_conv,
    grouped_conv,
    separable_conv,
)
from searchitect.nn.elastic import is_open
from searchitect.nn.gates import ZeroGate
from searchitect.nn.interpretable import (
    AdditiveHead,
    AttentionPool,
    Monotone,
    Prototypes,
    additive_head,
    attention_pool,
    monotone,
    prototype_classifier,
    prototypes,
)
from searchitect.nn.inverted_residuals import SqueezeExcite, inverted_residual, squeeze_excite
from searchitect.nn.mixed import chain, choose, number_for
from searchitect.nn.norms import NORMS, norm
from searchitect.nn.pooling import POOLINGS, Pool, average_pool, global_pool, max_pool, pool_to
from searchitect.nn.pretrained import Frozen, pretrained
from searchitect.nn.recurrence import DIRECTIONS, RECURRENT, SEQUENCE_RESULTS, recurrent
from searchitect.nn.recurrent_cells import RecurrentCell, node_label, recurrent_cell
from searchitect.nn.regularisation import DropPath, drop_path, dropout
from searchitect.nn.shapes import Builder, Shape, common_shape, describe, halved, output_shape, strided
from searchitect.nn.tokens import (
    POSITIONS,
    TOKEN_NORMS,
    TOKEN_POOLINGS,
    as_sequence,
    class_token,
    embedding,
    patch_embedding,
    pool_tokens,
    positions,
    token_norm,
)
from searchitect.nn.transformers import attention, feed_forward, transformer_block
from searchitect.nn.units import classifier, conv_unit, fully_connected, fully_connected_unit

__all__ = [
    "ACTIVATIONS",
    "CELL_OPERATIONS",
    "CONNECTIONS",
    "CONVOLUTIONS",
    "DIRECTIONS",
    "NORMS",
    "POOLINGS",
    "POSITIONS",
    "RECURRENT",
    "SEQUENCE_RESULTS",
    "TOKEN_NORMS",
    "TOKEN_POOLINGS",
    "AdditiveHead",
    "AttentionPool",
    "Builder",
    "Cell",
    "CellChain",
    "Connected",
    "DropPath",
    "FactorizedReduce",
    "Frozen",
    "Join",
    "Monotone",
    "PaddedShortcut",
    "Pool",
    "Prototypes",
    "RecurrentCell",
    "Residual",
    "Resolution",
    "Shape",
    "SqueezeExcite",
    "VertexCell",
    "VertexWiring",
    "Zero",
    "ZeroGate",
    "activation",
    "adapt",
    "additive_head",
    "as_sequence",
    "attention",
    "attention_pool",
    "average_pool",
    "calculate",
    "cell_operation",
    "chain",
    "choose",
    "class_token",
    "classifier",
    "common_shape",
    "condition",
    "connect",
    "conv",
    "conv_unit",
    "depthwise_conv",
    "describe",
    "dilated_conv",
    "dilated_unit",
    "drop_path",
    "dropout",
    "embedding",
    "feed_forward",
    "fully_connected",
    "fully_connected_unit",
    "global_pool",
    "grouped_conv",
    "halved",
    "inverted_residual",
    "is_open",
    "max_pool",
    "merge",
    "monotone",
    "node_label",
    "norm",
    "number_for",
    "number_where",
    "output_shape",
    "patch_embedding",
    "pool_to",
    "pool_tokens",
    "positions",
    "preactivated_conv",
    "present",
    "pretrained",
    "prototype_classifier",
    "prototypes",
    "recurrent",
    "recurrent_cell",
    "same_pool",
    "separable_conv",
    "separable_unit",
    "skip",
    "squeeze_excite",
    "strided",
    "to_resolution",
    "token_norm",
    "transformer_block",
    "when",
]
