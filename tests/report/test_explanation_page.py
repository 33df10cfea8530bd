"""The page of an explanation on studies made by hand: failures, repeats, families."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from pathlib import Path

import pytest

from searchitect.api import explain
from searchitect.explain.explanation import Explanation
from searchitect.explain.wording import words
from searchitect.report.explained_search import search_rows
from searchitect.trial import Fidelity, Proposal, TrialState
from tests.report.studies import finished, trial


@pytest.fixture(scope="module")
def told() -> Explanation:
    """Sixty trials of which every third of the search descends from another and some failed, were cut or repeated."""
    study = finished()
    rng = random.Random(3)
    full = Fidelity.from_json(study.manifest["settings"]["fidelity"])
    trials = [dataclasses.replace(t, proposal=Proposal(t.architecture, full)) for t in study.trials]
    for number in range(3, 36, 3):
        if trials[number].is_complete and trials[number].reused is None:
            proposal = Proposal(trials[number].architecture, full, parent=number - 3)
            trials[number] = dataclasses.replace(trials[number], proposal=proposal)
    for number in range(len(trials), len(trials) + 6):  # a plague on one option
        ill = trial(number, "search", rng)
        decisions = {**ill.architecture.decisions, "pool": "Average"}
        decisions.pop("pool.Max.size", None)
        point = type(ill.architecture)("abc", decisions)
        broken = {"state": TrialState.FAILED, "measurements": {}, "reason": "out of memory"}
        trials.append(dataclasses.replace(ill, proposal=Proposal(point), **broken))
    return explain(dataclasses.replace(study, trials=tuple(trials)), model=False)


def test_failures_and_repeats_are_counted_by_option(told: Explanation) -> None:
    rows = search_rows(told, words())
    cells = {(row["name"], cell["option"]): cell for row in rows["options"] for cell in row["cells"]}
    average, largest = cells["pool", "Average"], cells["pool", "Max"]
    assert average["shade"] > largest["shade"]
    assert any(cell["reused"] for cell in cells.values())


def test_the_family_tree_is_drawn(told: Explanation, tmp_path: Path) -> None:
    page = told.write(tmp_path / "why.html").read_text("utf-8")
    assert 'id="plot-lineage"' in page
    assert 'id="plot-exploration"' in page
    assert "data-play" in page


def test_every_figure_has_a_place_and_every_place_a_figure(told: Explanation, tmp_path: Path) -> None:
    page = told.write(tmp_path / "why.html").read_text("utf-8")
    data = re.search(r'id="figure-data">(.*?)</script>', page).group(1)
    assert set(json.loads(data)) == set(re.findall(r'id="plot-([a-z0-9-]+)"', page))
