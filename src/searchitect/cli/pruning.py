"""`prune`: what a search leaves out, and the user's word on it."""

from __future__ import annotations

from typing import Annotated

import typer

from searchitect.cli import text
from searchitect.cli.exits import boundary
from searchitect.cli.options import Debug, Json, Store, StudyName

__all__ = ["prune"]


def prune(
    study: StudyName,
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="PATH=OPTION", help="Leave this option out; repeat for more.")
    ] = None,
    bring_back: Annotated[
        list[str] | None, typer.Option(metavar="PATH=OPTION", help="Bring this option back; repeat for more.")
    ] = None,
    store: Store = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a search with --prune-space leaves out and why, leave options out, or bring them back."""
    with boundary(debug):
        from searchitect import api

        notes = api.prune(study, leave_out=leave_out or (), bring_back=bring_back or (), store=store)
        typer.echo(text.as_json(notes) if as_json else "\n".join(notes) or "nothing is left out")
