"""A supernet shares one set of weights between all architectures of a space: train once, judge many.

`open_build` makes one of any space by running its `build` with the decisions open.
"""

from __future__ import annotations

from searchitect.supernet.checkpoints import open_supernet, save_supernet
from searchitect.supernet.data import SharedData, load
from searchitect.supernet.make_elastic import ElasticModel, make_elastic
from searchitect.supernet.methods import METHODS
from searchitect.supernet.open_build import Supernet, open_build
from searchitect.supernet.recalibration import recalibrate
from searchitect.supernet.training import SupernetTraining, train_supernet

__all__ = [
    "METHODS",
    "ElasticModel",
    "SharedData",
    "Supernet",
    "SupernetTraining",
    "load",
    "make_elastic",
    "open_build",
    "open_supernet",
    "recalibrate",
    "save_supernet",
    "train_supernet",
]
