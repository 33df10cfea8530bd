"""The commands, by name."""

from __future__ import annotations

from typing import Annotated

import typer

from searchitect import __version__
from searchitect.cli import calibrating, comparing, explaining, listing, measuring, pruning, running, studies, verifying
from searchitect.cli.store import store
from searchitect.cli.supernet import supernet
from searchitect.cli.tabular import tabular

__all__ = ["app"]

app = typer.Typer(
    name="searchitect",
    help="Search for a neural network that fits your data, within a budget; get it trained, confirmed and exported.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: two columns stay readable, and an error is one sentence
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: searchitect run digits --budget 90s",
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"searchitect {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Search for a neural network that fits your data, within a budget; get it trained, confirmed and exported."""


app.command("run")(running.run)
app.command("plan")(running.plan)
app.command("resume")(running.resume)
app.command("doctor")(running.doctor)
app.command("compare")(comparing.compare)
app.command("measure")(measuring.measure)
app.command("calibrate")(calibrating.calibrate)
app.command("list")(listing.list_names)
app.command("show")(studies.show)
app.command("report")(studies.report)
app.command("explain")(explaining.explain)
app.command("export")(studies.export)
app.command("predict")(studies.predict)
app.command("verify")(verifying.verify)
app.command("migrate")(studies.migrate)
app.command("prune")(pruning.prune)
app.add_typer(store, name="store")
app.add_typer(supernet, name="supernet")
app.add_typer(tabular, name="tabular")
