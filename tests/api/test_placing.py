import math

import pytest

import searchitect as sa
from searchitect import api
from searchitect.api.placing import find_devices, limits_of
from searchitect.errors import ConfigError, ConstraintError
from searchitect.objectives import parse_constraint
from tests.evaluators.test_on_devices import Wide


def score(model):
    return float(sum(p.numel() for p in model.parameters()))


def searched(**settings):
    settings = {
        "trials": 4,
        "store": "memory:",
        "strategy": "grid",
        "confirm_seeds": 0,
        "random_search": False,
    } | settings
    return sa.search("digits", Wide, evaluate=score, **settings)


def latency_of(width):
    result = searched(devices=["raspberry_pi_4"])
    return next(t.measurements["latency_ms_raspberry_pi_4"] for t in result.trials if t.architecture["width"] == width)


def test_a_limit_on_a_device_is_kept_before_anything_is_spent():
    slow, sure = latency_of(64), math.exp(1.6449 * math.log(3) / 1.96)
    limit = f"latency_ms_raspberry_pi_4<={slow * sure * 0.99}"
    result = searched(devices=["raspberry_pi_4"], constraints=[limit])
    assert {t.architecture["width"] for t in result.trials} == {4}
    again = searched(devices=["raspberry_pi_4"], constraints=[limit], confidence=0.9)
    assert {t.architecture["width"] for t in again.trials} == {4, 64}


def test_a_measurement_of_a_device_is_an_objective():
    result = searched(devices=["phone"], objectives=["latency_ms_phone"])
    assert result.best.architecture["width"] == 4


def test_a_device_of_the_package_need_not_be_named_twice():
    parts = api.request.make_parts(api.Request(data="digits", constraints=["latency_ms_phone<=5"]))
    assert [device.name for device in parts.devices] == ["phone"]
    assert api.request.make_parts(api.Request(data="digits")).devices == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"constraints": ["latency_ms_raspbery_pi_4<=5"]}, "did you mean 'latency_ms_raspberry_pi_4'"),
        ({"constraints": ["latency_raspberry_pi_4<=20"]}, "nothing on task 'digits' measures 'latency_raspberry_pi_4'"),
        ({"constraints": ["latency<=20"]}, "did you mean 'latency_ms'"),
        ({"devices": ["raspbery"]}, "did you mean 'raspberry_pi_4'"),
        ({"devices": ["phone", "phone"]}, "two devices are called 'phone'"),
        ({"confidence": 0.2, "constraints": ["parameters<=9"]}, "confidence must be a share"),
        ({"confidence": math.nan}, "confidence must be a share"),
        ({"constraints": ["latency_ms_phone<=nan"]}, "must be a finite number"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_spent(settings, message):
    with pytest.raises((ConfigError, ConstraintError), match=message):
        sa.search("digits", trials=2, store="memory:", **settings)


def test_a_device_without_shapes_is_refused():
    with pytest.raises(ConfigError, match="needs the shapes of a task"):
        sa.search(space=Wide, evaluate=lambda model: 1.0, trials=2, store="memory:", devices=["phone"])


def test_a_confidence_of_its_own_wins():
    limits = limits_of(["a_ms<=1", "b_ms<=1@0.8", parse_constraint("c_ms<=2")], 0.9)
    assert [limit.confidence for limit in limits] == [0.9, 0.8, 0.9]


def test_a_study_goes_on_with_the_devices_it_began_with(tmp_path):
    store, profile = str(tmp_path / "s.db"), tmp_path / "board.toml"
    document = {k: v for k, v in sa.device("phone").to_json().items() if k != "name"}
    profile.write_text("\n".join(f"{k} = {v!r}" for k, v in document.items()))
    limits = {"devices": [str(profile)], "constraints": ["latency_ms_board<=1000@0.9"], "store": store, "name": "s"}
    first = searched(**limits)
    profile.unlink()  # what the study needs, it has
    again = api.resume("s", store, data="digits", space=Wide, evaluate=score)
    assert [t.measurements for t in again.trials] == [t.measurements for t in first.trials]
    profile.write_text("\n".join(f"{k} = {v!r}" for k, v in (document | {"power_watts": 1.0}).items()))
    with pytest.raises(ConfigError, match="exists with another devices.board"):
        searched(**limits)


def test_no_device_is_looked_for_where_none_is_named():
    assert find_devices((), ["accuracy", "latency_ms"]) == ()
    assert find_devices((), ["latency_ms_nowhere"]) == ()
