from __future__ import annotations

import pytest

from searchitect.errors import ConfigError, ConstraintError
from searchitect.portfolio.scenario import Scenario, objectives_of, scenarios_of
from searchitect.portfolio.units import limit_of

TOML = """
[[scenario]]
name = "Old phone"
device = "pixel_3"
limits = ["latency_ms<=20", "parameters<=1e5"]
weights = { accuracy = 3, energy_joules = 1 }
importance = 2

[[scenario]]
name = "kiosk"
corruption = "noise"
severity = 4
"""


def test_a_file_of_scenarios_is_read(tmp_path):
    path = tmp_path / "devices.toml"
    path.write_text(TOML)
    phone, kiosk = scenarios_of(path)
    assert [str(limit) for limit in phone.constraints()] == ["latency_ms_pixel_3<=20", "parameters<=100000"]
    assert phone.wanted("accuracy") == {"accuracy": 0.75, "energy_joules_pixel_3": 0.25}
    assert phone.slug == "old_phone"
    assert kiosk.metric("accuracy") == "accuracy_kiosk"
    assert kiosk.wanted("accuracy") == {"accuracy_kiosk": 1.0}
    assert Scenario(**phone.to_json()) == phone
    names = [str(o) for o in objectives_of((phone, kiosk), "accuracy")]
    assert names == [
        "maximize accuracy",
        "maximize accuracy_kiosk",
        "minimize energy_joules_pixel_3",
        "minimize latency_ms_pixel_3",
        "minimize parameters",
    ]


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("latency<=20", "latency_ms<=20"),
        ("energy<=0.5", "energy_joules<=0.5"),
        ("flash<=1e6", "flash_bytes<=1e+06"),
        ("latency<=20ms", "latency_ms<=20"),
        ("latency<=0.02s", "latency_ms<=20"),
        ("memory<=256kB", "peak_memory_bytes<=256000"),
        ("latency_raspberry_pi_4<=20", "latency_ms_raspberry_pi_4<=20"),
    ],
)
def test_a_limit_without_a_unit_says_what_to_type(text, typed):
    with pytest.raises(ConstraintError) as caught:
        limit_of(text)
    assert repr(typed) in caught.value.hint


@pytest.mark.parametrize("text", ["latency_ms<=20", "accuracy>=0.9", "parameters<=1e5", "peak_memory_bytes<=1_000"])
def test_a_limit_with_its_unit_or_without_need_of_one_is_taken(text):
    assert limit_of(text).name in text


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[[scenario]]\nname='a'\nlimit=['latency_ms<=1']", "did you mean 'limits'"),
        ("[[scenarios]]\nname='a'", "did you mean 'scenario'"),
        ("[scenario]\nname='a'", "double brackets"),
        ("[[scenario]]\ndevice='x'", "has no name"),
        ("[[scenario]]\nname='a'\n[[scenario]]\nname='A'", "which is one"),
        ("[[scenario]]\nname='a'\nimportance=0", "positive"),
        ("[[scenario]]\nname='a'\nlimits='latency_ms<=1'", "must be a list"),
        ("[[scenario]]\nname='a'\nlimits=[20]", "a limit is a text"),
        ("[[scenario]]\nname='a'\nlimits=['latency<=20']", "has no unit"),
        ("[[scenario]]\nname='a'\nlimits=['parameters<=10','parameters>=20']", "contradict"),
        ("[[scenario]]\nname='a'\ncorruption='blurr'", "did you mean 'blur'"),
        ("[[scenario]]\nname='a'\nseverity=9", "from 1 to 5"),
        ("[[scenario]]\nname='a'\nweights={accuracy=-1}", "a number from 0"),
        ("[[scenario]]\nname='a'\nweights=3", "must be a table"),
        ("[[scenario]]\nname='a'\nconfidence=1.0", "from 0.5 to below 1"),
        ("[[scenario]]\nname=''", "short text"),
        ("", "there is no scenario"),
        ("[[scenario", "no TOML"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, toml, sentence):
    path = tmp_path / "devices.toml"
    path.write_text(toml)
    with pytest.raises((ConfigError, ConstraintError)) as caught:
        scenarios_of(path)
    assert sentence in str(caught.value)


def test_a_missing_file_and_a_huge_one_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no file"):
        scenarios_of(tmp_path / "none.toml")
    path = tmp_path / "huge.toml"
    path.write_text("#" * 1_000_001)
    with pytest.raises(ConfigError, match="at most"):
        scenarios_of(path)


def test_scenarios_come_from_python_as_well():
    one = Scenario(name="a", limits=("latency_ms<=5",))
    assert scenarios_of([one, {"name": "b"}]) == (one, Scenario(name="b"))
    assert scenarios_of(one) == (one,)


def test_a_scenario_says_how_sure_a_prediction_must_be():
    here = Scenario(name="a", confidence=0.8, limits=("latency_ms<=5", "parameters<=10@0.99"))
    assert [limit.confidence for limit in here.constraints()] == [0.8, 0.99]


def test_latency_on_the_machine_that_searches_keeps_its_plain_name():
    here = Scenario(name="a", device="this_machine", limits=("latency_ms<=5",))
    assert here.constraints()[0].name == "latency_ms"
