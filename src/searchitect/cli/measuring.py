"""`measure`: latencies on this machine, and the networks to be measured on another one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from searchitect.cli import text
from searchitect.cli.exits import boundary
from searchitect.cli.options import Debug, Json, option
from searchitect.errors import ConfigError

__all__ = ["measure"]

_Models = Annotated[
    list[str] | None, typer.Argument(metavar="MODELS...", help="ONNX files, or folders that hold some: run folders.")
]
_Out = Annotated[str | None, option("The table [default: latencies.csv]; with --models-for the folder.", "FILE")]
_For = Annotated[str | None, option("Write networks of this space to be measured elsewhere; measure none.", "SPACE")]
_Task = Annotated[str | None, option("With --models-for: whose inputs they take [default: digits].", "TASK")]


def measure(
    models: _Models = None,
    out: _Out = None,
    repeats: Annotated[int, typer.Option(metavar="N", help="Timed passes of each model; all are kept.")] = 100,
    threads: Annotated[int, typer.Option(metavar="N", help="Threads within one operation.")] = 1,
    device: Annotated[str | None, option("What to call this machine.", "NAME")] = None,
    models_for: _For = None,
    task: _Task = None,
    count: Annotated[int, typer.Option(metavar="N", help="With --models-for: how many networks.")] = 30,
    seed: Annotated[int, typer.Option(metavar="N", help="With --models-for: same seed, same networks.")] = 0,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure how long ONNX models take on this machine.

    Another board needs numpy, onnxruntime and one file of this package alone: searchitect/hardware/measure_onnx.py.
    """
    with boundary(debug):
        from searchitect import api

        if models_for is not None:
            if models:
                raise ConfigError("--models-for writes networks and measures none", hint="leave the models out")
            written = api.write_models(models_for, out or "networks", task=task, count=count, seed=seed)
            document = [{"file": name, "architecture": found.digest()} for name, found in written]
            lines = [f"{len(written)} networks lie in {out or 'networks'}; to measure them: searchitect measure FOLDER"]
            typer.echo(text.as_json({"models": document}) if as_json else "\n".join(lines))
            return
        if not models:
            raise ConfigError("which models?", hint="searchitect measure FOLDER, or FILE.onnx")
        table = out or "latencies.csv"
        measured, refused = api.measure(models, table, repeats=repeats, threads=threads, device=device)
        rows = [row.row(device or "") for row in measured]
        if as_json:
            typer.echo(text.as_json({"measured": rows, "refused": dict(refused), "file": Path(table).name}))
            return
        typer.echo("\n".join(f"{row.median_ms:10.4g} ms  {row.model}" for row in measured))
        for name, reason in refused:
            typer.echo(f"not measured: {name}: {reason}", err=True)
