"""`compare`: strategies side by side on a published table."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchitect.cli import text
from searchitect.cli.exits import ExitCode, boundary, stoppable
from searchitect.cli.options import Debug, Json, Limits, Quiet
from searchitect.errors import MissingExtraError

if TYPE_CHECKING:
    from searchitect.tabular.comparison import Comparison

__all__ = ["compare", "lines"]


_Benchmark = Annotated[
    str, typer.Option(metavar="NAME|FILE.toml", help="A published table, or a description of yours.")
]
_Strategies = Annotated[
    str, typer.Option(metavar="LIST", help="all, all+neural, or a,b(option=value); random is always added.")
]
_Trials = Annotated[int, typer.Option(metavar="N", help="Evaluations of each search.")]
_Seeds = Annotated[int, typer.Option(metavar="N", help="Searches of each strategy.")]
_Signal = Annotated[
    str | None,
    typer.Option(
        metavar="WORD", help="What strategies are told: valid, test, … Default: the table's first.", show_default=False
    ),
]
_Noise = Annotated[float, typer.Option(metavar="SD", help="Normal noise on the signal, in its unit.")]
_Within = Annotated[
    float | None,
    typer.Option(
        metavar="D",
        help="How near to the optimum is near, in the unit of the truth. Default: 0.1, of fractions 0.001.",
        show_default=False,
    ),
]
_Workers = Annotated[int, typer.Option(metavar="N", help="Simulated workers of each search.")]
_Jobs = Annotated[
    int | None,
    typer.Option(metavar="N", help="Processes; 0 runs in this one. Default: one for each core.", show_default=False),
]
_Seed = Annotated[int, typer.Option(metavar="N", help="Same seed, same figures.")]
_Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where the tables lie. Default: SEARCHITECT_DATA, then the cache folder.",
        show_default=False,
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The page. Default: runs/compare-BENCHMARK.html.", show_default=False),
]


def compare(
    benchmark: _Benchmark,
    strategies: _Strategies = "all",
    trials: _Trials = 300,
    seeds: _Seeds = 30,
    signal: _Signal = None,
    noise: _Noise = 0.0,
    within: _Within = None,
    workers: _Workers = 1,
    jobs: _Jobs = None,
    seed: _Seed = 0,
    data: _Data = None,
    constraint: Limits = None,
    out: _Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare strategies on a table: many seeds, equal noise, tests of what differs, and a page."""
    with boundary(debug), stoppable():
        from searchitect.tabular.comparing import compare as run

        following = _Following(quiet)
        comparison = run(
            benchmark,
            strategies,
            trials=trials,
            seeds=seeds,
            signal=signal,
            noise=noise,
            within=within,
            workers=workers,
            jobs=_cores() if jobs is None else jobs,
            seed=seed,
            data=data,
            constraints=constraint or (),
            on_progress=following.on_progress,
        )
        document = comparison.document()
        typer.echo(text.as_json(document) if as_json else "\n".join(lines(document)))
        following.say(_page(comparison, out))
        if not comparison.complete:
            raise typer.Exit(ExitCode.NOTHING_FOUND)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _page(comparison: Comparison, out: Path | None) -> str:
    """Write the page; without its packages that is only told, unless a file was asked for."""
    from searchitect.report import write_comparison

    try:
        path = write_comparison(
            comparison, out or Path("runs") / f"compare-{text.file_name(comparison.benchmark)}.html"
        )
    except MissingExtraError as error:
        if out is not None:
            raise
        return f"no page was written: {error}"
    return f"page: {path}"


class _Following:
    """Progress on stderr: a live line on a terminal, a line for each strategy elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._live = quiet, sys.stderr.isatty()
        self._begin = time.monotonic()

    def on_progress(self, strategy: str, done: int, of: int) -> None:
        if self._quiet:
            return
        seconds = time.monotonic() - self._begin
        line = f"{strategy}: {done} of {of} searches; {seconds:.0f} s so far"
        if self._live:
            sys.stderr.write(f"\r\x1b[2K{line}" + ("\n" if done == of else ""))
        elif done == of:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def say(self, sentence: str) -> None:
        if not self._quiet:
            typer.echo(sentence, err=True)


def lines(document: Mapping[str, Any]) -> list[str]:
    """The document as people read it."""
    rows = [row for row in document["rows"] if row["error"] is None]
    return [
        *_heading(document),
        "",
        f"{document['truth']} of the best observed, mean ± std over {document['seeds']} seeds, after N evaluations",
        *_values(document, rows),
        "",
        *_queries(document, rows),
        "",
        *_costs(document, rows),
        *_remarks(document),
    ]


def _heading(document: Mapping[str, Any]) -> list[str]:
    noise = f" with noise of sd {document['noise']:g}" if document["noise"] else ""
    workers = f", {document['workers']} simulated workers" if document["workers"] > 1 else ""
    return [
        f"{document['benchmark']}: {document['trials']} evaluations, {document['seeds']} seeds{workers}",
        f"told: {document['signal_measurement']}{noise}; optimum of {document['truth']}: {document['optimum']:.6g}",
    ]


def _values(document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    checkpoints = [str(n) for n in document["checkpoints"]]
    cells = []
    for row in rows:
        cells.append([row["strategy"], *(_spread(row["at"][n]) for n in checkpoints)])
        if row["believed"]:
            cells.append(["  its model's best", *(_spread(row["believed"][n]) for n in checkpoints)])
    return text.table(("strategy", *checkpoints), cells)


def _spread(value: Mapping[str, float]) -> str:
    digits = 2 if abs(value["mean"]) >= 10 else 4
    return f"{value['mean']:.{digits}f} ± {value['std']:.{digits}f}"


def _queries(document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    near = f"within {document['within']:g}"
    headers = (
        "strategy",
        "optimum after",
        "90 %",
        near,
        "90 %",
        "rank",
        "regret",
        "p, effect: random",
        "p, effect: best",
    )
    cells = [
        [
            row["strategy"],
            *_counts(row["queries_to_optimum"], document["trials"]),
            *_counts(row["queries_to_near"], document["trials"]),
            f"{row['rank']:.2f}",
            f"{row['regret_area']['mean']:.3g}",
            _test(row["against_random"]),
            _test(row["against_best"]),
        ]
        for row in rows
    ]
    return text.table(headers, cells)


def _counts(queries: Mapping[str, Any], trials: int) -> Iterator[str]:
    return (f">{trials}" if queries[share] is None else f"{queries[share]:g}" for share in ("median", "p90"))


def _test(test: Mapping[str, float] | None) -> str:
    return "–" if test is None else f"{test['p']:.2g}, {test['effect']:+.2f}"


def _costs(document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = ("search", "validation", "final", "total")
    cells = [[row["strategy"], *(text.measured(float(row["cost"][part])) for part in parts)] for row in rows]
    return text.table((f"cost of a search ({document['cost_unit']})", *parts), cells)


def _remarks(document: Mapping[str, Any]) -> Iterator[str]:
    for row in document["rows"]:
        if row["error"] is not None:
            yield f"failed     {row['strategy']}: {row['error']}"
    for note in document["notes"]:
        yield f"note       {note}"
