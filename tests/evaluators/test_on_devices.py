import dataclasses
import pickle

import pytest
from torch import nn

import searchitect as sa
from searchitect.evaluation import Context
from searchitect.evaluators import FunctionEvaluator
from searchitect.evaluators.on_devices import DEVICE_QUANTITIES, OnDevices, device_measurements
from searchitect.hardware import count_parameters, peak_memory_bytes, peak_memory_int8_bytes
from searchitect.hardware.predicting import Roofline
from searchitect.hardware.recording import work_of
from searchitect.spaces import SearchSpace
from searchitect.trial import Proposal

SPEC = sa.TaskSpec(inputs=(1, 8, 8), outputs=10)
PI, MCU = sa.device("raspberry_pi_4"), sa.device("mcu_256kb")


@sa.space
class Wide:
    width: int = sa.choice(4, 64)

    def build(self, task):
        return nn.Sequential(nn.Conv2d(1, self.width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36 * self.width, 10))


def one(model):
    return 0.5


def evaluator(devices=(PI, MCU)):
    return OnDevices(FunctionEvaluator(one, Wide, SPEC), Wide, SPEC, devices)


def architecture(width):
    return sa.Architecture.of(Wide(width=width))


def test_every_quantity_of_every_device_stands_beside_the_measurements():
    measured = evaluator().evaluate(Proposal(architecture(64)), Context(seed=0))
    assert measured["score"] == 0.5
    assert set(device_measurements((PI, MCU))) <= set(measured)
    model = SearchSpace.of(Wide).build(architecture(64), SPEC)
    expected = Roofline(PI).predict(work_of(model, (1, 8, 8)))
    assert measured["latency_ms_raspberry_pi_4"] == pytest.approx(expected.median)
    assert measured["latency_ms_raspberry_pi_4_log_sd"] == pytest.approx(expected.sd)
    assert measured["energy_joules_raspberry_pi_4"] == pytest.approx(expected.median / 1e3 * PI.power_watts)
    assert measured["peak_memory_bytes_raspberry_pi_4"] == peak_memory_bytes(model, (1, 8, 8))
    assert measured["peak_memory_bytes_mcu_256kb"] == peak_memory_int8_bytes(model, (1, 8, 8))
    assert measured["flash_bytes_raspberry_pi_4"] == 4 * count_parameters(model)


def test_what_is_asked_for_is_known_without_training():
    known = evaluator().check(architecture(4), frozenset({"latency_ms_mcu_256kb", "parameters"}))
    assert set(known) == {"latency_ms_mcu_256kb", "latency_ms_mcu_256kb_log_sd", "parameters"}
    assert evaluator().check(architecture(4), frozenset({"parameters"})) == {"parameters": known["parameters"]}
    more = evaluator().check(architecture(64), frozenset({"latency_ms_mcu_256kb"}))
    assert more["latency_ms_mcu_256kb"] > known["latency_ms_mcu_256kb"]


def test_the_rest_of_the_evaluator_shows_through_and_it_travels():
    placed = evaluator()
    assert placed.name == "score"
    assert placed.allowed is None
    again = pickle.loads(pickle.dumps(dataclasses.replace(placed)))  # noqa: S301 - as it travels to workers
    names = frozenset(f"{quantity}_raspberry_pi_4" for quantity in DEVICE_QUANTITIES)
    assert again.check(architecture(4), names) == placed.check(architecture(4), names)
    with pytest.raises(AttributeError):
        placed.nothing
