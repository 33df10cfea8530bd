"""A supernet shares one set of weights between all architectures of a space: train once, judge many.

`open_build` makes one of any space by running its `build` with the decisions open. `inherit` lets the model of one
architecture start from the weights of another.
"""

from __future__ import annotations

from searchitect.supernet.carrying import grow_optimizer
from searchitect.supernet.checkpoints import open_supernet, save_supernet
from searchitect.supernet.data import SharedData, load
from searchitect.supernet.elastic_model import ElasticModel, make_elastic
from searchitect.supernet.gaps import DiscretisationGap
from searchitect.supernet.growth import Inheritance, inherit
from searchitect.supernet.methods import METHODS
from searchitect.supernet.model_edits import ModelEdits, mutate_around
from searchitect.supernet.open_build import Supernet, open_build
from searchitect.supernet.ranks import RankReport, rank_report
from searchitect.supernet.scoring import SharedScores
from searchitect.supernet.teaching import train_taught
from searchitect.supernet.training import SupernetTraining, train_supernet
from searchitect.training.recalibration import recalibrate

__all__ = [
    "METHODS",
    "DiscretisationGap",
    "ElasticModel",
    "Inheritance",
    "ModelEdits",
    "RankReport",
    "SharedData",
    "SharedScores",
    "Supernet",
    "SupernetTraining",
    "grow_optimizer",
    "inherit",
    "load",
    "make_elastic",
    "mutate_around",
    "open_build",
    "open_supernet",
    "rank_report",
    "recalibrate",
    "save_supernet",
    "train_supernet",
    "train_taught",
]
