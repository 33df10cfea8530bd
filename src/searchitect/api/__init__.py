"""The front door: one call that wires data, space, strategy, evaluator, executor, storage, files and report together.

Everything here can be done by hand with the rooms below; nothing below knows this room.
"""

from __future__ import annotations

from searchitect.api.calibrating import CalibrationReport, calibrate, calibrate_with_report
from searchitect.api.doctor import Diagnosis, doctor
from searchitect.api.explaining import explain, explain_table
from searchitect.api.gradients import Gradients, gradient_search, open_gradients
from searchitect.api.importing import import_trials
from searchitect.api.measuring import measure, write_models
from searchitect.api.migrating import Migration, migrate
from searchitect.api.opening import open_result, opened
from searchitect.api.pruning import prune
from searchitect.api.reopening import export, predict, report, resume, retrain
from searchitect.api.request import Request
from searchitect.api.searching import plan, search
from searchitect.api.supernets import train_supernet
from searchitect.api.trained_supernet import TrainedSupernet
from searchitect.api.verifying import Verification, verify
from searchitect.api.warm_starting import prior_trials

__all__ = [
    "CalibrationReport",
    "Diagnosis",
    "Gradients",
    "Migration",
    "Request",
    "TrainedSupernet",
    "Verification",
    "calibrate",
    "calibrate_with_report",
    "doctor",
    "explain",
    "explain_table",
    "export",
    "gradient_search",
    "import_trials",
    "measure",
    "migrate",
    "open_gradients",
    "open_result",
    "opened",
    "plan",
    "predict",
    "prior_trials",
    "prune",
    "report",
    "resume",
    "retrain",
    "search",
    "train_supernet",
    "verify",
    "write_models",
]
