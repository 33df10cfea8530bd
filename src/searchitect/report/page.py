"""`write_report`: the page itself, put together from its parts and kept under six megabytes."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect import __version__
from searchitect.errors import MissingExtraError
from searchitect.report import sections
from searchitect.report.elites import archive
from searchitect.report.figures import Figure, best_so_far, learning_curves, trade_off
from searchitect.report.parallel import confusion_matrix, parallel_coordinates
from searchitect.report.proxies import trust
from searchitect.report.tables import Table, trials_table

if TYPE_CHECKING:
    from searchitect.report.graph import Graph
    from searchitect.result import Result

__all__ = ["MAX_BYTES", "MAX_ROWS", "as_data", "demand_extra", "drawn", "rendered", "write_report"]

MAX_BYTES = 6_000_000
MAX_ROWS = 2_000
MAX_FOLDED = 60
"""Decisions kept per row of the table."""

_FIGURES_LEAD = (
    "The search saw validation data only; of the figures below, the confusion matrix alone is from the test split."
)
TEMPLATES = Path(__file__).parent / "templates"
Json = dict[str, Any]


def write_report(result: Result, path: Path, *, graph: Graph | None = None) -> Path:
    """Write one self-contained HTML page and return its path; parent folders are made.

    The page needs no network and stays within `MAX_BYTES`: figures are thinned, and a large study shows its best
    trials and some of those that failed.

    Args:
        graph: the handed-over model from `graph_of`; without it the page lists the decisions only.

    Raises:
        MissingExtraError: plotly or jinja2 is not installed.
        OSError: the file cannot be written.
    """
    demand_extra("the report page")
    fixed = _fixed_parts(result, path, graph)
    for rows in (MAX_ROWS, 1000, 500, 250, 100, 25):
        page = _render(fixed, result, trials_table(result, rows)).encode()
        if len(page) <= MAX_BYTES:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(page)
    return path


def demand_extra(what: str) -> None:
    """Raise MissingExtraError where plotly or jinja2, of which every page is made, is not installed."""
    for package in ("plotly", "jinja2"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(what, "report")


def _fixed_parts(result: Result, path: Path, graph: Graph | None) -> Json:
    """Everything but the table of trials, whose length depends on the room that is left."""
    makers = (best_so_far, archive, trade_off, learning_curves, confusion_matrix, parallel_coordinates)
    figures = [figure for make in makers if (figure := make(result)) is not None]
    return {
        **sections.top(result),
        "version": __version__,
        "model": sections.model(result, graph, path),
        "figures": figures,
        "figures_lead": _FIGURES_LEAD,
        "figure_data": as_data({f.name: drawn(f) for f in figures if f.views}),
        "budget": sections.budget(result),
        "proxies": trust(result),
        "practice": sections.practice(result),
        "again": sections.again(result),
    }


def drawn(figure: Figure) -> Json:
    """A figure as the script of a page reads it."""
    views = [{"data": view.data, "layout": view.layout} for view in figure.views]
    return {"height": figure.height, "views": views}


def _render(fixed: Json, result: Result, table: Table) -> str:
    own = {"trials": sections.trials(result, table), "decision_data": as_data(_folded(table))}
    return rendered("report.html.j2", fixed | own)


def rendered(template: str, parts: Json) -> str:
    """Return a page of ours, with style, scripts and plotly put in: it needs no network.

    Everything in `parts` is escaped unless it comes from `as_data`.
    """
    import jinja2
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
    )
    own = {
        "style": Markup((TEMPLATES / "style.css").read_text("utf-8")),
        "script": Markup((TEMPLATES / "page.js").read_text("utf-8")),
        "plotly": Markup(get_plotlyjs().replace("</script", "<\\/script")),
    }
    return environment.get_template(template).render(parts | own)


def _folded(table: Table) -> Json:
    """The decisions of all rows, each path and value written once: a row is its form and the places of its values."""
    paths: dict[str, int] = {}
    values: dict[str, int] = {}
    forms: dict[tuple[int, ...], int] = {}
    rows: dict[int, Sequence[int]] = {}
    for row in table.rows:
        items = list(row.decisions.items())[:MAX_FOLDED]
        form = tuple(paths.setdefault(path[:120], len(paths)) for path, _ in items)
        places = [values.setdefault(_short(value), len(values)) for _, value in items]
        rows[row.number] = [forms.setdefault(form, len(forms)), *places]
    return {"paths": list(paths), "values": list(values), "forms": list(forms), "rows": rows}


def _short(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def as_data(value: Any) -> Any:
    """JSON that is safe inside a script element: no `<`, no `&`, no line separators of JavaScript."""
    from markupsafe import Markup

    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
