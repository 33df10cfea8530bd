from __future__ import annotations

import dataclasses
import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from searchitect.errors import MissingExtraError
from searchitect.report import write_comparison
from searchitect.report.curves import curves
from searchitect.tabular.comparing import compare
from searchitect.tabular.comparison import Comparison, Row
from searchitect.tabular.entries import Entry
from tests.report.test_browser import BROWSER, opened
from tests.tabular.planted import Planted

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(Planted(), "regularized_evolution,random,grid", trials=40, seeds=3, noise=1.0, within=5.0)


class Texts(HTMLParser):
    """The text of every table cell, row by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data


def test_the_page_holds_the_figures_of_the_document(comparison: Comparison, tmp_path: Path) -> None:
    page = write_comparison(comparison, tmp_path / "deep" / "page.html").read_text("utf-8")
    rows = Texts(page).rows
    document = comparison.document()
    for row in document["rows"]:
        spread = row["at"]["40"]
        (line,) = (cells for cells in rows if cells[0] == row["strategy"] and "±" in cells[1])
        assert line[-1] == f"{spread['mean']:.2f} ± {spread['std']:.2f}"
        assert any(cells[0] == row["strategy"] and cells[1] == f"{row['rank']:.2f}" for cells in rows)
    assert ["strategy", "20", "40"] in rows
    assert any(cells[0] == "processor" for cells in rows)
    assert "--trials 40 --seeds 3 --signal valid" in page


def test_the_page_needs_no_network(comparison: Comparison, tmp_path: Path) -> None:
    page = write_comparison(comparison, tmp_path / "page.html").read_text("utf-8")
    outside = page[: page.index("plotly.js v")] + page[page.rindex("</script>") :]
    assert re.findall(r"""(?:src|href)=["'](?!#|data:)""", outside) == []
    assert len(page) < 6_000_000


def test_what_failed_is_told_and_nothing_is_markup(comparison: Comparison, tmp_path: Path) -> None:
    failed = Row(Entry("grid", {"x": EVIL}), (), EVIL)
    worse = dataclasses.replace(comparison, benchmark=EVIL, rows=(*comparison.rows, failed), notes=(EVIL,))
    page = write_comparison(worse, tmp_path / "page.html").read_text("utf-8")
    assert "<img src=x" not in page
    assert "failed in &lt;script&gt;" in page


def test_a_comparison_in_which_all_failed_is_still_a_page(comparison: Comparison, tmp_path: Path) -> None:
    nothing = dataclasses.replace(comparison, rows=(Row(Entry("grid"), (), "search 0: no"),))
    page = write_comparison(nothing, tmp_path / "page.html").read_text("utf-8")
    assert "No strategy finished its searches." in page


def test_the_curves_are_the_means_with_their_intervals(comparison: Comparison) -> None:
    figure = curves(comparison)
    value, distance, _ = figure.views
    lines = [trace for trace in value.data if "fill" not in trace]
    assert [line["name"] for line in lines] == [row.entry.label for row in comparison.rows]
    for line, row in zip(lines, comparison.rows, strict=True):
        assert line["x"] == [float(n) for n in range(1, 41)]
        assert line["y"] == pytest.approx([mean for mean, _ in comparison.curve(row)], rel=1e-5)
    mean, std = comparison.curve(comparison.rows[0])[-1]
    assert value.data[0]["y"][39] == pytest.approx(mean + 1.96 * std / 3**0.5, rel=1e-5)
    assert all(height > 0 for trace in distance.data for height in trace["y"] if height is not None)
    assert distance.layout["yaxis"]["type"] == "log"


def test_many_strategies_differ_in_colour_or_dash(comparison: Comparison) -> None:
    rows = tuple(Row(Entry("random", {}, n), comparison.rows[1].traces) for n in range(20))
    lines = [t for t in curves(dataclasses.replace(comparison, rows=rows)).views[0].data if "fill" not in t]
    assert len({(line["line"]["color"], line["line"]["dash"]) for line in lines}) == 20


def test_of_many_strategies_random_search_and_the_best_have_bands(comparison: Comparison) -> None:
    evolution, random, grid = comparison.rows
    rows = (*(Row(Entry("grid", {}, n), grid.traces) for n in range(6)), evolution, random)
    figure = curves(dataclasses.replace(comparison, rows=rows))
    banded = [trace["legendgroup"] for trace in figure.views[0].data if "fill" in trace]
    assert banded[:2] == ["random", "regularized_evolution"]
    assert len(banded) == 5
    assert "for random search and the 4 best" in figure.caption


def test_missing_packages_are_told(comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="report"):
        write_comparison(comparison, tmp_path / "page.html")


@pytest.mark.skipif(BROWSER is None, reason="needs chromium or chrome on the path")
def test_a_browser_draws_it_without_an_error(comparison: Comparison, tmp_path: Path) -> None:
    elements, console = opened(write_comparison(comparison, tmp_path / "page.html"), tmp_path)
    assert console == []
    assert elements.count('class="legendtext"') == 3
