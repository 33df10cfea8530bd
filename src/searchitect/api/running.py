"""From a request to a finished study: wiring, and nothing that could live elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from searchitect.api.executing import execution_record, failure_bounds, open_for
from searchitect.api.finishing import finish
from searchitect.api.placing import device_details, recorded_devices
from searchitect.api.preparing import Prepared, wishes_document
from searchitect.api.referring import reference_details
from searchitect.api.request import Request
from searchitect.api.serving import gated, portfolio_judge, scenario_details
from searchitect.api.sharing import recorded_supernet
from searchitect.api.weights import restorer
from searchitect.errors import ConfigError
from searchitect.result import Result, result_of
from searchitect.storage.journal import Event
from searchitect.study import Campaign, Clock, Runner, Study, run_campaign
from searchitect.study.manifest import source_digest

__all__ = ["open_study", "run"]


def run(prepared: Prepared, on_event: Callable[[Event], None] | None = None) -> Result:
    """Run what is left of the study, write the model's files and the report, and return the result."""
    with open_study(prepared, on_event) as study:
        if prepared.late:
            # Only now: that the space or the data differ would have been the better explanation.
            raise ConfigError(
                f"the search of study {prepared.name!r} has ended, so its budget cannot be changed",
                hint="--name NAME starts another study; the same command as before shows this one",
            )
        if not _is_finished(study, prepared):
            _campaign(study, prepared)
            finish(study, prepared)
        return result_of(study.state, folder=prepared.folder, space=prepared.parts.space)


def open_study(prepared: Prepared, on_event: Callable[[Event], None] | None = None) -> Study:
    """The study of a request, new or as its journal left it."""
    request, parts, plan = prepared.request, prepared.parts, prepared.plan
    return Study(
        parts.space,
        strategy=request.strategy,
        options=request.options,
        objectives=parts.objectives,
        constraints=parts.constraints,
        seed=request.seed,
        store=prepared.store,
        name=prepared.name,
        **gated(prepared.evaluator, parts),
        fidelity=plan.search_fidelity,
        recorded_epochs=getattr(prepared.evaluator, "recorded_epochs", ()),
        budget=plan.expected_trials,
        workers=max(1, parts.workers),
        prior=prepared.prior,
        scores=None if prepared.scoring is None else prepared.scoring.score,
        pool=1 if prepared.scoring is None else prepared.scoring.pool,
        stopping=request.stopping,
        prune_space=request.prune_space,
        details=_details(prepared),
        recorded=_recorded(prepared),
        allow_changed_code=request.allow_changed_code,
        on_event=on_event,
    )


def _details(prepared: Prepared) -> dict[str, Any]:
    """What a resumed study must repeat beside the space, the strategy and the seed."""
    request, parts = prepared.request, prepared.parts
    details: dict[str, Any] = {"recipe": parts.recipe.to_json(), "deterministic": request.deterministic}
    if request.deterministic:
        details["workers"] = parts.workers
    if parts.task is not None:
        details["task"] = parts.task.describe()
    if prepared.warm_start:
        details["warm_start"] = list(prepared.warm_start)
    if request.supernet is not None:
        details["supernet"] = request.supernet.digest
    if prepared.scoring is not None:
        details["proxies"] = list(prepared.scoring.names)
    details |= device_details(parts.devices) | scenario_details(parts.portfolio) | reference_details(prepared.evaluator)
    if request.evaluate is not None:
        details["function"] = getattr(request.evaluate, "__qualname__", type(request.evaluate).__name__)
        details["function_source_digest"] = source_digest(request.evaluate)
    return details


def _recorded(prepared: Prepared) -> dict[str, Any]:
    """What is kept for `resume` and for the report, and may differ."""
    request, plan = prepared.request, prepared.plan
    recorded: dict[str, Any] = {
        "wishes": wishes_document(prepared.wishes),
        "warnings": list(prepared.warnings),
        "workers": prepared.parts.workers,
        "device": request.device,
        "folder": None if prepared.folder is None else str(prepared.folder),
        **({} if prepared.artifacts is None else {"artifacts": prepared.artifacts.shown}),
        "data": str(request.data) if isinstance(request.data, (str, Path)) else None,
        "target": request.target,
        "reference": None if request.reference is None else str(request.reference),
        **_keys_record(request),
        "execution": execution_record(request),
        **recorded_devices(prepared.parts.devices),
        "space": request.space if isinstance(request.space, str) or request.space is None else False,
        "allow": {"trial_seconds": request.trial_seconds, "confirm_seeds": request.confirm_seeds},
    }
    if request.supernet is not None:
        recorded["supernet"] = recorded_supernet(request.supernet)
    if prepared.parts.memory_bytes is not None:
        recorded["allow"]["memory_bytes"] = prepared.parts.memory_bytes
    if prepared.parts.task is not None:
        from searchitect.tasks.landmarks import landmarks

        recorded["landmarks"] = landmarks(prepared.parts.task)  # for later searches that start from this one
    pace = getattr(prepared.evaluator, "pace", None)
    if pace is not None:
        recorded["pace"] = pace.to_json()
    if plan.no_random is not None:
        recorded["no_random"] = plan.no_random
    return recorded


def _keys_record(request: Request) -> dict[str, Any]:
    """Columns by which the data were split; False for an array, which only the user's program has."""
    keys = {"groups": request.groups, "time": request.time}
    return {name: key if isinstance(key, str) else False for name, key in keys.items() if key is not None}


def _campaign(study: Study, prepared: Prepared) -> None:
    from searchitect.hardware.meters import open_meter

    request, parts = prepared.request, prepared.parts
    executor = open_for(prepared.evaluator, request, parts)
    try:
        runner = Runner(
            executor,
            Clock(study.state.elapsed, since=prepared.since),
            request.device,
            request.deterministic,
            request.trial_seconds,
            prepared.folder,
            open_meter(request.device),
            **failure_bounds(request),
            artifacts=prepared.artifacts,
        )
        run_campaign(study, prepared.plan.campaign, runner, _judge(study, prepared))
    finally:
        executor.close()


def _judge(study: Study, prepared: Prepared) -> Any:
    parts, request, folder = prepared.parts, prepared.request, prepared.folder
    if parts.task is None or request.evaluate is not None or folder is None:
        return None
    from searchitect.evaluators.judge import TaskJudge

    restore = restorer(study.state.trials, parts, folder, prepared.artifacts)
    if parts.portfolio is not None:
        return portfolio_judge(parts, parts.portfolio, restore, request.seed, request.device)
    return TaskJudge(parts.task, parts.objectives[0], restore, seed=request.seed, device=request.device)


def _is_finished(study: Study, prepared: Prepared) -> bool:
    if "exported" in study.state.marks:
        return True
    campaign: Campaign = prepared.plan.campaign
    last = "confirm" if campaign.confirm_seeds else "random" if campaign.compare else "search"
    return prepared.parts.task is None and last in study.state.phases
