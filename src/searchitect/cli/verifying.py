"""`verify`: ask for every proposal again, run some trials again, and say in one table what agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from searchitect.cli import text
from searchitect.cli.exits import ExitCode, boundary
from searchitect.cli.options import Debug, Json, Store, StudyName
from searchitect.errors import ConfigError

if TYPE_CHECKING:
    from searchitect.api import Verification

__all__ = ["verify"]


def verify(
    study: StudyName,
    sample: Annotated[str, typer.Option(metavar="N", help="How many trials are run again, or 'all'.")] = "3",
    trial: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Run this trial again too; repeat for more.", show_default=False),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(metavar="SHARE", help="What measurements may differ by where they need not be bit-equal.")
    ] = 0.05,
    store: Store = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Check a study against its journal: ask for every proposal again and run some trials again."""
    with boundary(debug):
        from searchitect import api

        found = api.verify(study, store, sample=_sample(sample), trials=trial or (), tolerance=tolerance)
        typer.echo(text.as_json(found.document()) if as_json else "\n".join(_lines(found)))
        if not found.agrees:
            raise typer.Exit(ExitCode.DIFFERS)


def _sample(typed: str) -> int | Literal["all"]:
    if typed == "all":
        return "all"
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise ConfigError(f"--sample is a number of trials, or 'all', got {typed!r}")
    return int(typed)


def _lines(found: Verification) -> list[str]:
    rows = [(what, f"{count:,}", f"{differ:,}", first) for what, count, differ, first in found.rows()]
    lines = text.table(("what", "compared", "differ", "first difference"), rows)
    if found.rehearsal.ended_early:
        lines.append("the rest of the journal could not be followed")
    asked = "trials had to be bit-equal" if found.exact else f"within {found.tolerance:g}, since {found.why_not}"
    return [*lines, f"it {'agrees' if found.agrees else 'does not agree'}; {asked}"]
