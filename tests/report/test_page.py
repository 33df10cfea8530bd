from __future__ import annotations

import dataclasses
import html
import importlib.util
import json
import random
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from searchitect.errors import MissingExtraError
from searchitect.objectives import Objective
from searchitect.report.graph import Edge, Graph, Node
from searchitect.report.page import MAX_BYTES, write_report
from searchitect.result import Best, Result
from searchitect.spaces.architecture import Architecture
from searchitect.study.verdict import Verdict
from searchitect.trial import Proposal, Trial, TrialState
from tests.report.studies import ACCURACY, SIZE, empty, finished, trial

EVIL = "<script>alert('x')</script></script><img src=x onerror=alert(1)> & \"quoted\""
GRAPH = Graph(
    (Node("input", "input", "input", (1, 8, 8)), Node("a", "Conv2d 3×3, 1 → 4", "convolution", (4, 8, 8), 40)),
    (Edge("input", "a"),),
)


class Elements(HTMLParser):
    """Counts elements and collects the names of attributes, as a browser would read them."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] += 1
        self.attributes.update(name for name, _ in attrs)


def page_of(result: Result, folder: Path, graph: Graph | None = None) -> str:
    return write_report(result, folder / "report.html", graph=graph).read_text("utf-8")


def without_plotly(page: str) -> str:
    """The page without the one bundled script, whose text is not ours."""
    scripts = re.findall(r"<script>.*?</script>", page, re.S)
    assert len(scripts) == 2
    return page.replace(max(scripts, key=len), "")


def data(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found.group(1))


def rows(page: str) -> list[str]:
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.S)
    return [] if body is None else re.findall(r"<tr data-n=.*?</tr>", body.group(1), re.S)


def test_the_page_is_self_contained_and_small_enough(tmp_path: Path) -> None:
    page = page_of(finished(), tmp_path, GRAPH)
    assert len(page.encode()) <= MAX_BYTES
    own = without_plotly(page)
    assert not re.search(r"""\b(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//""", own)
    assert not re.search(r"url\((?!#)|@import|<link(?! rel=\"icon\" href=\"data:,\")|<iframe|https?://", own)
    assert "default-src 'none'" in own


def test_the_page_has_the_verdict_its_figures_and_every_trial(tmp_path: Path) -> None:
    result = finished()
    page = page_of(result, tmp_path, GRAPH)
    assert html.escape(result.verdict.sentence) in page
    for figure in ("0.9861", "0.9843", "± 0.0016", "0.9815", "± 0.0029", "rbf svm", "0.9889", "+0.0028"):
        assert figure in page
    numbers = [int(re.search(r'data-n="(\d+)"', row)[1]) for row in rows(page)]  # type: ignore[index]
    assert sorted(numbers) == [t.number for t in result.trials]
    for failed in (t for t in result.trials if t.state is TrialState.FAILED):
        assert any(f'data-n="{failed.number}"' in row and str(failed.reason) in row for row in rows(page))
    assert "function sortBy" in page
    assert set(data(page, "figure-data")) == {"best-so-far", "trade-off", "curves", "confusion", "decisions"}


def test_the_handed_over_trial_is_marked_in_the_table(tmp_path: Path) -> None:
    result = finished()
    assert result.best is not None
    marked = [row for row in rows(page_of(result, tmp_path)) if 'class="best"' in row]
    assert len(marked) == 1
    assert f'data-n="{result.best.trial}"' in marked[0]


def test_the_graph_is_drawn_with_labels_shapes_and_parameters(tmp_path: Path) -> None:
    page = page_of(finished(), tmp_path, GRAPH)
    svg = re.search(r"<svg.*?</svg>", page, re.S)
    assert svg is not None
    for text in ("Conv2d 3×3, 1 → 4", "4 × 8 × 8", "40 parameters"):
        assert text in svg.group(0)
    assert "<svg" not in without_plotly(page_of(finished(), tmp_path))


def test_decisions_are_folded_into_data_that_reads_back(tmp_path: Path) -> None:
    result = finished()
    folded = data(page_of(result, tmp_path), "decision-data")
    for item in (result.trials[0], result.trials[-1]):
        form, *places = folded["rows"][str(item.number)]
        read = {folded["paths"][p]: folded["values"][v] for p, v in zip(folded["forms"][form], places, strict=True)}
        assert list(read) == list(item.architecture.decisions)
        assert read["stem"] == str(item.architecture["stem"])


def test_html_in_names_reasons_and_decisions_is_escaped_everywhere(tmp_path: Path) -> None:
    rng = random.Random(0)
    evil = Architecture("s", {EVIL: EVIL, "width": 3})
    other = Architecture("s", {EVIL: "tame", "width": 4})
    trials = (
        trial(0, "search", rng, evil, measurements={"accuracy": 0.5, "parameters": 3.0}),
        trial(1, EVIL, rng, other, state=TrialState.FAILED, measurements={}, reason=EVIL),
        trial(2, "search", rng, other, measurements={"accuracy": 0.6, "parameters": 5.0}),
    )
    graph = Graph((Node("input", EVIL, "input"), Node(EVIL, EVIL, "layer")), (Edge("input", EVIL),))
    hostile = dataclasses.replace(
        finished(),
        study=EVIL,
        trials=trials,
        best=Best(evil, 0, {"accuracy": 0.5, EVIL: 1.0}),
        labels=(EVIL,) * 10,
        verdict=Verdict("search_helped", EVIL, 0.1, (0.0, 0.2)),
        warnings=(EVIL,),
        files=(EVIL, f"../{EVIL}.txt"),
        stopped_by=EVIL,
        test_models={EVIL: {"metrics": {"accuracy": 0.9}, "std": {}, "seeds": 1}},
        ledger={EVIL: 3.0, "search": 1.0},
        manifest={
            "study": EVIL,
            "settings": {EVIL: EVIL},
            "strategy": {"name": EVIL},
            "clock": {"versions": {EVIL: EVIL}},
        },
    )
    page = page_of(hostile, tmp_path, graph)
    own = without_plotly(page)
    found = Elements()
    found.feed(own)
    assert found.count["script"] == 3, "ours without plotly, and no element came out of the data"
    assert found.count["img"] == 0
    assert not [name for name in found.attributes if name.startswith("on")]
    assert "<" not in re.search(r'id="figure-data">(.*?)</script>', own, re.S)[1]  # type: ignore[index]
    figures = json.dumps(data(page, "figure-data"))
    assert "<script" not in figures, "plotly reads a little HTML, so its strings are escaped inside the JSON too"
    assert "&lt;script" in figures


def test_a_study_without_any_trial_still_has_a_page(tmp_path: Path) -> None:
    page = page_of(empty(), tmp_path)
    assert "not finished" in page
    assert data(page, "figure-data") == {}
    assert rows(page) == []


def test_a_study_without_objectives_or_manifest_entries_still_has_a_page(tmp_path: Path) -> None:
    assert "not finished" in page_of(empty(objectives=(), manifest={}), tmp_path)


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.RUNNING, TrialState.INFEASIBLE, TrialState.PRUNED])
def test_a_study_without_a_complete_trial_shows_why(tmp_path: Path, state: TrialState) -> None:
    rng = random.Random(0)
    item = trial(0, "search", rng, state=state, measurements={}, reason="out of memory", reports=())
    page = page_of(empty(trials=(item,), counts={state.value: 1}), tmp_path)
    assert "out of memory" in rows(page)[0]
    assert "so there is no model" in page


def test_one_complete_trial_is_enough_for_a_page(tmp_path: Path) -> None:
    item = trial(0, "search", random.Random(0))
    result = empty(
        trials=(item,), best=Best(item.architecture, 0, item.measurements), front=(item,), counts={"complete": 1}
    )
    page = page_of(result, tmp_path)
    assert set(data(page, "figure-data")) == {"best-so-far", "trade-off", "curves"}
    assert "The model you are handed" in page


def test_without_a_test_split_the_figures_are_validation_figures(tmp_path: Path) -> None:
    result = dataclasses.replace(finished(), test={}, test_models={}, confusion=())
    page = page_of(result, tmp_path)
    assert "accuracy, validation data" in page
    assert "test data" not in without_plotly(page)
    assert "confusion" not in data(page, "figure-data")


def test_values_that_are_not_finite_never_reach_the_page(tmp_path: Path) -> None:
    result = finished()
    bad = dataclasses.replace(
        result.trials[0],
        measurements={"accuracy": float("nan"), "parameters": float("inf")},
        reports=((1, {"accuracy": float("nan")}), (2, {"accuracy": 0.5})),
        clock={"seconds": float("nan")},
    )
    changed = dataclasses.replace(
        result,
        trials=(bad, *result.trials[1:]),
        verdict=Verdict("no_difference", "x", 0.1, (float("-inf"), float("inf"))),
        ledger={"search": float("nan"), "random": 0.0},
    )
    own = without_plotly(page_of(changed, tmp_path))
    assert not re.search(r">\s*(nan|inf|-inf)\b|: ?NaN|Infinity", own)
    assert "unbounded" in own


def test_ten_thousand_trials_with_long_reasons_stay_within_six_megabytes(tmp_path: Path) -> None:
    rng = random.Random(0)
    point = Architecture("s", {f"layer.{i}.operation": f"a rather long name {i}" for i in range(80)})
    trials = []
    for number in range(10_000):
        item = trial(number, "search" if number % 2 else "random", rng) if number % 50 == 0 else None
        values = {"accuracy": rng.random(), "parameters": float(number), **{f"measure_{i}": 1.0 for i in range(20)}}
        if number % 3 == 0:
            item = Trial(number, Proposal(point), TrialState.FAILED, "k", 0, reason=f"{number}: " + "long " * 400)
        trials.append(item or Trial(number, Proposal(point), TrialState.COMPLETE, "k", 0, "search", values))
    confusion = tuple(tuple(int(i == j) for j in range(400)) for i in range(400))
    result = dataclasses.replace(finished(), trials=tuple(trials), confusion=confusion, labels=("name " * 40,) * 400)
    page = page_of(result, tmp_path, GRAPH)
    assert len(page.encode()) <= MAX_BYTES
    assert len(rows(page)) >= 250
    assert any("failed" in row for row in rows(page))
    assert "of 10,000 trials are shown" in page


def test_two_thousand_ordinary_trials_are_all_in_the_table(tmp_path: Path) -> None:
    page = page_of(finished(1_990), tmp_path)
    assert len(rows(page)) == 1_996
    assert len(page.encode()) <= MAX_BYTES


def test_several_objectives_and_a_minimised_one_are_drawn(tmp_path: Path) -> None:
    loss = Objective("log_loss", "minimize")
    page = page_of(finished(objectives=(loss, SIZE, ACCURACY)), tmp_path)
    assert "lower is better" in page
    assert "Of 3 objectives the first two are drawn" in page


def test_missing_packages_are_named_with_the_command_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "plotly" else found(name, *rest)
    )
    with pytest.raises(MissingExtraError, match=r"the report page needs the extra 'report'"):
        write_report(empty(), tmp_path / "report.html")


def test_times_are_headed_as_times_where_the_unit_stands_in_the_cell(tmp_path: Path) -> None:
    result = finished()
    assert result.best is not None
    best = dataclasses.replace(result.best, measurements={"accuracy": 0.9, "train_seconds": 3.44})
    page = page_of(dataclasses.replace(result, best=best), tmp_path)
    assert '<td>train time</td><td class="number">3.4 s</td>' in page


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "report.html"
    assert write_report(empty(), path) == path
    assert path.is_file()
