"""Evaluators: what turns an architecture into measurements.

`TrainingEvaluator` trains it, `SupernetEvaluator` judges it by shared weights, `FunctionEvaluator` asks a function of
the user's own, `baselines` scores classical models beside them. `MEASUREMENTS` names what is measured beside a task's
metrics. Names are fetched when they are first used: a study with a function of the user's own loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

_PUBLIC = {
    "CLOCK_MEASUREMENTS": "searchitect.evaluators.measurements",
    "KNOWN_BEFORE_TRAINING": "searchitect.evaluators.measurements",
    "MEASUREMENTS": "searchitect.evaluators.measurements",
    "FunctionEvaluator": "searchitect.evaluators.function_evaluator",
    "SearchByShared": "searchitect.evaluators.supernet_evaluator",
    "SupernetEvaluator": "searchitect.evaluators.supernet_evaluator",
    "TrainingEvaluator": "searchitect.evaluators.training_evaluator",
    "baselines": "searchitect.evaluators.baselines",
}

__all__ = [
    "CLOCK_MEASUREMENTS",
    "KNOWN_BEFORE_TRAINING",
    "MEASUREMENTS",
    "FunctionEvaluator",
    "SearchByShared",
    "SupernetEvaluator",
    "TrainingEvaluator",
    "baselines",
]

if TYPE_CHECKING:
    from searchitect.evaluators import baselines as baselines
    from searchitect.evaluators.function_evaluator import FunctionEvaluator as FunctionEvaluator
    from searchitect.evaluators.measurements import (
        CLOCK_MEASUREMENTS as CLOCK_MEASUREMENTS,
        KNOWN_BEFORE_TRAINING as KNOWN_BEFORE_TRAINING,
        MEASUREMENTS as MEASUREMENTS,
    )
    from searchitect.evaluators.supernet_evaluator import (
        SearchByShared as SearchByShared,
        SupernetEvaluator as SupernetEvaluator,
    )
    from searchitect.evaluators.training_evaluator import TrainingEvaluator as TrainingEvaluator


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'searchitect.evaluators' has no attribute {name!r}")
    module = importlib.import_module(_PUBLIC[name])
    return module if name == "baselines" else getattr(module, name)
