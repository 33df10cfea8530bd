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


_Study = Annotated[
    str | None, typer.Argument(metavar="STUDY", help="Name of a study; see `list studies`.", show_default=False)
]
_Trial = Annotated[
    int | None, typer.Argument(metavar="[TRIAL]", help="Number of a trial; default: the best.", show_default=False)
]
_Benchmark = Annotated[str | None, option("Explain a published table instead of a study.", "NAME")]
_Objective = Annotated[str | None, option("What is explained; default: the first objective.", "NAME")]
_Baseline = Annotated[
    str, typer.Option(metavar="START", help="Where the way to the winner begins: default, first or a number.")
]
_Limits = Annotated[
    list[str] | None, option("Ask what another limit would cost: 'latency_ms<=20'; repeat for more.", "LIMIT")
]
_Inputs = Annotated[Path | None, option("Examples for the maps of the model, as for `predict`.", "FILE", "--input")]
_Methods = Annotated[list[str] | None, option("Only these maps; repeat for more.", "NAME")]
_Gradients = Annotated[Path | None, option("Folder of a gradient search: show its operation probabilities.", "DIR")]
_Model = Annotated[bool, typer.Option("--model/--no-model", help="Explain the trained model too.")]
_Seconds = Annotated[
    float, typer.Option(metavar="S", help="Processor time after which no more of the model is explained.")
]
_Space = Annotated[str | None, option("Your own space, FILE.py:CLASS (trusted: the file is run).", "SPACE")]
_Data = Annotated[Path | None, option("Folder in which tables lie, for --benchmark.", "DIR")]
_Language = Annotated[str, typer.Option(metavar="LANG", help="Language of the page: en or zh.")]
_Out = Annotated[Path | None, option("Where to write the page; default: the run folder.", "FILE")]
_TensorBoard = Annotated[Path | None, option("Write the study for TensorBoard too.", "DIR")]


def explain(
    study: _Study = None,
    trial: _Trial = None,
    benchmark: _Benchmark = None,
    objective: _Objective = None,
    baseline: _Baseline = "default",
    limit: _Limits = None,
    inputs: _Inputs = None,
    method: _Methods = None,
    gradients: _Gradients = None,
    model: _Model = True,
    seconds: _Seconds = 60.0,
    space: _Space = None,
    data: _Data = None,
    lang: _Language = "en",
    out: _Out = None,
    tensorboard: _TensorBoard = None,
    store: Store = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Explain a study or a table: which decisions matter, rules, the way to the winner, what the model looks at."""
    with boundary(debug):
        from searchitect import api
        from searchitect.explain.wording import words

        words(lang)  # refuse an unknown language before anything is read
        if (study is None) == (benchmark is None):
            raise ConfigError("name a study or a table", hint="searchitect explain STUDY, or --benchmark NAME")
        if benchmark is not None:
            if tensorboard is not None:
                raise ConfigError("a table has no runs for TensorBoard", hint="leave --tensorboard out")
            found = api.explain_table(benchmark, measurement=objective, data=data, language=lang)
            _finish(found, out or Path(f"explanation-{text.file_name(found.outcome.name)}.html"), as_json)
            return
        assert study is not None
        own = None if space is None else load_space(space)
        result = api.open_result(study, store, space=own)
        found = api.explain(
            result, objective=objective, trial=trial, baseline=_start(baseline), limits=limit or (), model=model,
            inputs=inputs, methods=method, gradients=gradients, space=own, store=store, language=lang, seconds=seconds,
        )  # fmt: skip
        _finish(found, out or (result.folder or Path()) / PAGE, as_json)
        if tensorboard is not None:
            _write_runs(result, found, tensorboard, quiet=as_json)


def _start(typed: str) -> str | int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else typed


def _finish(found: Explanation, page: Path, as_json: bool) -> None:
    """Write the page and say it in five sentences, or print the document alone."""
    if as_json:
        typer.echo(text.as_json(found.document()))
        return
    from searchitect.explain.wording import words

    try:
        written = found.write(page)
    except OSError as error:
        raise ConfigError(f"the page {page} cannot be written: {error.strerror}", hint="--out FILE") from error
    say = words(found.language)
    lines = [f"{number}. {sentence}" for number, sentence in enumerate(found.sentences, 1)]
    lines += [say("missing.line", part=say(f"missing.{part}"), why=why) for part, why in found.refused.items()]
    typer.echo("\n".join([*lines, say("page.written", page=written)]))


def _write_runs(result: Result, found: Explanation, folder: Path, *, quiet: bool) -> None:
    from searchitect import api
    from searchitect.report.explained_model import map_pictures
    from searchitect.report.tensorboard import write_tensorboard

    maps = None if found.model is None else map_pictures(found.model)
    notes = write_tensorboard(result, folder, graph=api.graph_of_best(result), maps=maps)
    typer.echo("\n".join([*notes, f"for TensorBoard: tensorboard --logdir {folder}"]), err=quiet)
