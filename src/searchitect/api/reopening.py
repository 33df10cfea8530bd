"""Studies that exist: go on, look, export, predict, train the winner again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.api.executing import recorded_execution
from searchitect.api.keeping import kept_artifacts
from searchitect.api.opening import open_result, opened, recorded_of
from searchitect.api.placing import devices_of
from searchitect.api.portfolio_files import PAGE, copy_models, write_page
from searchitect.api.preparing import folder_name, prepare
from searchitect.api.request import Request, make_parts
from searchitect.api.running import run
from searchitect.api.trained_supernet import TrainedSupernet
from searchitect.api.weights import restorer
from searchitect.errors import ConfigError
from searchitect.result import Best, Result
from searchitect.seeding import derive, isolated
from searchitect.spaces import Recipe, SearchSpace
from searchitect.storage.journal import Event, Store
from searchitect.tasks import Task
from searchitect.trial import Fidelity

if TYPE_CHECKING:
    from searchitect.report import Graph

__all__ = ["export", "graph_of_best", "predict", "report", "request_of", "resume", "retrain"]


def resume(
    study: str,
    store: str | Path | Store | None = None,
    *,
    data: Any = None,
    space: Any = None,
    evaluate: Callable[..., Any] | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Result:
    """Go on with a study, with the settings it was started with.

    Args:
        data, space, evaluate: needed where the study was started on objects that only your program has.

    Raises:
        ConfigError: one of them is needed.
    """
    request = request_of(study, opened(store), data, space, evaluate)
    return run(prepare(request, make_parts(request)), on_event)


def export(
    study: str, folder: str | Path, trial: int | None = None, store: str | Path | Store | None = None
) -> tuple[str, ...]:
    """Copy the handed-over model's files into a folder; with `trial`, write those of another confirmed trial.

    Raises:
        ConfigError: the study kept no weights of that trial; the message lists those that it kept.
    """
    where = opened(store)
    result = open_result(study, where)
    if result.best is None:
        raise ConfigError(f"study {study!r} has no complete trial within its limits, so there is nothing to export")
    if trial is None or trial == result.best.trial:
        return _export_best(result, Path(folder), where)
    confirmed = [n for finalist in result.finalists for n in finalist.trials]
    if trial not in confirmed:
        kept = ", ".join(str(n) for n in confirmed) or "none"
        raise ConfigError(f"study {study!r} kept no weights of trial {trial}", hint=f"trials with weights: {kept}")
    return _export_trial(result, trial, Path(folder), request_of(study, where, None, None, None))


def _export_best(result: Result, folder: Path, store: Store) -> tuple[str, ...]:
    """Copy the files; where the ONNX file was skipped, write all anew: its packages may have come since."""
    from searchitect.deploy import ONNX, REPORT

    assert result.best is not None
    files = (*result.best.export(folder), *copy_models(result, folder))
    if ONNX in files:
        return files
    try:
        request = request_of(result.study, store, None, None, None)
    except ConfigError:  # the data or the space are only in the program that searched
        return files
    return (*_export_trial(result, result.best.trial, folder, request), *(f for f in files if f == REPORT))


def _export_trial(result: Result, trial: int, folder: Path, request: Request) -> tuple[str, ...]:
    import numpy as np

    from searchitect.deploy import write_files

    parts = make_parts(request)
    assert parts.task is not None
    assert result.folder is not None
    artifacts = kept_artifacts(result.manifest["recorded"], folder_name(result.study))
    found = result.trials[trial]
    written = write_files(
        folder,
        space=parts.space,
        architecture=found.architecture,
        task_description=parts.task.describe(),
        model=restorer(result.trials, parts, result.folder, artifacts)(trial),
        sample=parts.task.validation.read(np.arange(min(64, len(parts.task.validation)))),
        measurements={"study": result.study, "trial": trial, "validation": dict(found.measurements)},
        recipe=parts.recipe,
    )
    return tuple(written.files)


def report(study: str, path: str | Path | None = None, store: str | Path | Store | None = None) -> Path:
    """Write the report page of a study as it stands; by default into its folder. A portfolio's page is put beside it.

    Raises:
        ConfigError: the page cannot be written there.
    """
    from searchitect.report import write_report

    result = open_result(study, store)
    folder = result.folder or Path()
    graph = graph_of_best(result)
    page = Path(path) if path is not None else folder / "report.html"
    try:
        if result.manifest["details"].get("portfolio"):
            write_page(result, page.with_name(PAGE))
        return write_report(result, page, graph=graph)
    except OSError as error:
        raise ConfigError(
            f"the report {page} cannot be written: {error.strerror}", hint="--out FILE puts it elsewhere"
        ) from error


def graph_of_best(result: Result) -> Graph | None:
    """The handed-over model as a graph; None where there is none, or it needs a class that only your program has."""
    from searchitect.errors import SearchitectError
    from searchitect.report import graph_of

    if result.best is None or result.best.folder is None:
        return None
    try:
        loaded = result.best.loaded
    except SearchitectError:
        return None
    return graph_of(loaded.model, loaded.example())


def predict(study: str, path: str | Path, store: str | Path | Store | None = None, *, space: type | None = None) -> Any:
    """Rows of predictions for a file of new examples, by the model that a study handed over."""
    from searchitect.deploy import predict_file

    result = open_result(study, store, space=space)
    if result.best is None or result.best.folder is None:
        raise ConfigError(f"study {study!r} has handed over no model yet", hint=f"searchitect resume {study}")
    return predict_file(result.best.folder, Path(path), space=space)


def retrain(best: Best, data: Any, recipe: Mapping[str, Any]) -> Any:
    """Train an architecture from scratch on a task and return a `deploy.LoadedModel`. See `Best.retrain`."""
    from searchitect import deploy, tasks
    from searchitect.evaluation import Context
    from searchitect.evaluators.building import build
    from searchitect.training import train

    if best.space is None:
        raise ConfigError("the class of the space is not known here", hint="use the result that sa.search returned")
    task = tasks.task(data)
    space = SearchSpace.of(best.space)
    full = space.recipe(best.architecture, Recipe()).updated(recipe)
    with isolated(derive(0, "weights")):
        model = tasks.with_preprocessing(task.preprocessing, build(space, best.architecture, task.spec))
    train(model, task, full, fidelity=Fidelity(), context=Context(seed=0))
    return deploy.LoadedModel.of(model.eval(), best.architecture, task.describe())


def request_of(study: str, store: Store, data: Any, space: Any, evaluate: Callable[..., Any] | None) -> Request:
    """The request a study began with, from its manifest.

    Raises:
        ConfigError: it needs objects that only the user's program has, or was driven by the user's own loop.
    """
    events = [event for _, event in store.journal(study).read()]
    manifest, recorded = events[0], recorded_of(events)
    _check_searched(study, recorded)
    if evaluate is None:
        _check_function(study, manifest["details"])
    supernet = _supernet(study, recorded.get("supernet"), data, space)
    if supernet is not None:
        data = space = None  # it knows both
    else:
        _check_own_objects(study, manifest, recorded, data is None and evaluate is None, space is None)
    groups, time = _keys(study, recorded, data)
    wishes, settings = recorded["wishes"], manifest["settings"]
    return Request(
        data=data if data is not None or supernet is not None else recorded.get("data"),
        target=recorded["target"],
        groups=groups,
        time=time,
        space=space if space is not None or supernet is not None else recorded.get("space"),
        evaluate=evaluate,
        strategy=manifest["strategy"]["name"],
        options=manifest["strategy"]["options"],
        objectives=settings["objectives"],
        constraints=settings["constraints"],
        trials=wishes["trials"],
        budget=_budget(wishes),
        until=wishes["until"],
        workers=recorded["workers"],
        seed=manifest["seed"],
        device=recorded["device"],
        store=store,
        name=study,
        folder=recorded["folder"],
        artifacts=recorded.get("artifacts"),
        recipe=Recipe(**manifest["details"]["recipe"]),
        random_search=wishes["compare"],
        deterministic=manifest["details"]["deterministic"],
        devices=devices_of(recorded),
        supernet=supernet,
        proxies=manifest["details"].get("proxies"),
        stopping=settings.get("stopping"),
        prune_space=settings.get("prune_space", False),
        **_scenarios(manifest["details"].get("portfolio")),
        reference=recorded.get("reference"),
        **recorded_execution(recorded),
    )


def _check_searched(study: str, recorded: Mapping[str, Any]) -> None:
    """Refuse a study that no search began."""
    if "wishes" not in recorded:
        raise ConfigError(
            f"study {study!r} was driven by your own loop, so only your program can go on with it",
            hint=f"open it again: sa.Study(space, …, store=…, name={study!r})",
        )


def _scenarios(recorded: Mapping[str, Any] | None) -> dict[str, Any]:
    """The scenarios a study began with."""
    return {} if recorded is None else {"scenarios": recorded["scenarios"], "size": recorded["size"]}


def _check_own_objects(study: str, manifest: Event, recorded: Mapping[str, Any], no_data: bool, no_space: bool) -> None:
    """Refuse a study on objects that only the user's program has, where they are not given."""
    if no_data and recorded.get("data") is None:
        raise ConfigError(
            f"study {study!r} was started on data in memory",
            hint=f"run your program again, with sa.search(data, ..., name={study!r})",
        )
    if no_space and recorded.get("space") is False:
        raise ConfigError(
            f"study {study!r} searches a class of your own program, {manifest['space']['name']}",
            hint=f"run your program again, with sa.search(..., name={study!r})",
        )


def _check_function(study: str, details: Mapping[str, Any]) -> None:
    if "function" in details:
        raise ConfigError(
            f"study {study!r} is evaluated by your own function {details['function']!r}",
            hint=f"run your program again, with sa.search(..., evaluate=…, name={study!r})",
        )


def _keys(study: str, recorded: Mapping[str, Any], data: Any) -> tuple[str | None, str | None]:
    """The columns by which the data are split; none for a task, which is split already."""
    groups, time = recorded.get("groups"), recorded.get("time")
    if isinstance(data, Task):
        return None, None
    if groups is False or time is False:
        raise ConfigError(
            f"the data of study {study!r} were split by an array of your own program",
            hint=f"run your program again, with sa.search(…, name={study!r}), or resume with data=sa.task(…)",
        )
    return groups, time


def _supernet(study: str, facts: Mapping[str, Any] | None, data: Any, space: Any) -> Any:
    """The trained supernet of a study that searched by shared weights; None for any other."""
    if facts is None:
        return None
    if facts["folder"] is None:
        raise ConfigError(
            f"study {study!r} searched by a supernet that was kept in no folder",
            hint=f"run your program again, with sa.search(supernet=…, name={study!r})",
        )
    return TrainedSupernet.open(facts["folder"], data=data, space=space, trust=facts["trust"])


def _budget(wishes: Mapping[str, Any]) -> str | float | None:
    if wishes["total_trials"] is not None:
        return f"{wishes['total_trials']}trials"
    if wishes.get("joules") is not None:
        return f"{wishes['joules']}J"
    seconds: float | None = wishes["seconds"]
    return seconds
