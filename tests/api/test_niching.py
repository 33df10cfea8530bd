"""Searches for niches through the front door: what they measure, what they return, and how they go on."""

import json

import pytest

import searchitect as sa
from searchitect.cli import main
from searchitect.errors import ConfigError
from searchitect.storage import open_store
from tests.api.test_every_strategy import Either

NESTED = {"nested": {"parameters": [40, 80, 160]}}
QUIET = {"workers": 0, "confirm_seeds": 1, "recipe": sa.Recipe(epochs=1)}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A search by real training, with random search beside it."""
    folder = tmp_path_factory.mktemp("niches")
    return sa.search(
        "iris", Either, strategy="map_elites", options={"niches": NESTED, "initial": 4}, trials=10, name="niches",
        store=str(folder / "s.db"), folder=folder / "run", **QUIET,
    )  # fmt: skip


def test_the_result_holds_the_best_trial_of_every_niche(result):
    elites = result.elites()
    assert [member.niche for member in elites] == ["parameters<=40", "parameters<=80", "parameters<=160"]
    searched = [t for t in result.trials if t.phase == "search" and t.is_complete]
    for limit, member in zip((40, 80, 160), elites, strict=True):
        inside = [t.measurements["accuracy"] for t in searched if t.measurements["parameters"] <= limit]
        assert member.value == max(inside, default=None)
        if member.trial is not None:
            assert member.features == {"parameters": member.trial.measurements["parameters"]}
    assert elites["parameters<=160"].value == elites[2].value
    assert 0 < elites.coverage <= 1
    assert elites.qd_score >= 0


def test_random_search_has_elites_too_and_any_other_niches_can_be_asked_of_a_result(result):
    assert result.elites(phase="random").phase == "random"
    cells = result.elites({"grid": {"parameters": [100], "learning_rate": [0.005]}})
    assert len(cells) == 4
    with pytest.raises(ConfigError, match="no trial of the study tells 'parameter'\n.*did you mean 'parameters'"):
        result.elites(["parameter<=5"])


def test_the_elites_stand_in_the_document_and_on_the_page(result):
    document = json.loads(json.dumps(result.document()))["elites"]
    assert document["features"] == ["parameters"]
    assert [row["niche"] for row in document["niches"]] == ["parameters<=40", "parameters<=80", "parameters<=160"]
    page = (result.folder / "report.html").read_text("utf-8")
    assert "The best of every niche" in page


def test_a_search_without_niches_says_so(tmp_path):
    found = sa.search(
        space=Either, evaluate=lambda m: 1.0, strategy="random", trials=3, store="memory:", folder=tmp_path
    )
    assert found.document()["elites"] is None
    with pytest.raises(ConfigError, match="this search had no niches"):
        found.elites()


def test_cells_are_made_once_and_stand_in_the_manifest(tmp_path):
    asked = {
        "space": Either, "evaluate": scored, "objectives": ["score"], "strategy": "cvt_map_elites", "name": "cells",
        "options": {"features": ["body.Wide.width", "active_decisions"], "count": 3, "samples": 200}, "trials": 8,
        "random_search": False, "confirm_seeds": 0,
    }  # fmt: skip
    store, ends = str(tmp_path / "s.db"), []

    def interrupted(event):
        if event["kind"] == "end" and (ends.append(event) or len(ends) == 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sa.search(**asked, store=store, on_event=interrupted)
    whole, resumed = sa.search(**asked, store="memory:"), sa.search(**asked, store=store)
    assert len(whole.niches["centres"]) == 3
    assert resumed.niches == whole.niches
    assert [t.key for t in resumed.trials] == [t.key for t in whole.trials]


def scored(instance):
    return float(len(sa.Architecture.of(instance)))


def test_a_feature_that_only_the_trial_tells_is_kept_even_if_it_is_of_the_clock(tmp_path):
    found = sa.search(
        "iris", Either, strategy="bop_elites", options={"niches": ["train_seconds<=1000"], "initial": 3}, trials=4,
        store=str(tmp_path / "s.db"), name="clock", folder=tmp_path / "run", random_search=False, **QUIET,
    )  # fmt: skip
    assert all("train_seconds" in t.measurements for t in found.trials if t.phase == "search")
    assert found.elites().coverage == 1.0


@pytest.mark.parametrize(
    ("niches", "message"),
    [
        (["parameter<=4"], "nothing on task 'iris' measures 'parameter'\n.*did you mean 'parameters'"),
        (["parameters<4"], "cannot read the niche 'parameters<4'"),
        ({"cvt": {"features": ["accuracy"]}}, "known without training; accuracy is not"),
    ],
)
def test_niches_that_cannot_be_used_are_refused_before_anything_is_spent(niches, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        sa.search("iris", Either, strategy="map_elites", options={"niches": niches}, store=str(tmp_path / "s.db"))
    assert list(open_store(str(tmp_path / "s.db")).studies()) == []


def test_the_command_line_takes_niches_as_json(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--option", 'niches={"nested": {"parameters": [200, 1000]}}', "--option", "initial=3"]
    command = ["run", "iris", "--space", "mlp", "--strategy", "map_elites", *options, "--trials", "4", "--epochs", "1"]
    assert main([*command, "--workers", "0", "--no-random", "--json", "--quiet"]) in (0, None)
    document = json.loads(capsys.readouterr().out)
    assert [row["niche"] for row in document["elites"]["niches"]] == ["parameters<=200", "parameters<=1000"]
