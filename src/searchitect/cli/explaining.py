"""`explain`: why this architecture, on one page and in five sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchitect.cli import text
from searchitect.cli.exits import boundary
from searchitect.cli.options import Debug, Json, Store, option
from searchitect.config import load_space
from searchitect.errors import ConfigError

if TYPE_CHECKING:
    from searchitect.explain.explanation import Explanation
    from searchitect.result import Result

__all__ = ["explain"]

PAGE = "explanation.html"


def explain(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="Name of a study; see `list studies`.", show_default=False)
    ] = None,
    trial: Annotated[
        int | None,
        typer.Argument(metavar="[TRIAL]", help="Number of a trial; default: the best.", show_default=False),
    ] = None,
    benchmark: Annotated[str | None, option("Explain a published table instead of a study.", "NAME")] = None,
    objective: Annotated[str | None, option("What is explained; default: the first objective.", "NAME")] = None,
    baseline: Annotated[
        str,
        typer.Option(metavar="START", help="Where the way to the winner begins: default, first or a number."),
    ] = "default",
    limit: Annotated[
        list[str] | None, option("Ask what another limit would cost: 'latency_ms<=20'; repeat for more.", "LIMIT")
    ] = None,
    inputs: Annotated[
        Path | None, option("Examples for the maps of the model, as for `predict`.", "FILE", "--input")
    ] = None,
    method: Annotated[list[str] | None, option("Only these maps; repeat for more.", "NAME")] = None,
    model: Annotated[bool, typer.Option("--model/--no-model", help="Explain the trained model too.")] = True,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="Processor time after which no more of the model is explained.")
    ] = 60.0,
    space: Annotated[
        str | None, option("Your own space of the study, FILE.py:CLASS (trusted: the file is run).", "SPACE")
    ] = None,
    data: Annotated[Path | None, option("Folder in which tables lie, for --benchmark.", "DIR")] = None,
    lang: Annotated[str, typer.Option(metavar="LANG", help="Language of the page: en or zh.")] = "en",
    out: Annotated[Path | None, option("Where to write the page; default: the run folder.", "FILE")] = None,
    tensorboard: Annotated[Path | None, option("Write the study for TensorBoard too.", "DIR")] = None,
    store: Store = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Explain a study or a table: which decisions matter, rules, the way to the winner, what the model looks at."""
    with boundary(debug):
        from searchitect import api

        if (study is None) == (benchmark is None):
            raise ConfigError("name a study or a table", hint="searchitect explain STUDY, or --benchmark NAME")
        if benchmark is not None:
            if tensorboard is not None:
                raise ConfigError("a table has no runs for TensorBoard", hint="leave --tensorboard out")
            found = api.explain_table(benchmark, measurement=objective, data=data, language=lang)
            _finish(found, out or Path(f"explanation-{_plain(benchmark)}.html"), as_json)
            return
        assert study is not None
        own = None if space is None else load_space(space)
        result = api.open_result(study, store, space=own)
        found = api.explain(
            result, objective=objective, trial=trial, baseline=_start(baseline), limits=limit or (), model=model,
            inputs=inputs, methods=method, space=own, store=store, language=lang, seconds=seconds,
        )  # fmt: skip
        _finish(found, out or (result.folder or Path()) / PAGE, as_json)
        if tensorboard is not None:
            _write_runs(result, found, tensorboard)


def _start(typed: str) -> str | int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else typed


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in Path(name).stem[:80])


def _finish(found: Explanation, page: Path, as_json: bool) -> None:
    """Write the page and say it in five sentences, or print the document alone."""
    if as_json:
        typer.echo(text.as_json(found.document()))
        return
    try:
        written = found.write(page)
    except OSError as error:
        raise ConfigError(f"the page {page} cannot be written: {error.strerror}", hint="--out FILE") from error
    lines = [f"{number}. {sentence}" for number, sentence in enumerate(found.sentences, 1)]
    lines += [f"not explained: {part}: {why}" for part, why in found.refused.items()]
    typer.echo("\n".join([*lines, f"page: {written}"]))


def _write_runs(result: Result, found: Explanation, folder: Path) -> None:
    from searchitect.report import graph_of
    from searchitect.report.explained_model import map_pictures
    from searchitect.report.tensorboard import write_tensorboard

    graph = None
    if result.best is not None and result.best.folder is not None:
        loaded = result.best.loaded
        graph = graph_of(loaded.model, loaded.example())
    maps = None if found.model is None else map_pictures(found.model)
    for note in write_tensorboard(result, folder, graph=graph, maps=maps):
        typer.echo(note)
    typer.echo(f"for TensorBoard: tensorboard --logdir {folder}")
