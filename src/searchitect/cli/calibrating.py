"""`calibrate`: a device that is known by measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from searchitect.cli import text
from searchitect.cli.exits import boundary
from searchitect.cli.options import Debug, Json, option

__all__ = ["calibrate"]


def calibrate(
    latencies: Annotated[Path, typer.Argument(metavar="FILE.csv", help="What `measure` wrote on the device.")],
    networks: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What was measured: written by `measure --models-for`.")
    ],
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="The nearest from `list devices`: gives memory, flash and power.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE.json", help="The calibrated device, for --devices of a run.")
    ] = Path("device.json"),
    name: Annotated[str | None, option("What to call it, in latency_ms_NAME. Default: as the file.", "NAME")] = None,
    reference: Annotated[
        list[str] | None, option("A device that is known already; repeat for more. Default: those listed.", "DEVICE")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Learn a device from 10 to 50 measured networks."""
    with boundary(debug):
        from searchitect import api

        known = reference or None
        found = api.calibrate_with_report(latencies, networks, device=device, name=name, references=known, out=out)
        how = f"use it: searchitect run TASK --devices {out} --constraint 'latency_ms_{found.device.name}<=20'"
        typer.echo(text.as_json(found.document) if as_json else "\n".join((*found.lines, how)))
