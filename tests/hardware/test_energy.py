from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
import torch
from torch import nn

from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Energy
from searchitect.hardware.energy import energy_joules
from searchitect.hardware.meters import NvmlMeter, RaplMeter, open_meter

EXAMPLE = [torch.zeros(1, 4)]


def packages(root: Path, *microjoules: int, wrap: int = 1_000_000) -> Path:
    """Zones as the system shows them: packages, and within the first its cores."""
    for number, value in enumerate(microjoules):
        zone = root / f"intel-rapl:{number}"
        zone.mkdir(parents=True, exist_ok=True)
        (zone / "energy_uj").write_text(f"{value}\n")
        (zone / "max_energy_range_uj").write_text(f"{wrap}\n")
    part = root / "intel-rapl:0:0"
    part.mkdir(exist_ok=True)
    (part / "energy_uj").write_text("999\n")
    return root


def test_packages_are_added_up_and_their_parts_are_not(tmp_path: Path) -> None:
    meter = RaplMeter(packages(tmp_path, 1_000, 50_000))
    packages(tmp_path, 301_000, 250_000)
    assert meter.joules() == pytest.approx(0.3 + 0.2)


def test_a_counter_that_wraps_around_goes_on(tmp_path: Path) -> None:
    meter = RaplMeter(packages(tmp_path, 900_000))
    packages(tmp_path, 99_999)
    assert meter.joules() == pytest.approx(0.2)
    packages(tmp_path, 299_999)
    assert meter.joules() == pytest.approx(0.4)


def test_a_machine_without_counters_has_no_meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="no package"):
        RaplMeter(tmp_path)
    monkeypatch.setattr("searchitect.hardware.meters.RaplMeter", lambda: RaplMeter(tmp_path))
    assert open_meter("cpu") is None
    assert open_meter("meta") is None


class Driver:
    """A driver whose board has used so many millijoules."""

    def __init__(self, millijoules: int, code: int = 0) -> None:
        self.millijoules, self.code = millijoules, code

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, device: object) -> int:
        assert uuid == b"GPU-1"
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, device: object, value: object) -> int:
        value._obj.value = self.millijoules  # type: ignore[attr-defined]
        return self.code


def test_a_gpu_counts_from_when_the_meter_was_made() -> None:
    driver = Driver(5_000)
    meter = NvmlMeter("GPU-1", driver)  # type: ignore[arg-type]
    driver.millijoules = 7_500
    assert meter.joules() == 2.5


def test_a_gpu_without_a_counter_is_an_os_error() -> None:
    with pytest.raises(OSError, match="nvmlDeviceGetTotalEnergyConsumption answered 3"):
        NvmlMeter("GPU-1", Driver(0, code=3))  # type: ignore[arg-type]
    with pytest.raises(OSError):
        ctypes.CDLL("libabsent-h4.so")


class Counter:
    """Uses a millijoule whenever the model has run."""

    source = "rapl"

    def __init__(self) -> None:
        self.passes = 0

    def joules(self) -> float:
        return self.passes / 1e3


class Counted(nn.Module):
    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self.counter = counter

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.counter.passes += 1
        return x


def test_a_pass_is_metered_where_there_is_a_counter() -> None:
    counter = Counter()
    energy = energy_joules(Counted(counter), EXAMPLE, meter=lambda device: counter)
    assert energy.joules == pytest.approx(1e-3)
    assert energy.source == "rapl"
    assert energy.error == pytest.approx(0.05e-3)


def test_a_counter_that_stands_still_is_an_error() -> None:
    counter = Counter()
    with pytest.raises(EvaluationError, match="does not move"):
        energy_joules(nn.Identity(), EXAMPLE, meter=lambda device: counter)


def test_without_a_counter_energy_is_power_times_time_and_says_so() -> None:
    energy = energy_joules(nn.Linear(4, 4), EXAMPLE, watts=50.0, meter=lambda device: None)
    assert energy.source == "model"
    assert energy.error == pytest.approx(0.4 * energy.joules)
    assert 0 < energy.joules < 1.0


@pytest.mark.parametrize("watts", [0.0, -1.0, float("nan"), float("inf")])
def test_watts_must_be_positive(watts: float) -> None:
    with pytest.raises(ConfigError, match="watts must be positive"):
        energy_joules(nn.Identity(), EXAMPLE, watts=watts)


@pytest.mark.parametrize(
    ("energy", "text"),
    [
        (Energy.estimated(130.0), "1.3 kJ ± 40 % (estimated: power × time)"),
        (Energy.estimated(10.0, watts=0.00123456), "0.012 J ± 40 % (estimated: power × time)"),
        (Energy.metered(7.2e6, "nvml"), "2 kWh ± 5 % (metered by NVML)"),
        (Energy.estimated(0.0), "0 J ± 0 % (estimated: power × time)"),
    ],
)
def test_energy_is_shown_with_two_digits_its_band_and_its_source(energy: Energy, text: str) -> None:
    assert str(energy) == text
