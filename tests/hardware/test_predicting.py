import dataclasses
import math

import pytest

import searchitect as sa
from searchitect.hardware.operations import Operation, Work
from searchitect.hardware.predicting import Prediction, Roofline, energy_of, predictor_for

BOARD = dataclasses.replace(
    sa.device("phone"),
    flops_per_second=1e9, bytes_per_second=1e8, operation_seconds=1e-3, power_watts=2.0, error_factor=4.0,
)  # fmt: skip


def test_a_roofline_takes_the_longer_of_computing_and_moving_for_each_operation():
    work = Work((Operation("convolution", 5e6, 1e5), Operation("copy", 0.0, 1e6)))
    found = Roofline(BOARD).predict(work)
    # 5 ms computing, 10 ms moving, 1 ms for each.
    assert found.median == pytest.approx(5 + 10 + 2)
    assert found.source == "roofline"
    assert found.quantile(0.975) == pytest.approx(4 * 17)
    assert found.quantile(0.025) == pytest.approx(17 / 4)


def test_int8_moves_a_quarter_of_the_bytes():
    work = Work((Operation("copy", 0.0, 1e6),))
    assert Roofline(dataclasses.replace(BOARD, arithmetic="int8")).predict(work).median == pytest.approx(2.5 + 1)


def test_feasibility_is_a_probability():
    found = Prediction(math.log(10), 0.5, "roofline")
    assert found.probability_below(10) == pytest.approx(0.5)
    assert found.probability_below(found.quantile(0.95)) == pytest.approx(0.95)
    assert found.probability_below(0) == 0.0


def test_energy_is_power_times_latency_with_both_bands():
    latency = Prediction(math.log(50.0), 0.3, "calibrated")
    energy = energy_of(latency, BOARD)
    assert energy.median == pytest.approx(0.05 * 2.0)
    assert energy.sd == pytest.approx(math.hypot(0.3, math.log(BOARD.power_error_factor) / 1.96), rel=1e-3)


def test_a_profile_without_calibration_predicts_by_its_roofline():
    assert predictor_for(BOARD) == Roofline(BOARD)
