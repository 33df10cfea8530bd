"""A model that is deployed already: how often new ones agree with it, and what they lose, as measurements."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError

if TYPE_CHECKING:
    from searchitect.api.request import Parts, Request

__all__ = ["reference_details", "referred"]


def referred(evaluator: Any, request: Request, parts: Parts, named: frozenset[str]) -> Any:
    """The evaluator, comparing each model's answers on validation data with those of the reference.

    Args:
        named: measurements that objectives and limits refer to.

    Raises:
        ConfigError: a comparison is asked for and there is no reference, or it knows other classes.
        ExportError: there is no model in the folder.
    """
    from searchitect.evaluators.measurements import COMPARED

    if request.reference is None:
        if wanted := sorted(named & COMPARED):
            raise ConfigError(f"{wanted[0]} compares with a model, and none is named", hint="reference='runs/NAME'")
        return evaluator
    return dataclasses.replace(evaluator, reference=_answers(request, parts))


def reference_details(evaluator: Any) -> dict[str, Any]:
    """What a resumed study must repeat: the answers of the reference."""
    answers = getattr(getattr(evaluator, "inner", evaluator), "reference", None)
    return {} if answers is None else {"reference": hashlib.blake2b(answers.tobytes(), digest_size=8).hexdigest()}


def _answers(request: Request, parts: Parts) -> Any:
    """Class numbers of the reference on the validation split."""
    import numpy as np

    from searchitect.deploy import load
    from searchitect.training import predict

    task = parts.task
    if task is None or task.spec.kind != "classification":
        raise ConfigError("models can be compared where a task has classes", hint="leave reference out")
    space = parts.space if request.space is not None else None
    loaded = load(Path(request.reference), space=space)
    if tuple(loaded.class_names) != tuple(task.labels):
        raise ConfigError(
            f"the reference in {request.reference} knows the classes {', '.join(loaded.class_names[:5])} …, "
            f"the task has {', '.join(task.labels[:5])} …"
        )
    return np.asarray(predict(loaded.model, task.validation).argmax(axis=1), dtype=np.int64)
