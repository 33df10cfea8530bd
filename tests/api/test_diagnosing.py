"""What the doctor says about spaces with known faults."""

from __future__ import annotations

from torch import nn

import searchitect as sa
from searchitect.api.diagnosing import doctor

SPEC = sa.TaskSpec((1, 8, 8), 10, "classification", "image")


@sa.space
class Half:
    """Builds for one width of two; `spare` is not used."""

    width: int = sa.choice(16, 32)
    act: str = sa.choice("relu", "tanh")
    spare: int = sa.choice(1, 2)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        act = nn.ReLU() if self.act == "relu" else nn.Tanh()
        return nn.Sequential(nn.Flatten(), nn.Linear(64, self.width), act, nn.Linear(16, task.outputs))


@sa.space
class Never:
    width: int = sa.choice(16, 32)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        raise KeyError(f"width {self.width}")


def test_each_error_is_told_once_with_an_architecture_that_shows_it():
    found = doctor(Never, SPEC, samples=30).document
    assert found["invalid"] == 1.0
    assert len(found["errors"]) == 2
    for problem in found["errors"]:
        assert str(problem["architecture"]["width"]) in problem["error"]


def test_a_decision_is_not_called_dead_where_nothing_can_be_built():
    assert doctor(Never, SPEC, samples=30).document["dead_decisions"] == []


def test_a_decision_without_effect_is_called_dead_among_broken_architectures():
    found = doctor(Half, SPEC, samples=60).document
    assert 0.2 < found["invalid"] < 0.8
    assert found["dead_decisions"] == ["spare"]


def test_the_share_beyond_a_limit_is_counted_among_what_can_be_built():
    found = doctor(Half, SPEC, constraints=["parameters<=1"], samples=20).document
    assert found["infeasible"] == 1.0


def test_a_space_that_cannot_be_counted_is_examined_all_the_same():
    found = doctor(sa.catalog.get("nasbench101", cells=1, channels=8), SPEC, samples=4)
    assert found.document["size"] is found.document["size_without_reals"] is None
    assert found.document["invalid"] == 0.0
    assert found.lines[0] == "NASBench101: too many architectures to count under their conditions"


def test_the_doctor_knows_devices_and_counts_what_breaks_their_limits():
    from tests.evaluators.test_on_devices import Wide

    free = doctor(Wide, "digits", devices=["phone"], samples=20)
    latencies = free.document["costs"]["latency_ms_phone"]
    assert 0 < latencies["min"] < latencies["max"]
    assert "latency_ms_phone_log_sd" not in free.document["costs"]
    assert any(line.startswith("latency_ms_phone") for line in free.lines)
    between = (latencies["min"] * latencies["max"]) ** 0.5
    sure = doctor(Wide, "digits", constraints=[f"latency_ms_phone<={between}@0.5"], samples=20)
    assert 0 < sure.document["infeasible"] < 1
    strict = doctor(Wide, "digits", constraints=[f"latency_ms_phone<={between}"], confidence=0.999, samples=20)
    assert strict.document["infeasible"] == 1.0


def test_proxies_are_tried_on_some_models_where_they_are_asked_for():
    found = doctor("mlp", SPEC, samples=12, proxies="nwot,flops")
    assert found.document["proxies"]["models"] >= 5
    scores = found.document["proxies"]["scores"]
    assert list(scores) == ["nwot", "flops"]
    assert scores["flops"]["correlation_with_parameters"] > 0.9
    assert scores["nwot"]["min"] < scores["nwot"]["max"]
    assert any(line.startswith("zero-cost proxies on ") for line in found.lines)
    assert doctor("mlp", SPEC, samples=4).document["proxies"] is None


def test_a_proxy_that_cannot_be_had_says_why_and_hides_nothing_else():
    found = doctor(Never, SPEC, samples=6, proxies="default")
    assert "width 16" in found.document["proxies"]["error"]
    half = doctor(Half, SPEC, samples=20, proxies="flops")
    assert half.document["proxies"]["scores"]["flops"]["failed"] > 0
