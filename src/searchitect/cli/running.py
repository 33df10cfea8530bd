"""`run`, `plan`, `resume`, `doctor`: what starts from settings or a space."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchitect.cli import text
from searchitect.cli.exits import ExitCode, boundary, stoppable
from searchitect.cli.options import Confidence, Debug, Devices, Json, Quiet, Shown, Store, StudyName, takes_settings
from searchitect.cli.progress import Progress, progress
from searchitect.config import EXECUTION, RunSettings, parse_budget
from searchitect.errors import ConfigError

if TYPE_CHECKING:
    from searchitect.result import Result

__all__ = ["answer", "doctor", "plan", "resume", "run"]


@takes_settings
def run(settings: RunSettings, shown: Shown) -> None:
    """Search, train, confirm, test once, export and report."""
    budget = parse_budget(settings.budget) if settings.budget is not None else None
    with _followed(shown, settings.store, None if budget is None else budget.seconds) as following:
        from searchitect import api

        result = api.search(**_arguments(settings), on_event=following.on_event)
    answer(result, as_json=shown.json)


@takes_settings
def plan(settings: RunSettings, shown: Shown) -> None:
    """Say what a run with these options will cost, before it runs."""
    from searchitect import api

    planned = api.plan(api.Request(**_arguments(settings)))
    typer.echo(text.as_json(text.plan_document(planned)) if shown.json else "\n".join(planned.lines()))


def resume(
    study: StudyName,
    store: Store = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Go on with a study that was stopped, as it was started."""
    shown = Shown(as_json, quiet, debug)
    with _followed(shown, store, None, study) as following:
        from searchitect import api

        result = api.resume(study, store, on_event=following.on_event)
    answer(result, as_json=shown.json)


def doctor(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="A name, FILE.py:CLASS, or a file of layers.")],
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="Build for the shapes of this task.")] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(metavar="LIMIT", help="Say how many break it: 'parameters<=100000'; repeat for more."),
    ] = None,
    devices: Devices = None,
    confidence: Confidence = None,
    proxies: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Zero-cost proxies to try: 'default' with a TASK; 'none' tries none."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Examine a search space before searching it.

    Size, duplicate, invalid and infeasible rates, a histogram of cost, dead decisions, shape errors with the
    architecture that shows them; with a task also what zero-cost proxies say of some models, and how long they take.
    """
    with boundary(debug):
        from searchitect import api

        wanted = ("default" if task is not None else None) if proxies is None else proxies
        diagnosis = api.doctor(
            space,
            task,
            constraints=constraint or (),
            devices=devices or (),
            confidence=confidence,
            proxies=None if wanted == "none" else wanted,
        )
        typer.echo(text.as_json(diagnosis.document) if as_json else "\n".join(diagnosis.lines))


def _arguments(settings: RunSettings) -> dict[str, Any]:
    """The settings as arguments of `api.search`."""
    if settings.task is None:
        raise ConfigError("which data?", hint="searchitect run digits, another name from `list tasks`, or a path")
    recipe = dict(settings.recipe) | ({} if settings.epochs is None else {"epochs": settings.epochs})
    from searchitect.spaces import Recipe

    return {
        "data": settings.task,
        "target": settings.target,
        "groups": settings.group,
        "time": settings.time,
        "space": settings.space,
        "strategy": settings.strategy,
        "options": settings.option,
        "warm_start": list(settings.warm_start) or None,
        "proxies": settings.proxies,
        "stopping": settings.stopping,
        "prune_space": settings.prune_space,
        "objectives": settings.objective or None,
        "constraints": settings.constraint,
        "devices": settings.devices,
        "confidence": settings.confidence,
        "trials": settings.trials,
        "budget": settings.budget,
        "until": settings.until,
        "workers": settings.workers,
        "memory": settings.memory,
        "seed": settings.seed,
        "scenarios": settings.scenarios,
        "size": settings.size,
        "reference": settings.reference,
        "device": settings.device,
        "store": settings.store,
        "name": settings.name,
        "folder": settings.out,
        "artifacts": settings.artifacts,
        "recipe": Recipe().updated(recipe) if recipe else None,
        "random_search": settings.random,
        "confirm_seeds": settings.confirm_seeds,
        "deterministic": settings.deterministic,
        "profile": settings.profile,
        "allow_changed_code": settings.allow_changed_code,
        **{name: getattr(settings, name) for name in EXECUTION},
    }


@contextmanager
def _followed(shown: Shown, store: str | None, seconds: float | None, study: str | None = None) -> Iterator[Progress]:
    """Show what happens; on an interruption say how to go on."""
    with (
        progress(quiet=shown.quiet, seconds=seconds, study=study) as following,
        boundary(shown.debug, go_on=_how_to_go_on(following, store)),
        stoppable(),
    ):
        yield following


def _how_to_go_on(following: Progress, store: str | None) -> Callable[[], str]:
    def sentence() -> str:
        from searchitect.storage.urls import masked

        if following.study is None:
            return "Nothing had started."
        where = "" if store is None else f" --store {masked(store)}"
        return f"Finished trials are kept. To go on: searchitect resume {following.study}{where}"

    return sentence


def answer(result: Result, *, as_json: bool) -> None:
    """Print what a search found; end with a code of its own where it found nothing."""
    typer.echo(text.as_json(result.document()) if as_json else "\n".join(text.summary(result)))
    if result.best is None:
        raise typer.Exit(ExitCode.NOTHING_FOUND)
