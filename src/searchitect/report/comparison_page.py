"""`write_comparison`: the page of a comparison: curves with bands, tables, tests, costs, and how to repeat it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect import __version__
from searchitect.report.curves import COLOURS, DASHES, curves
from searchitect.report.numbers import number, title
from searchitect.report.page import as_data, demand_extra, rendered
from searchitect.study.manifest import versions

if TYPE_CHECKING:
    from searchitect.tabular.comparison import Comparison

__all__ = ["write_comparison"]

Json = dict[str, Any]


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Write one self-contained HTML page and return its path; parent folders are made.

    Raises:
        MissingExtraError: plotly or jinja2 is not installed.
        OSError: the file cannot be written.
    """
    demand_extra("the comparison's page")
    document = comparison.document()
    rows = [row for row in document["rows"] if row["error"] is None]
    figure = curves(comparison)
    drawn = {"height": figure.height, "views": [{"data": v.data, "layout": v.layout} for v in figure.views]}
    parts = {
        "version": __version__,
        "document": document,
        "lead": _lead(document),
        "heading": _heading(document),
        "truth": title(document["truth"]),
        "figure": figure,
        "figure_data": as_data({figure.name: drawn} if figure.views else {}),
        "decision_data": as_data({}),
        "values": _values(document, rows),
        "tests": [_tested(document, row) for row in rows],
        "costs": [_costs(row) for row in rows],
        "failed": [row for row in document["rows"] if row["error"] is not None],
        "environment": _environment(),
        "command": _command(document),
        "marks": _marks(document["rows"]),
    }
    page = rendered("comparison.html.j2", parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")
    return path


def _heading(document: Json) -> str:
    best = next((row for row in document["rows"] if row["strategy"] == document["best"]), None)
    if best is None:
        return "No strategy finished its searches."
    end = str(document["trials"])
    reached = f"{_value(document, best['at'][end]['mean'])} on average after {end} evaluations"
    test = best["against_random"]
    if test is None:
        return f"Nothing did better than random search: {reached}."
    sure = "" if test["p"] < 0.05 else "; the difference to random search may be luck"
    return f"{best['strategy']} came out best: {reached}{sure}."


def _lead(document: Json) -> str:
    noise = f", with noise of standard deviation {document['noise']:g}" if document["noise"] else ""
    workers = f" on {document['workers']} simulated workers" if document["workers"] > 1 else ""
    return (
        f"{len(document['rows'])} strategies, {document['seeds']} searches of {document['trials']} evaluations each"
        f"{workers}. Strategies were told {title(document['signal_measurement'])}{noise}; what is reported is the true "
        f"{title(document['truth'])} of the best observed. The best in the table: "
        f"{_value(document, document['optimum'])}."
    )


def _value(document: Json, value: float) -> str:
    return f"{value:.2f}" if abs(document["optimum"]) >= 10 else f"{value:.4f}"


def _values(document: Json, rows: Sequence[Json]) -> list[Json]:
    """Rows of the first table: mean and deviation at each checkpoint, the best mean of each column marked."""
    checkpoints = [str(n) for n in document["checkpoints"]]
    pick = max if document["direction"] == "maximize" else min
    best = {n: pick(row["at"][n]["mean"] for row in rows) for n in checkpoints} if rows else {}
    lines = []
    for row in rows:
        lines.append(
            {"strategy": row["strategy"], "cells": [_cell(document, row["at"][n], best[n]) for n in checkpoints]}
        )
        if row["believed"]:
            cells = [_cell(document, row["believed"][n], None) for n in checkpoints]
            lines.append({"strategy": None, "cells": cells})
    return lines


def _cell(document: Json, spread: Mapping[str, float], best: float | None) -> Json:
    mean, std = _value(document, spread["mean"]), _value(document, spread["std"])
    return {"mean": mean, "std": std, "best": best is not None and mean == _value(document, best)}


def _tested(document: Json, row: Json) -> Json:
    return {
        "strategy": row["strategy"],
        "rank": f"{row['rank']:.2f}",
        "regret": number(row["regret_area"]["mean"]),
        "optimum": _queries(row["queries_to_optimum"], document["trials"]),
        "near": _queries(row["queries_to_near"], document["trials"]),
        "random": _against(row["against_random"]),
        "best": _against(row["against_best"]),
    }


def _queries(queries: Mapping[str, Any], trials: int) -> str:
    median, p90 = (f">{trials}" if queries[share] is None else str(queries[share]) for share in ("median", "p90"))
    return f"{median} · {p90}"


def _against(test: Mapping[str, float] | None) -> str:
    if test is None:
        return "–"
    p_value = "< 0.0001" if test["p"] < 1e-4 else f"{test['p']:.2g}"
    return f"{p_value} · {test['effect']:+.2f}"


def _costs(row: Json) -> Json:
    parts = [number(row["cost"][part]) for part in ("search", "validation", "final", "total")]
    return {"strategy": row["strategy"], "parts": parts, "time": number(row["time"])}


def _marks(rows: Sequence[Json]) -> dict[str, Json]:
    """Colour and dash of each strategy, as in the figure."""
    css = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "dashed"}
    return {
        row["strategy"]: {"colour": COLOURS[place % len(COLOURS)], "dash": css[DASHES[place // len(COLOURS) % 4]]}
        for place, row in enumerate(rows)
    }


def _command(document: Json) -> str:
    """What to type to get these figures again."""
    strategies = ",".join(row["strategy"] for row in document["rows"] if " #" not in row["strategy"])
    words = [
        f"searchitect compare --benchmark {document['benchmark']} --strategies '{strategies}'",
        f"--trials {document['trials']} --seeds {document['seeds']} --signal {document['signal']}",
        f"--noise {document['noise']:g} --within {document['within']:g} --workers {document['workers']}",
        f"--seed {document['seed']}",
    ]
    return " ".join(words)


def _environment() -> list[tuple[str, str]]:
    found = versions()
    for package in ("scipy", "optuna"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    system = f"{platform.system()} {platform.machine()}"
    return [*found.items(), ("system", system), ("processor", _processor()), ("cores", str(os.cpu_count()))]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:  # not Linux
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")
