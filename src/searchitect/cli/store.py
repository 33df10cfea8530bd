"""`store`: is it whole, to a file and back, up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchitect.cli import text
from searchitect.cli.exits import ExitCode, boundary
from searchitect.cli.options import Debug, Json, Store

if TYPE_CHECKING:
    from searchitect.storage.checking import Health

__all__ = ["store"]

store = typer.Typer(
    help="Where studies are kept: check it, write it to a file, read it back, bring it up to date.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_File = Annotated[Path, typer.Argument(metavar="FILE", help="A file of JSON lines.")]


@store.command("check")
def check(store: Store = None, as_json: Json = False, debug: Debug = False) -> None:
    """Read everything in a store and say what is wrong; exit code 1 where something is."""
    with boundary(debug):
        from searchitect import api
        from searchitect.storage.checking import check_store

        health = check_store(api.opened(store))
        typer.echo(text.as_json(health.document()) if as_json else "\n".join(_lines(health)))
        if not health.is_sound:
            raise typer.Exit(ExitCode.ERROR)


@store.command("export")
def export(
    file: _File,
    study: Annotated[
        list[str] | None, typer.Option(metavar="STUDY", help="Only this; repeat for more.", show_default=False)
    ] = None,
    store: Store = None,
    debug: Debug = False,
) -> None:
    """Write studies to a file. Weights and pages stay in the run folders."""
    with boundary(debug):
        from searchitect import api
        from searchitect.storage.transfer import export_store

        done = export_store(api.opened(store), file, studies=study or ())
        typer.echo(f"{file}: {_count(len(done.studies), 'study', 'studies')}, {done.events:,} events")


@store.command("import")
def import_(file: _File, store: Store = None, debug: Debug = False) -> None:
    """Read studies from a file that `store export` wrote; the store is made where there is none."""
    with boundary(debug):
        from searchitect.api.opening import DEFAULT_STORE
        from searchitect.storage import open_store
        from searchitect.storage.transfer import import_store

        if store is None:
            Path(DEFAULT_STORE).parent.mkdir(parents=True, exist_ok=True)
        done = import_store(file, open_store(store or DEFAULT_STORE))
        typer.echo(f"{_count(len(done.studies), 'study', 'studies')}, {done.events:,} events written")


@store.command("upgrade")
def upgrade(store: Store = None, debug: Debug = False) -> None:
    """Bring a store of an older release to the form of this one; the first run that writes to it would, too."""
    with boundary(debug):
        from searchitect import api
        from searchitect.storage.sql import SCHEMA_VERSION, SqlStore

        found = api.opened(store)
        before = found.upgrade() if isinstance(found, SqlStore) else SCHEMA_VERSION
        done = "is up to date" if before == SCHEMA_VERSION else f"was version {before} and is up to date now"
        typer.echo(f"the store {done} (version {SCHEMA_VERSION})")


def _lines(health: Health) -> list[str]:
    rows = [
        (
            s.name,
            f"{s.events:,}",
            f"{s.ended:,}",
            str(len(s.open)),
            f"{len(s.problems)} problems" if s.problems else "ok",
        )
        for s in health.studies
    ]
    problems = [f"study {s.name}: {problem}" for s in health.studies for problem in s.problems]
    table = text.table(("study", "events", "trials ended", "open", ""), rows) if rows else ["no studies"]
    verdict = (
        "the store is whole"
        if health.is_sound
        else "the store is damaged: restore it from a copy, or export what is left"
    )
    return [*table, *(f"database: {damage}" for damage in health.damages), *problems, verdict]


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
