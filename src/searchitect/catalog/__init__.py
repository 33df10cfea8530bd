"""The catalogue: published families of models as ready search spaces, and spaces made of plain lists.

A family is a function with keyword parameters that returns a space class; `FAMILIES` lists them. `layers`
makes the same kind of space from names and dictionaries, `read_layers` from a JSON or TOML file. A space of
the catalogue knows the words it was made of (`reference`), and `resolve` makes it again of them: no code
travels with an architecture.

    sa.catalog.get("plain_cnn")                      sa.catalog.plain_cnn(widths=(16, 32))
    sa.catalog.nasbench201()                         sa.catalog.from_nats_string("|avg_pool_3x3~0|+…|")
    sa.catalog.layers("conv", "pool", "fc", length=(2, 6))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.catalog.cell_strings import (
    from_nats_string,
    from_transnas_string,
    to_nats_string,
    to_transnas_string,
)
from searchitect.catalog.darts_strings import from_darts_string, to_darts_string
from searchitect.catalog.enas_strings import from_enas_string, to_enas_string
from searchitect.catalog.families.darts_edges import darts_from_edges
from searchitect.catalog.layer_files import read_layers
from searchitect.catalog.layer_spaces import layers, resolve
from searchitect.catalog.published_architectures import PUBLISHED, Published, published
from searchitect.catalog.registry import FAMILIES, default_for, family, get, reference
from searchitect.catalog.scaling import scale
from searchitect.catalog.vertex_cells import from_vertex_strings, module_hash, to_vertex_strings
from searchitect.catalog.vocabulary import LAYERS

if TYPE_CHECKING:
    from searchitect.catalog.families.autoformer import autoformer as autoformer
    from searchitect.catalog.families.darts import darts as darts
    from searchitect.catalog.families.darts_edges import darts_edges as darts_edges
    from searchitect.catalog.families.enas_rnn import enas_rnn as enas_rnn
    from searchitect.catalog.families.mbconv import mbconv as mbconv
    from searchitect.catalog.families.mlp import mlp as mlp
    from searchitect.catalog.families.mobilenet_v3 import mobilenet_v3 as mobilenet_v3
    from searchitect.catalog.families.nasbench1shot1 import nasbench1shot1 as nasbench1shot1
    from searchitect.catalog.families.nasbench101 import nasbench101 as nasbench101
    from searchitect.catalog.families.nasbench201 import nasbench201 as nasbench201
    from searchitect.catalog.families.nasnet import nasnet as nasnet
    from searchitect.catalog.families.plain_cnn import plain_cnn as plain_cnn
    from searchitect.catalog.families.resnet import resnet as resnet
    from searchitect.catalog.families.rnn import rnn as rnn
    from searchitect.catalog.families.transformer_encoder import transformer_encoder as transformer_encoder
    from searchitect.catalog.families.transnas_macro import transnas_macro as transnas_macro
    from searchitect.catalog.families.transnas_micro import transnas_micro as transnas_micro

__all__ = [
    "FAMILIES",
    "LAYERS",
    "PUBLISHED",
    "Published",
    "darts_from_edges",
    "default_for",
    "family",
    "from_darts_string",
    "from_enas_string",
    "from_nats_string",
    "from_transnas_string",
    "from_vertex_strings",
    "get",
    "layers",
    "module_hash",
    "published",
    "read_layers",
    "reference",
    "resolve",
    "scale",
    "to_darts_string",
    "to_enas_string",
    "to_nats_string",
    "to_transnas_string",
    "to_vertex_strings",
]


def __getattr__(name: str) -> Any:
    if name in FAMILIES:
        return family(name)
    raise AttributeError(f"the catalogue has no {name!r}; families: {', '.join(FAMILIES)}")
