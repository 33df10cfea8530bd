"""The folders of a portfolio: one deployable model for each scenario, and one page for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchitect.errors import MissingExtraError
from searchitect.result import Result

if TYPE_CHECKING:
    from searchitect.api.preparing import Prepared
    from searchitect.portfolio.record import Portfolio, Service

__all__ = ["PAGE", "copy_models", "write_page", "write_portfolio_files"]

PAGE = "portfolio.html"

SAMPLE = 64
"""Validation examples on which an exported file is compared with the model."""


def write_portfolio_files(
    prepared: Prepared, result: Result, restore: Callable[[int], Any]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Write a folder for each scenario that is served, and the page; return what was written, and what not and why."""
    from searchitect.deploy import copy_files, write_files
    from searchitect.deploy.files import MEASUREMENTS, read_json, write_json

    portfolio, task, folder = result.portfolio(), prepared.parts.task, prepared.folder
    assert task is not None
    assert folder is not None
    sample = task.validation.read(np.arange(min(SAMPLE, len(task.validation))))
    files: list[str] = []
    skipped: list[tuple[str, str]] = []
    written: dict[int, Path] = {}
    for service in portfolio.services:
        if service.trial is None or service.folder is None:
            continue
        target = folder / service.folder
        if service.trial in written:  # one model may serve several places: the same bytes, other measurements
            copy_files(written[service.trial], target)
            record = read_json(target / MEASUREMENTS)
            write_json(target / MEASUREMENTS, {**record, "measurements": _measurements(result, portfolio, service)})
        else:
            made = write_files(
                target,
                space=prepared.parts.space,
                architecture=result.trials[service.trial].architecture,
                task_description=task.describe(),
                model=restore(service.trial),
                sample=sample,
                measurements=_measurements(result, portfolio, service),
                recipe=prepared.parts.recipe,
                warnings=result.warnings,
            )
            written[service.trial] = target
            skipped += [(f"{service.folder}/{name}", why) for name, why in made.skipped]
        files.append(service.folder)
    missing = write_page(result, folder / PAGE)
    if missing is None:
        files.append(PAGE)
    else:
        skipped.append((PAGE, missing))
    return files, skipped


def copy_models(result: Result, folder: Path) -> tuple[str, ...]:
    """Copy the folders of the scenarios, where there are some, and return their names."""
    from searchitect.deploy import copy_files

    if not result.manifest["details"].get("portfolio") or result.folder is None:
        return ()
    names = [service.folder for service in result.portfolio().services if service.folder is not None]
    kept = [name for name in names if (result.folder / name).is_dir()]
    for name in kept:
        copy_files(result.folder / name, folder / name)
    return tuple(kept)


def write_page(result: Result, path: Path) -> str | None:
    """Write the page; return what to type where its packages are missing."""
    from searchitect.report.portfolio_page import write_portfolio

    try:
        write_portfolio(result, result.portfolio(), path)
    except MissingExtraError as error:
        return error.hint
    return None


def _measurements(result: Result, portfolio: Portfolio, service: Service) -> dict[str, Any]:
    assert service.member is not None
    member = portfolio.member(service.member)
    return {
        "study": result.study,
        "scenario": portfolio.scenarios[portfolio.services.index(service)].to_json(),
        "trial": service.trial,
        "validation_mean": dict(member.mean),
        "validation_std": dict(member.std),
        "service": dataclasses.asdict(service),
        "expected_regret": portfolio.expected_regret,
        "verdict": None if portfolio.verdict is None else portfolio.verdict.to_json(),
    }
