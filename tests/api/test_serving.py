"""Scenarios through the front door: real trainings of tiny networks on digits."""

from __future__ import annotations

import dataclasses
import json

import pytest

import searchitect as sa
from searchitect.api.request import Request, make_parts
from searchitect.api.serving import served
from searchitect.errors import ConfigError, ConstraintError, TaskError
from searchitect.portfolio.feasibility import Feasibility

pytestmark = pytest.mark.onnx

SCENARIOS = [
    {"name": "Phone", "device": "phone", "limits": ["latency_ms<=0.5", "parameters<=20000"], "importance": 2},
    {"name": "kiosk", "corruption": "noise", "severity": 5},
    {"name": "here", "limits": ["latency_ms<=50"], "slice": "label in ['1', '7']"},
]
TINY = {"trials": 3, "confirm_seeds": 2, "workers": 0, "recipe": sa.Recipe(epochs=1)}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    store = str(folder / "studies.db")
    result = sa.search(
        "digits", "mlp", scenarios=SCENARIOS, size=2, store=store, name="served", folder=folder / "run", **TINY
    )
    return folder, store, result


def test_one_search_hands_over_a_model_for_each_scenario(searched):
    folder, _, result = searched
    portfolio = result.portfolio()
    assert 1 <= len(portfolio.members) <= 2
    for service, scenario in zip(portfolio.services, portfolio.scenarios, strict=True):
        assert service.member is not None
        loaded = sa.load(folder / "run" / service.folder)
        assert loaded.architecture == portfolio.member(service.member).architecture
        written = json.loads((folder / "run" / service.folder / "measurements.json").read_text())["measurements"]
        assert written["scenario"]["name"] == scenario.name
        assert written["service"]["trial"] == service.trial
        assert (folder / "run" / service.folder / "model.onnx").is_file()


def test_each_scenario_is_measured_on_its_own_data_and_its_own_device(searched):
    portfolio = searched[2].portfolio()
    assert portfolio["kiosk"].metric == "accuracy_kiosk"
    assert portfolio["here"].metric == "accuracy_here"
    predicted = portfolio["Phone"].feasibility[0]
    assert (predicted.limit, predicted.source) == ("latency_ms_phone<=0.5", "predicted")
    assert predicted.holds
    assert portfolio["Phone"].feasibility[1].source == "counted"


def test_latency_here_is_bounded_by_repeated_measurements(searched):
    measured = searched[2].portfolio()["here"].feasibility[0]
    assert isinstance(measured, Feasibility)
    assert (measured.source, measured.repetitions) == ("measured", 100)
    assert measured.at_least > 0.9
    assert measured.percentile < 50
    assert measured.holds


def test_the_page_is_written_and_shows_every_scenario(searched):
    folder, _, result = searched
    page = (folder / "run" / "portfolio.html").read_text("utf-8")
    assert all(scenario["name"] in page for scenario in SCENARIOS)
    assert "portfolio.html" in result.files
    assert "http" not in page.split("<script>")[0].replace("http-equiv", "")


def test_a_result_read_from_the_store_shows_the_same_portfolio(searched):
    from searchitect import api

    _, store, result = searched
    again = api.open_result("served", store).portfolio()
    assert again.document() == result.portfolio().document()


def test_a_finished_study_is_shown_and_not_run_again(searched):
    from searchitect import api

    _, store, result = searched
    count = len(result.trials)
    assert len(api.resume("served", store).trials) == count


def test_export_copies_the_folders_of_the_scenarios(searched, tmp_path):
    from searchitect import api

    api.export("served", tmp_path / "copy", store=searched[1])
    assert (tmp_path / "copy" / "portfolio" / "phone" / "model.safetensors").is_file()


def test_a_deployed_model_is_a_reference_to_agree_with(searched, tmp_path):
    folder, _, result = searched
    old = folder / "run" / result.portfolio()["kiosk"].folder
    again = sa.search(
        "digits", "mlp", objectives=["accuracy", "negative_flips"], reference=old, random_search=False,
        store="memory:", folder=tmp_path, **(TINY | {"confirm_seeds": 1, "trials": 2}),
    )  # fmt: skip
    for trial in again.trials:
        assert 0 <= trial.measurements["negative_flips"] <= 1
        assert 0 < trial.measurements["agreement"] <= 1


def made(**changes):
    request = Request(data="digits", space="mlp", scenarios=SCENARIOS, **changes)
    parts = make_parts(request)
    return served(request, parts), parts


def test_objectives_devices_and_places_are_filled_in():
    request, parts = made()
    assert [o.name for o in parts.objectives] == [
        "accuracy", "accuracy_kiosk", "accuracy_here", "latency_ms_phone", "parameters", "latency_ms",
    ]  # fmt: skip
    assert parts.objectives[1].direction == "maximize"
    assert request.strategy == "scenarios"
    assert request.options["size"] == 3
    assert request.options["places"][0] == {
        "name": "phone",
        "limits": ["latency_ms_phone<=0.5", "parameters<=20000"],
        "importance": 2.0,
        "wanted": {"accuracy": 1.0},
    }
    assert request.options["places"][1]["wanted"] == {"accuracy_kiosk": 1.0}
    assert [device.name for device in parts.devices] == ["phone"]
    assert parts.portfolio.size == 3


def test_scenarios_are_niches_where_the_strategy_has_niches():
    request, _ = made(strategy="bop_elites")
    assert request.options["niches"][0] == {
        "name": "phone",
        "bounds": {"latency_ms_phone": [None, 0.5], "parameters": [None, 20000.0]},
    }
    assert request.options["niches"][1]["bounds"] == {"active_decisions": [None, None]}


def test_a_strategy_of_ones_own_is_kept():
    request, _ = made(strategy="random")
    assert request.strategy == "random"
    assert "niches" not in request.options


def test_a_small_device_brings_its_memory_as_limits():
    request = Request(data="digits", space="mlp", scenarios=[{"name": "badge", "device": "mcu_256kb"}])
    scenario = make_parts(request).portfolio.scenarios[0]
    assert [str(limit) for limit in scenario.constraints()] == [
        "peak_memory_bytes_mcu_256kb<=256000",
        "flash_bytes_mcu_256kb<=1e+06",
    ]


@pytest.mark.parametrize(
    ("scenario", "kind", "sentence"),
    [
        ({"name": "a", "device": "raspbery_pi_4"}, ConfigError, "did you mean 'raspberry_pi_4'"),
        ({"name": "a", "limits": ["latency<=20"]}, ConstraintError, "'latency_ms<=20'"),
        ({"name": "a", "limits": ["latencyy_ms<=20"]}, ConfigError, "did you mean 'latency_ms'"),
        ({"name": "a", "weights": {"acuracy": 1}}, ConfigError, "nothing on task"),
        ({"name": "a", "test": "nowhere.csv"}, TaskError, "nowhere.csv"),
    ],
)
def test_a_scenario_that_cannot_be_used_says_what_to_type(scenario, kind, sentence):
    with pytest.raises(kind) as caught:
        make_parts(Request(data="digits", space="mlp", scenarios=[scenario]))
    assert sentence in str(caught.value)


def test_an_impossible_scenario_is_refused_before_anything_is_trained():
    with pytest.raises(ConstraintError) as caught:
        sa.search("digits", "mlp", scenarios=[{"name": "speck", "limits": ["parameters<=5"]}], store="memory:", **TINY)
    assert "'speck' looks impossible" in str(caught.value)
    assert "parameters<=5 is kept by none" in str(caught.value)


def test_a_slice_that_cannot_be_read_is_refused_before_anything_is_trained():
    wrong = [{"name": "a", "slice": "label == '11'"}]
    with pytest.raises(TaskError, match="never '11'"):
        sa.search("digits", "mlp", scenarios=wrong, store="memory:", **TINY)


def test_own_functions_serve_scenarios_by_what_they_return():
    @sa.space
    class Net:
        width: int = sa.choice(8, 16, 32)

    def evaluate(net: Net) -> dict[str, float]:
        return {"score": net.width / 32, "latency_ms_board": float(net.width)}

    places = [{"name": "fast", "device": "board", "limits": ["latency_ms<=20"]}, {"name": "free"}]
    result = sa.search(space=Net, evaluate=evaluate, scenarios=places, trials=3, confirm_seeds=2, store="memory:")
    portfolio = result.portfolio()
    assert portfolio["fast"].value == 0.5
    assert portfolio["free"].value == 1.0
    with pytest.raises(ConfigError, match="data of its own"):
        sa.search(space=Net, evaluate=evaluate, scenarios=[{"name": "a", "slice": "label == '1'"}], store="memory:")


def test_a_size_without_scenarios_is_refused():
    with pytest.raises(ConfigError, match="no scenarios"):
        make_parts(Request(data="digits", space="mlp", size=2))


def test_a_comparison_without_a_reference_is_refused():
    with pytest.raises(ConfigError, match="none is named"):
        sa.search("digits", "mlp", objectives=["accuracy", "agreement"], store="memory:", **TINY)


def test_the_plan_leaves_room_for_every_member():
    from searchitect import api

    planned = api.plan(Request(data="digits", space="mlp", scenarios=SCENARIOS, store="memory:", trials=10))
    row = next(row for row in planned.rows() if row.what == "confirmation")
    assert row.evaluations == 2 * 3 * 3
    assert dataclasses.is_dataclass(planned)
