"""From a request to a finished study: wiring, and nothing that could live elsewhere."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from searchitect.api.request import DEFAULT_STORE, Parts, Request, default_name
from searchitect.config import parse_budget
from searchitect.errors import ConfigError
from searchitect.evaluation import Checker, Evaluator
from searchitect.objectives import parse_constraint
from searchitect.result import Result, result_of
from searchitect.storage import open_store
from searchitect.storage.journal import Event, Store
from searchitect.study import Campaign, Clock, Runner, Study, run_campaign
from searchitect.study.loop import weights_folder
from searchitect.study.manifest import source_digest
from searchitect.study.plan import Plan, Wishes, make_plan
from searchitect.trial import Fidelity, Trial

__all__ = ["Prepared", "folder_name", "prepare", "restorer", "run"]

DEFAULT_SECONDS = 300.0
"""Budget of a search on a task when none is given."""

DEFAULT_TRIALS = 50
"""Trials of a search by the user's own function when nothing bounds it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is decided before the first trial; `since` is the monotonic time at which that began."""

    request: Request
    parts: Parts
    evaluator: Any
    name: str
    store: Store
    folder: Path | None
    wishes: Wishes
    plan: Plan
    warnings: tuple[str, ...] = ()
    since: float = 0.0


def prepare(request: Request, parts: Parts) -> Prepared:
    """Open the store and make the plan; a study that exists keeps the plan it began with."""
    since = time.monotonic()
    name = request.name or default_name(request, parts)
    store = _store(request.store)
    known = _manifest(store, name)
    folder = _folder(request, name, known)
    evaluator = _evaluator(request, parts, folder)
    wishes = _wishes(request, parts)
    if known is not None:
        wishes = _continued(wishes, known["recorded"]["wishes"], store, name)
    elif wishes.seconds is not None and parts.task is not None and request.evaluate is None:
        from searchitect.api.pacing import seconds_per_epoch

        measured = seconds_per_epoch(evaluator, parts.workers, request.device, at_most=0.06 * wishes.seconds)
        spent = round(time.monotonic() - since, 3)
        wishes = dataclasses.replace(wishes, epoch_seconds=measured, spent=spent)
    plan = make_plan(wishes)
    if known is not None:
        # A larger budget extends the search; what the strategy was made with stays, or it would not be the same one.
        settings = known["settings"]
        fidelity = Fidelity.from_json(settings["fidelity"])
        plan = dataclasses.replace(plan, search_fidelity=fidelity, expected_trials=settings["budget"])
    warnings = () if plan.no_random is None or wishes.is_random else (f"no random search beside it: {plan.no_random}",)
    return Prepared(request, parts, evaluator, name, store, folder, wishes, plan, warnings, since)


def run(prepared: Prepared, on_event: Callable[[Event], None] | None = None) -> Result:
    """Run what is left of the study, write the model's files and the report, and return the result."""
    from searchitect.api.finishing import finish

    with _study(prepared, on_event) as study:
        if not _is_finished(study, prepared):
            _campaign(study, prepared)
            finish(study, prepared)
        return result_of(study.state, folder=prepared.folder, space=prepared.parts.space)


def _study(prepared: Prepared, on_event: Callable[[Event], None] | None) -> Study:
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
        facts=prepared.evaluator.check if _is_checker(prepared.evaluator) else None,
        fidelity=plan.search_fidelity,
        budget=plan.expected_trials,
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
    if request.evaluate is not None:
        details["function"] = getattr(request.evaluate, "__qualname__", type(request.evaluate).__name__)
        details["function_source_digest"] = source_digest(request.evaluate)
    return details


def _recorded(prepared: Prepared) -> dict[str, Any]:
    """What is kept for `resume` and for the report, and may differ."""
    request, plan = prepared.request, prepared.plan
    recorded: dict[str, Any] = {
        "wishes": _wishes_json(prepared.wishes),
        "warnings": list(prepared.warnings),
        "workers": prepared.parts.workers,
        "device": request.device,
        "folder": None if prepared.folder is None else str(prepared.folder),
        "data": str(request.data) if isinstance(request.data, (str, Path)) else None,
        "target": request.target,
        "space": request.space if isinstance(request.space, str) or request.space is None else False,
        "allow": {"trial_seconds": request.trial_seconds, "confirm_seeds": request.confirm_seeds},
    }
    if plan.no_random is not None:
        recorded["no_random"] = plan.no_random
    return recorded


def _campaign(study: Study, prepared: Prepared) -> None:
    from searchitect.executors import open_executor

    request, parts = prepared.request, prepared.parts
    executor = open_executor(prepared.evaluator, parts.workers)
    try:
        runner = Runner(
            executor,
            Clock(study.state.elapsed, since=prepared.since),
            request.device,
            request.deterministic,
            request.trial_seconds,
            prepared.folder,
        )
        run_campaign(study, prepared.plan.campaign, runner, _judge(study, prepared))
    finally:
        executor.close()


def _judge(study: Study, prepared: Prepared) -> Any:
    parts, request, folder = prepared.parts, prepared.request, prepared.folder
    if parts.task is None or request.evaluate is not None or folder is None:
        return None
    from searchitect.evaluators.judge import TaskJudge

    restore = restorer(study.state.trials, parts, folder)
    return TaskJudge(parts.task, parts.objectives[0], restore, seed=request.seed, device=request.device)


def restorer(trials: Sequence[Trial], parts: Parts, folder: Path) -> Callable[[int], Any]:
    """Return a function that loads the trained model of a confirmation trial by its number."""
    from safetensors.torch import load_file

    from searchitect.evaluators.building import build
    from searchitect.tasks import with_preprocessing

    task = parts.task
    assert task is not None

    def restore(number: int) -> Any:
        body = build(parts.space, trials[number].architecture, task.spec)
        model = with_preprocessing(task.preprocessing, body)
        model.load_state_dict(load_file(weights_folder(folder, number) / "model.safetensors"))
        return model.eval()

    return restore


def _is_finished(study: Study, prepared: Prepared) -> bool:
    if "exported" in study.state.marks:
        return True
    campaign: Campaign = prepared.plan.campaign
    last = "confirm" if campaign.confirm_seeds else "random" if campaign.compare else "search"
    return prepared.parts.task is None and last in study.state.phases


def _is_checker(evaluator: Evaluator | Checker) -> bool:
    return callable(getattr(evaluator, "check", None))


def _evaluator(request: Request, parts: Parts, folder: Path | None) -> Any:
    if request.evaluate is not None:
        from searchitect.evaluators import FunctionEvaluator

        spec = None if parts.task is None else parts.task.spec
        return FunctionEvaluator(request.evaluate, parts.space, spec, name=parts.objectives[0].name)
    from searchitect.evaluators import TrainingEvaluator
    from searchitect.evaluators.measurements import MEASUREMENTS

    assert parts.task is not None
    named = {o.name for o in parts.objectives} | {c.name for c in parts.constraints + parts.until}
    profile = folder / "profile.json" if request.profile and folder is not None else None
    measure = frozenset(name for name in named if name in MEASUREMENTS)
    return TrainingEvaluator(parts.space, parts.task, parts.recipe, measure=measure, profile=profile)


def _store(store: Any) -> Store:
    if store is None:
        path = Path(DEFAULT_STORE)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the folder for studies, {path.parent}, cannot be made: {error.strerror}",
                hint="--store FILE puts the store elsewhere, store='memory:' keeps none",
            ) from error
        return open_store(str(path))
    return store if not isinstance(store, (str, Path)) else open_store(str(store))


def _folder(request: Request, name: str, known: Event | None) -> Path | None:
    if request.folder is not None:
        return Path(request.folder)
    if known is not None:
        kept = known["recorded"].get("folder")
        return None if kept is None else Path(kept)
    if request.evaluate is not None:
        return None
    if isinstance(request.store, str) and request.store.startswith("memory"):
        return Path(tempfile.mkdtemp(prefix="searchitect-"))
    return Path(DEFAULT_STORE).parent / folder_name(name)


def folder_name(study: str) -> str:
    """The name of a study as that of its folder."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in study)


def _wishes(request: Request, parts: Parts) -> Wishes:
    budget = parse_budget(request.budget)
    seconds, trials = budget.seconds, request.trials
    own = request.evaluate is not None
    if request.budget is None and trials is None and not parts.until:
        seconds, trials = (None, DEFAULT_TRIALS) if own else (DEFAULT_SECONDS, None)
    return Wishes(
        seconds=seconds,
        trials=trials,
        total_trials=budget.trials,
        until=parts.until,
        workers=max(1, parts.workers),
        epochs=None if own else parts.recipe.epochs,
        compare=request.random_search,
        is_random=request.strategy == "random",
        confirm_seeds=request.confirm_seeds if own else max(1, request.confirm_seeds),
    )


def _manifest(store: Store, name: str) -> Event | None:
    """The manifest of a study that exists; None where there is none."""
    if all(info.name != name for info in store.studies()):
        return None
    for _, event in store.journal(name).read():
        return event if event["kind"] == "manifest" else None
    return None


def _continued(wishes: Wishes, known: Mapping[str, Any], store: Store, name: str) -> Wishes:
    """The wishes a study began with; a larger budget is taken over while its search still goes on."""
    old = _wishes_of(known)
    asked = {field: getattr(wishes, field) for field in ("seconds", "trials", "total_trials", "until")}
    if asked == {field: getattr(old, field) for field in asked}:
        return old
    ended = any(e["kind"] == "phase" and e["phase"] == "search" for _, e in store.journal(name).read())
    if ended:
        raise ConfigError(
            f"the search of study {name!r} has ended, so its budget cannot be changed",
            hint="--name NAME starts another study; the same command as before shows this one",
        )
    return dataclasses.replace(old, **asked)


def _wishes_json(wishes: Wishes) -> dict[str, Any]:
    return dataclasses.asdict(wishes) | {"until": [str(limit) for limit in wishes.until]}


def _wishes_of(document: Mapping[str, Any]) -> Wishes:
    until = tuple(parse_constraint(text) for text in document["until"])
    return Wishes(**(dict(document) | {"until": until}))
