"""`write_explanation`: the page of an explanation, and its numbers as JSON beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect import __version__
from searchitect.explain.sentences import counted
from searchitect.explain.wording import words
from searchitect.report.explained_decisions import around_rows, importance_rows, path_rows, rule_rows
from searchitect.report.explained_model import model_figures, model_rows
from searchitect.report.explained_search import search_figures, search_rows
from searchitect.report.numbers import shortened
from searchitect.report.page import as_data, demand_extra, drawn, rendered

if TYPE_CHECKING:
    from searchitect.explain.explanation import Explanation

__all__ = ["MAX_BYTES", "write_explanation"]

MAX_BYTES = 8_000_000

Json = dict[str, Any]


def write_explanation(explanation: Explanation, page: Path) -> Path:
    """Write the page and `page` with the ending `.json`; parent folders are made. Return the page's path.

    The page needs no network. Its first screen is five sentences.

    Raises:
        MissingExtraError: plotly or jinja2 is not installed.
        OSError: a file cannot be written.
    """
    demand_extra("the page of an explanation")
    beside = page.with_suffix(".json")
    text = rendered("explanation.html.j2", _parts(explanation, beside))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, "utf-8")
    beside.write_text(json.dumps(explanation.document(), ensure_ascii=False, allow_nan=False), "utf-8")
    return page


def _parts(explanation: Explanation, beside: Path) -> Json:
    say = words(explanation.language)
    outcome = explanation.outcome
    figures, curves = search_figures(explanation, say), model_figures(explanation, say)
    count = counted(explanation, outcome.rows, say)
    strategy = [] if outcome.strategy is None else [say("page.strategy", name=outcome.strategy)]
    return {
        "language": explanation.language,
        "study": shortened(outcome.name, 120),
        "subtitle": [say("page.explanation"), count, *strategy, say("page.of", objective=explanation.objective.name)],
        "say": {name: say.table(name) for name in ("page", "sections", "importance", "rules", "path", "around")}
        | {name: say.table(name) for name in ("search", "model", "missing")},
        "sentences": explanation.sentences,
        "importance": importance_rows(explanation, say),
        "rules": rule_rows(explanation, say),
        "path": path_rows(explanation, say),
        "around": around_rows(explanation, say),
        "search": search_rows(explanation, say),
        "figures": figures,
        "model": model_rows(explanation, say),
        "curves": curves,
        "figure_data": as_data({f.name: drawn(f) for f in (*figures, *curves)}),
        "after_text": as_data(say.table("page")["after"]),
        "decision_data": as_data({}),
        "missing": [(say.table("missing").get(part, part), why) for part, why in explanation.refused.items()],
        "made_by": say("page.made_by", version=__version__, json=beside.name),
    }
