"""Operation probabilities as they move: a live table on a terminal, one line for each epoch elsewhere; on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searchitect.supernet.gradient_result import SearchEpoch

__all__ = ["Shower", "headline", "probabilities", "strongest"]

Options = Mapping[str, tuple[Any, ...]]
Shower = Callable[["SearchEpoch", Options], None]

MOST_ROWS = 24
"""Decisions in the table; a terminal holds no more."""


@contextmanager
def probabilities(*, quiet: bool) -> Iterator[Shower]:
    """Yield what is to be called after every epoch of a gradient search."""
    if quiet:
        yield lambda entry, options: None
    elif sys.stderr.isatty():
        with _live() as shower:
            yield shower
    else:
        yield _print_line


def headline(entry: SearchEpoch) -> str:
    """One epoch in numbers: losses, how decided it is, how many skips are strongest."""
    searched = "" if entry.search_loss is None else f", search loss {entry.search_loss:.3f}"
    curvature = "" if entry.eigenvalue is None else f", eigenvalue {entry.eigenvalue:.3g}"
    return (
        f"run {entry.run + 1} epoch {entry.epoch}: train loss {entry.train_loss:.3f}{searched}, "
        f"entropy {entry.entropy:.2f}, skips {entry.skip_share:.0%}{curvature}"
    )


def strongest(entry: SearchEpoch, options: Options) -> str:
    """The most probable option of every decision, with its probability."""
    shown = []
    for path, shares in entry.probabilities.items():
        best = max(range(len(shares)), key=shares.__getitem__)
        shown.append(f"{path}={_label(options, path, best)} {shares[best]:.2f}")
    return " ".join(shown)


def _label(options: Options, path: str, index: int) -> str:
    known = options.get(path, ())
    return str(known[index]) if index < len(known) else f"#{index}"


def _print_line(entry: SearchEpoch, options: Options) -> None:
    sys.stderr.write(f"{headline(entry)} | {strongest(entry, options)}\n")
    sys.stderr.flush()


@contextmanager
def _live() -> Iterator[Shower]:
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False) as display:
        yield lambda entry, options: display.update(_table(entry, options), refresh=True)


def _table(entry: SearchEpoch, options: Options) -> Any:
    """One row for each decision, one cell for each option, the most probable one bold."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=headline(entry), title_justify="left", box=None, pad_edge=False)
    table.add_column("decision")
    for _ in range(max((len(shares) for shares in entry.probabilities.values()), default=0)):
        table.add_column()
    for path, shares in list(entry.probabilities.items())[:MOST_ROWS]:
        top = max(shares)
        cells = [
            Text(f"{_label(options, path, i)} {share:.2f}", style="bold" if share == top else "dim")
            for i, share in enumerate(shares)
        ]
        table.add_row(Text(path), *cells)
    left = len(entry.probabilities) - MOST_ROWS
    if left > 0:
        table.add_row(Text(f"and {left} more"))
    return table
