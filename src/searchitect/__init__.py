"""Searchitect: neural architecture search on PyTorch.

`import searchitect as sa` loads no torch; every public name is fetched when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Public name -> where it lives. Read top to bottom, this is the public interface.
_PUBLIC = {
    "space": "searchitect.spaces",
    "choice": "searchitect.spaces",
    "integer": "searchitect.spaces",
    "real": "searchitect.spaces",
    "repeat": "searchitect.spaces",
    "subset": "searchitect.spaces",
    "optional": "searchitect.spaces",
    "nested": "searchitect.spaces",
    "recursive": "searchitect.spaces",
    "constraint": "searchitect.spaces",
    "Architecture": "searchitect.spaces",
    "SearchSpace": "searchitect.spaces",
    "TaskSpec": "searchitect.spaces",
    "Recipe": "searchitect.spaces",
    "layers": "searchitect.catalog",
    "search": "searchitect.api",
    "import_trials": "searchitect.api",
    "calibrate": "searchitect.api",
    "train_supernet": "searchitect.api",
    "verify": "searchitect.api",
    "explain_table": "searchitect.api",
    "gradient_search": "searchitect.api",
    "TrainedSupernet": "searchitect.api",
    "load": "searchitect.deploy",
    "Scenario": "searchitect.portfolio",
    "Study": "searchitect.study",
    "Fidelity": "searchitect.trial",
    "Result": "searchitect.result",
    "Task": "searchitect.tasks",
    "task": "searchitect.tasks",
    "SearchitectError": "searchitect.errors",
    "device": "searchitect.hardware.devices",
    "catalog": "searchitect.catalog",
    "make_elastic": "searchitect.supernet",
    "mutate_around": "searchitect.supernet",
    "nn": "searchitect.nn",
    "tabular": "searchitect.tabular",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604

if TYPE_CHECKING:
    from searchitect import catalog as catalog, nn as nn, tabular as tabular
    from searchitect.api import (
        TrainedSupernet as TrainedSupernet,
        calibrate as calibrate,
        explain_table as explain_table,
        gradient_search as gradient_search,
        import_trials as import_trials,
        search as search,
        train_supernet as train_supernet,
        verify as verify,
    )
    from searchitect.catalog import layers as layers
    from searchitect.deploy import load as load
    from searchitect.errors import SearchitectError as SearchitectError
    from searchitect.hardware.devices import device as device
    from searchitect.portfolio import Scenario as Scenario
    from searchitect.result import Result as Result
    from searchitect.spaces import (
        Architecture as Architecture,
        Recipe as Recipe,
        SearchSpace as SearchSpace,
        TaskSpec as TaskSpec,
        choice as choice,
        constraint as constraint,
        integer as integer,
        nested as nested,
        optional as optional,
        real as real,
        recursive as recursive,
        repeat as repeat,
        space as space,
        subset as subset,
    )
    from searchitect.study import Study as Study
    from searchitect.supernet import make_elastic as make_elastic, mutate_around as mutate_around
    from searchitect.tasks import Task as Task, task as task
    from searchitect.trial import Fidelity as Fidelity


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'searchitect' has no attribute {name!r}")
    module = importlib.import_module(_PUBLIC[name])
    value = module if _PUBLIC[name] == f"searchitect.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
