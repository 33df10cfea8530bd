"""The front door: one call that wires data, space, strategy, evaluator, executor, storage, files and report together.

Everything here can be done by hand with the rooms below; nothing below knows this room. Each name is fetched when it is
first used: `searchitect show` does not load what searches, serves or explains.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

_PUBLIC = {
    "CalibrationReport": "searchitect.api.calibrating",
    "calibrate": "searchitect.api.calibrating",
    "calibrate_with_report": "searchitect.api.calibrating",
    "Diagnosis": "searchitect.api.diagnosing",
    "doctor": "searchitect.api.diagnosing",
    "explain": "searchitect.api.explaining",
    "explain_table": "searchitect.api.explaining",
    "Gradients": "searchitect.api.gradients",
    "gradient_search": "searchitect.api.gradients",
    "open_gradients": "searchitect.api.gradients",
    "import_trials": "searchitect.api.importing",
    "measure": "searchitect.api.measuring",
    "write_models": "searchitect.api.measuring",
    "Migration": "searchitect.api.migrating",
    "migrate": "searchitect.api.migrating",
    "open_result": "searchitect.api.opening",
    "opened": "searchitect.api.opening",
    "prune": "searchitect.api.pruning",
    "export": "searchitect.api.reopening",
    "graph_of_best": "searchitect.api.reopening",
    "predict": "searchitect.api.reopening",
    "report": "searchitect.api.reopening",
    "resume": "searchitect.api.reopening",
    "retrain": "searchitect.api.reopening",
    "Request": "searchitect.api.request",
    "plan": "searchitect.api.searching",
    "search": "searchitect.api.searching",
    "train_supernet": "searchitect.api.supernets",
    "TrainedSupernet": "searchitect.api.trained_supernet",
    "Verification": "searchitect.api.verifying",
    "verify": "searchitect.api.verifying",
    "prior_trials": "searchitect.api.warm_starting",
}

__all__ = [*_PUBLIC]  # noqa: PLE0604

if TYPE_CHECKING:
    from searchitect.api.calibrating import (
        CalibrationReport as CalibrationReport,
        calibrate as calibrate,
        calibrate_with_report as calibrate_with_report,
    )
    from searchitect.api.diagnosing import Diagnosis as Diagnosis, doctor as doctor
    from searchitect.api.explaining import explain as explain, explain_table as explain_table
    from searchitect.api.gradients import (
        Gradients as Gradients,
        gradient_search as gradient_search,
        open_gradients as open_gradients,
    )
    from searchitect.api.importing import import_trials as import_trials
    from searchitect.api.measuring import measure as measure, write_models as write_models
    from searchitect.api.migrating import Migration as Migration, migrate as migrate
    from searchitect.api.opening import open_result as open_result, opened as opened
    from searchitect.api.pruning import prune as prune
    from searchitect.api.reopening import (
        export as export,
        graph_of_best as graph_of_best,
        predict as predict,
        report as report,
        resume as resume,
        retrain as retrain,
    )
    from searchitect.api.request import Request as Request
    from searchitect.api.searching import plan as plan, search as search
    from searchitect.api.supernets import train_supernet as train_supernet
    from searchitect.api.trained_supernet import TrainedSupernet as TrainedSupernet
    from searchitect.api.verifying import Verification as Verification, verify as verify
    from searchitect.api.warm_starting import prior_trials as prior_trials


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'searchitect.api' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
