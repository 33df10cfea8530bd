"""What is decided before the first trial: the name, the store, the folder, the evaluator and the plan."""

from __future__ import annotations

import atexit
import dataclasses
import hashlib
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from searchitect.api.keeping import artifacts_of
from searchitect.api.niching import with_cells
from searchitect.api.opening import DEFAULT_STORE
from searchitect.api.placing import placed
from searchitect.api.referring import referred
from searchitect.api.request import Parts, Request, default_name
from searchitect.api.scoring import Scoring, scoring_of
from searchitect.api.serving import planned, refuse_unservable, served, sure_niches, viewed
from searchitect.api.sharing import judged_by, shared_warning
from searchitect.api.warm_starting import prior_trials, warm_start_label
from searchitect.config import parse_budget
from searchitect.errors import ConfigError
from searchitect.evaluation import Energy
from searchitect.objectives import parse_constraint
from searchitect.storage import open_store
from searchitect.storage.journal import Event, Store
from searchitect.storage.remote_artifacts import RemoteArtifacts
from searchitect.strategies import PriorTrial
from searchitect.study.plan import Plan, Wishes, make_plan
from searchitect.trial import Fidelity

__all__ = ["Prepared", "folder_name", "prepare", "wishes_document"]

DEFAULT_SECONDS = 300.0
"""Budget of a search on a task when none is given."""

DEFAULT_TRIALS = 50
"""Trials of a search by the user's own function when nothing bounds it."""

SHARED_TRIALS = 200
"""Trials of a search by shared weights when nothing bounds it: each costs one pass over the validation split."""


MAX_FOLDER_NAME = 200
"""Bytes of the name of a study's folder; file systems take 255."""


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is decided before the first trial.

    Attributes:
        since: monotonic time at which the preparation began.
        warm_start: what the warm start was called; part of what a resumed study must repeat.
        prior: prior trials of a new study; None where the study keeps its own.
        artifacts: where the files of trials are kept; None for the folder.
        scoring: how architectures are scored without training; None where they are not.
        late: another budget than the recorded one is asked for, and the search has ended.
    """

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
    late: bool = False
    warm_start: tuple[str, ...] = ()
    prior: tuple[PriorTrial, ...] | None = None
    scoring: Scoring | None = None
    artifacts: RemoteArtifacts | None = None


def prepare(request: Request, parts: Parts) -> Prepared:
    """Open the store and make the plan; a study that exists keeps the plan it began with."""
    request = served(request, parts)
    name = request.name or default_name(request, parts)
    store = _store(request.store)
    check = getattr(store, "check_writable", None)  # of a file: refuse now what would be refused after some work
    if check is not None:
        check()
    known = _manifest(store, name)
    if request.supernet is not None and known is None:
        request.supernet.require_trust()  # its seconds count as those of the supernet, not of the study
    since = time.monotonic()
    folder = _writable(_folder(request, name, known))
    kept = artifacts_of(request.artifacts, folder_name(name), known)
    evaluator = _evaluator(request, parts, folder)
    wishes, late = _wishes(request, parts), False
    if known is not None:
        wishes, late = _continued(wishes, known["recorded"]["wishes"], store, name)
        evaluator = _paced(evaluator, known["recorded"].get("pace"))
    elif request.evaluate is None and (wishes.seconds is not None or wishes.shared_seconds is not None):
        evaluator, wishes = _with_pace(evaluator, wishes, parts, request, since)
    plan = dataclasses.replace(make_plan(wishes), stopping=request.stopping)
    if known is not None:
        # A larger budget extends the search; what the strategy was made with stays, or it would not be the same one.
        settings = known["settings"]
        fidelity = Fidelity.from_json(settings["fidelity"])
        plan = dataclasses.replace(plan, search_fidelity=fidelity, expected_trials=settings["budget"])
    warnings = () if plan.no_random is None or wishes.is_random else (f"no random search beside it: {plan.no_random}",)
    if request.supernet is not None:
        evaluator = judged_by(request.supernet, evaluator)
        warnings = (*warnings, shared_warning(request.supernet))
    warnings = (*warnings, *_energy_warning(request, parts))
    evaluator = placed(evaluator, parts.space, None if parts.task is None else parts.task.spec, parts.devices)
    plan = planned(plan, parts.portfolio)
    if known is None:
        refuse_unservable(parts, evaluator, request.seed)
    request = sure_niches(request, parts, evaluator)
    request = with_cells(request, parts.space, evaluator, known)
    label, prior = _prior(request, parts, store, known)
    scoring = scoring_of(request, parts, known, plan.campaign.search.seconds)
    plan = dataclasses.replace(plan, scored=None if scoring is None else scoring.line())
    return Prepared(
        request, parts, evaluator, name, store, folder, wishes, plan, warnings, since, late, label, prior, scoring, kept
    )


def _energy_warning(request: Request, parts: Parts) -> tuple[str, ...]:
    """Where the energy of a pass is asked for and this machine has no counter, that it is an estimate."""
    from searchitect.hardware.meters import open_meter

    named = {o.name for o in parts.objectives} | {c.name for c in parts.constraints + parts.until}
    asked = request.evaluate is None and bool(named & {"energy_joules", "energy_error_joules"})
    if not asked or open_meter(request.device) is not None:
        return ()
    return ("energy_joules is an estimate, power × time, ± 40 %: this machine has no energy counter that may be read",)


def _with_pace(evaluator: Any, wishes: Wishes, parts: Parts, request: Request, since: float) -> tuple[Any, Wishes]:
    """The evaluator and the wishes, knowing how long an epoch takes here."""
    from searchitect.api.pacing import measure_pace
    from searchitect.executors.memory import limited_memory

    most = 0.06 * (wishes.seconds or DEFAULT_SECONDS)
    with limited_memory(parts.memory_bytes):  # the pace is measured in this process
        measured = measure_pace(evaluator, parts.workers, request.device, at_most=most)
    wishes = dataclasses.replace(wishes, spent=round(time.monotonic() - since, 3))
    if measured is None:
        return evaluator, wishes
    return dataclasses.replace(evaluator, pace=measured[0]), dataclasses.replace(wishes, epoch_seconds=measured[1])


def _prior(
    request: Request, parts: Parts, store: Store, known: Event | None
) -> tuple[tuple[str, ...], tuple[PriorTrial, ...] | None]:
    """What the warm start is called, and its trials where they are wanted: a study that exists has them already."""
    if request.warm_start is None:
        return tuple((known or {"details": {}})["details"].get("warm_start", ())), None
    label = tuple(warm_start_label(request.warm_start))
    if known is not None:
        return label, None
    task = None
    if parts.task is not None:
        from searchitect.tasks.landmarks import landmarks

        task = {**parts.task.describe(), "landmarks": landmarks(parts.task)}
    objective = parts.objectives[0]
    return label, prior_trials(request.warm_start, parts.space, objective=objective, task=task, store=store)


def _evaluator(request: Request, parts: Parts, folder: Path | None) -> Any:
    if request.evaluate is not None:
        from searchitect.evaluators import FunctionEvaluator

        spec = None if parts.task is None else parts.task.spec
        return FunctionEvaluator(request.evaluate, parts.space, spec, name=parts.objectives[0].name)
    from searchitect.evaluators import TrainingEvaluator
    from searchitect.evaluators.measurements import MEASUREMENTS

    assert parts.task is not None
    named = {o.name for o in parts.objectives} | {c.name for c in parts.constraints + parts.until} | {*parts.features}
    profile = folder / "profile.json" if request.profile and folder is not None else None
    measure = frozenset(name for name in named if name in MEASUREMENTS)
    evaluator = TrainingEvaluator(
        parts.space, parts.task, parts.recipe, measure=measure, profile=profile, ranks=request.ranks
    )
    evaluator = referred(viewed(evaluator, parts), request, parts, frozenset(named))
    if parts.memory_bytes is None:
        return evaluator
    # Preprocessed data are held in at most half of what a trial may take; larger ones are read batch by batch.
    held = min(evaluator.memory_budget, parts.memory_bytes // 2)
    return dataclasses.replace(evaluator, memory_budget=held)


def _paced(evaluator: Any, pace: Mapping[str, float] | None) -> Any:
    """The evaluator with the pace that its study began with, so that its seconds mean what they meant."""
    if pace is None:
        return evaluator
    from searchitect.evaluators.pace import Pace

    return dataclasses.replace(evaluator, pace=Pace.from_json(pace))


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
        folder = Path(tempfile.mkdtemp(prefix="searchitect-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)  # kept as long as the program: its models lie there
        return folder
    return Path(DEFAULT_STORE).parent / folder_name(name)


def _writable(folder: Path | None) -> Path | None:
    """The folder, made and tried before anything is spent on a model that could not be kept.

    Raises:
        ConfigError: it cannot be made, or nothing can be written there.
    """
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
    except OSError as error:
        raise ConfigError(
            f"the model's folder {folder} cannot be written: {error.strerror}",
            hint="--out DIR (folder=...) puts the model and its report elsewhere",
        ) from error
    return folder


def folder_name(study: str) -> str:
    """The name of a study as that of its folder, which no name can make another place, a hidden one or too long."""
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in study)
    plain = f"_{plain[1:]}" if plain.startswith(".") else plain
    if len(plain.encode()) <= MAX_FOLDER_NAME:
        return plain
    digest = hashlib.blake2b(study.encode(), digest_size=8).hexdigest()
    return f"{plain.encode()[: MAX_FOLDER_NAME - 20].decode(errors='ignore')}-{digest}"


def _wishes(request: Request, parts: Parts) -> Wishes:
    budget = parse_budget(request.budget)
    seconds, trials = budget.seconds, request.trials
    own, shared = request.evaluate is not None, request.supernet is not None
    if shared and request.budget is None and trials is None and not parts.until:
        trials = SHARED_TRIALS
    elif request.budget is None and trials is None and not parts.until:
        seconds, trials = (None, DEFAULT_TRIALS) if own else (DEFAULT_SECONDS, None)
    if budget.joules is not None:
        # The time in which all workers, busy, use it, by the estimate that the ledger makes too.
        seconds = budget.joules / Energy.estimated(max(1, parts.workers), request.device).joules
    return Wishes(
        seconds=seconds,
        trials=trials,
        total_trials=budget.trials,
        until=parts.until,
        workers=max(1, parts.workers),
        epochs=parts.recipe.epochs if not own or request.recipe is not None else None,
        compare=request.random_search,
        is_random=request.strategy == "random" and request.warm_start is None,
        confirm_seeds=request.confirm_seeds if own else max(1, request.confirm_seeds),
        shared_seconds=request.supernet.cost_seconds if shared else None,
        models=1 if parts.portfolio is None else parts.portfolio.size,
        joules=budget.joules,
        device=request.device,
        owed_seconds=request.owed_seconds,
    )


def _manifest(store: Store, name: str) -> Event | None:
    """The manifest of a study that exists; None where there is none."""
    if all(info.name != name for info in store.studies()):
        return None
    for _, event in store.journal(name).read():
        return event if event["kind"] == "manifest" else None
    return None


def _continued(wishes: Wishes, known: Mapping[str, Any], store: Store, name: str) -> tuple[Wishes, bool]:
    """The wishes a study began with, and whether others come too late.

    A larger budget is taken over while the search still goes on. Once it has ended the test split may be open.
    """
    old = _wishes_of(known)
    asked = {field: getattr(wishes, field) for field in ("seconds", "trials", "total_trials", "until", "joules")}
    if asked == {field: getattr(old, field) for field in asked}:
        return old, False
    ended = any(e["kind"] == "phase" and e["phase"] == "search" for _, e in store.journal(name).read())
    return (old, True) if ended else (dataclasses.replace(old, **asked), False)


def wishes_document(wishes: Wishes) -> dict[str, Any]:
    """The wishes as JSON, for the manifest."""
    return dataclasses.asdict(wishes) | {"until": [str(limit) for limit in wishes.until]}


def _wishes_of(document: Mapping[str, Any]) -> Wishes:
    until = tuple(parse_constraint(text) for text in document["until"])
    return Wishes(**(dict(document) | {"until": until}))
