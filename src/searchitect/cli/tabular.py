"""`tabular`: tables made of what others published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from searchitect.cli.exits import boundary
from searchitect.cli.options import Debug

__all__ = ["tabular"]

tabular = typer.Typer(
    help="Make tables of published benchmark files.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)


@tabular.callback()
def _tabular() -> None:
    """Make tables of published benchmark files."""


@tabular.command("import")
def import_table(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="NATS-Bench: the unpacked '-simple' folder, or the one file.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Parquet file to write; a .toml goes beside it.")],
    debug: Debug = False,
) -> None:
    """Read an official benchmark without running its code; write a compact table and its description."""
    with boundary(debug):
        from searchitect.tabular.nats import import_nats

        rows = import_nats(source, out)
        typer.echo(f"{rows:,} architectures; try: searchitect compare --benchmark {out.with_suffix('.toml')}")
