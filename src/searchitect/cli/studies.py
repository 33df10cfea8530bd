"""`show`, `report`, `export`, `predict`, `migrate`: what reads a study that exists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchitect.cli import text
from searchitect.cli.exits import boundary
from searchitect.cli.options import Debug, Json, Store, StudyName
from searchitect.cli.remembering import page_of
from searchitect.config import load_space
from searchitect.errors import ConfigError, ExportError

if TYPE_CHECKING:
    from searchitect.result import Result
    from searchitect.trial import Trial

__all__ = ["export", "migrate", "predict", "report", "show"]

_Trial = Annotated[int | None, typer.Argument(metavar="[TRIAL]", help="Number of a trial.", show_default=False)]


def show(
    study: StudyName,
    trial: _Trial = None,
    store: Store = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a study found, or one of its trials."""
    with boundary(debug):
        from searchitect import api

        if trial is None and not as_json:
            typer.echo("\n".join(_shown(study, store)))
            return
        result = api.open_result(study, store)
        if trial is None:
            typer.echo(text.as_json(result.document()))
            return
        found = _trial(result, trial)
        typer.echo(text.as_json(text.trial_document(found)) if as_json else "\n".join(text.trial_lines(found)))


def _shown(study: str, store: str | None) -> list[str]:
    """The summary and the trials; of a large study as they were kept, where nothing has happened since."""
    from searchitect import api

    page = page_of(api.opened(store), study)
    lines = None if page is None else page.read()
    if lines is None:
        result = api.open_result(study, store)
        lines = [*text.summary(result), "", *text.trials_table(result)]
        if page is not None:
            page.write(lines)
    return lines


def report(
    study: StudyName,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write; default: the run folder.", show_default=False)
    ] = None,
    store: Store = None,
    debug: Debug = False,
) -> None:
    """Write the report page of a study again."""
    with boundary(debug):
        from searchitect import api

        typer.echo(api.report(study, out, store=store))


def export(
    study: StudyName,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that receives the files.")],
    trial: Annotated[
        int | None, typer.Option(metavar="N", help="Another trial than the best.", show_default=False)
    ] = None,
    store: Store = None,
    debug: Debug = False,
) -> None:
    """Write the trained model of a study to a folder."""
    with boundary(debug):
        from searchitect import api

        typer.echo("\n".join(str(folder / name) for name in api.export(study, folder, trial=trial, store=store)))


def predict(
    study: StudyName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New data in the form of the study's own data.")],
    space: Annotated[
        str | None,
        typer.Option(metavar="FILE.py:CLASS", help="Your own space of the study (trusted: the file is run)."),
    ] = None,
    store: Store = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Predict for new data, one line of CSV for each example."""
    with boundary(debug):
        from searchitect import api

        found = None if space is None else load_space(space)
        try:
            rows = api.predict(study, file, store=store, space=found)
        except ExportError as error:
            if found is None and "space=" in (error.hint or ""):  # the hint is for a program; here it is an option
                raise ExportError(error.message, hint="name the class: --space FILE.py:CLASS") from error
            raise
        typer.echo(json.dumps(rows, ensure_ascii=False) if as_json else text.as_csv(rows), nl=as_json)


def migrate(
    study: StudyName,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Name of the new study, in the same store.")],
    space: Annotated[
        str, typer.Option(metavar="SPACE", help="The space as it is now: FILE.py:CLASS (trusted: it is run) or a name.")
    ],
    drop: Annotated[bool, typer.Option("--drop", help="Leave trials behind that cannot be carried over.")] = False,
    store: Store = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Carry the search of a study over into a new study, after its space has grown or shrunk."""
    with boundary(debug):
        from searchitect import api
        from searchitect.storage.urls import masked

        found = api.migrate(study, new, space=space, store=store, drop=drop)
        where = "" if store is None else f" --store {masked(store)}"
        lines = [*found.lines(), f"to go on: searchitect resume {new}{where}"]
        typer.echo(text.as_json(found.document()) if as_json else "\n".join(lines))


def _trial(result: Result, number: int) -> Trial:
    if 0 <= number < len(result.trials):
        return result.trials[number]
    raise ConfigError(
        f"study {result.study!r} has no trial {number}", hint=f"it has trials 0 to {len(result.trials) - 1}"
    )
