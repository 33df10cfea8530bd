"""After the study: the model's files, the report, and the event that says they are there."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from searchitect.api.portfolio_files import write_portfolio_files
from searchitect.api.preparing import Prepared
from searchitect.api.weights import restorer
from searchitect.errors import MissingExtraError
from searchitect.result import Best, Result, result_of
from searchitect.study import Study

__all__ = ["finish", "write_report_page"]

REPORT = "report.html"

SAMPLE = 64
"""Validation examples on which an exported file is compared with the model."""


def finish(study: Study, prepared: Prepared) -> None:
    """Write what the study hands over; without a trained model only the event."""
    folder, parts = prepared.folder, prepared.parts
    result = result_of(study.state, folder=folder, space=parts.space)
    files: list[str] = []
    skipped: list[tuple[str, str]] = []
    # Only confirmation trials keep their weights.
    confirmed = result.best is not None and study.state.trials[result.best.trial].phase == "confirm"
    if folder is not None and parts.task is not None and result.best is not None and confirmed:
        restore = restorer(study.state.trials, parts, folder, prepared.artifacts)
        model = restore(result.best.trial)
        written = _write_model(prepared, result, result.best, model)
        files, skipped = list(written.files), list(written.skipped)
        if parts.portfolio is not None:
            more, missing = write_portfolio_files(prepared, result, restore)
            files, skipped = files + more, skipped + missing
        shown = result_of(study.state, folder=folder, space=parts.space)
        page = write_report_page(dataclasses.replace(shown, files=(*files, REPORT)), model, prepared)
        if page is None:
            files.append(REPORT)
        else:
            skipped.append((REPORT, page))
    if parts.task is not None:
        # Last of all: this event says that nothing is left to do, so whatever is interrupted before is done again.
        study.mark({"kind": "exported", "files": files, "skipped": [list(s) for s in skipped]})


def _write_model(prepared: Prepared, result: Result, best: Best, model: Any) -> Any:
    from searchitect.deploy import write_files

    task = prepared.parts.task
    assert task is not None
    assert prepared.folder is not None
    sample = task.validation.read(np.arange(min(SAMPLE, len(task.validation))))
    return write_files(
        prepared.folder,
        space=prepared.parts.space,
        architecture=best.architecture,
        task_description=task.describe(),
        model=model,
        sample=sample,
        measurements=_measurements(result, best),
        recipe=prepared.parts.recipe,
        warnings=result.warnings,
    )


def _measurements(result: Result, best: Best) -> dict[str, Any]:
    return {
        "study": result.study,
        "trial": best.trial,
        "validation": dict(best.measurements),
        "validation_mean": dict(best.mean),
        "validation_std": dict(best.std) if len(result.trials) > 1 else {},
        "test": dict(result.test),
        "verdict": result.verdict.to_json(),
    }


def write_report_page(result: Result, model: Any, prepared: Prepared) -> str | None:
    """Write `report.html`; return what to type where its packages are missing."""
    from searchitect.report import graph_of, write_report

    assert prepared.folder is not None
    try:
        write_report(result, prepared.folder / "report.html", graph=graph_of(model, example_inputs(prepared)))
    except MissingExtraError as error:
        return error.hint
    return None


def example_inputs(prepared: Prepared) -> tuple[Any, ...]:
    """One validation example as tensors, in the raw dtypes."""
    import torch

    task = prepared.parts.task
    assert task is not None
    return tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in task.validation.read(np.arange(1)))
