"""A time budget begins with the pace of this machine, and a resumed study keeps the one it began with."""

import dataclasses

import searchitect as sa
from searchitect.api.pacing import measure_pace
from searchitect.api.preparing import prepare
from searchitect.api.request import Request, make_parts
from searchitect.api.running import open_study
from searchitect.evaluators import TrainingEvaluator


def test_the_pace_of_a_machine_is_positive_and_tells_models_apart():
    evaluator = TrainingEvaluator(sa.catalog.get("mlp"), sa.task("digits"))
    pace, mean = measure_pace(evaluator, 1, "cpu", at_most=60.0)
    small = {"flops": 1e3, "activations": 1e2}
    large = {"flops": 1e9, "activations": 1e7}
    assert 0 < pace.epoch_seconds(small) < pace.epoch_seconds(large)
    assert mean > 0


def test_a_resumedopen_study_predicts_by_the_pace_it_began_with(tmp_path):
    request = Request(data="digits", budget="20s", store=str(tmp_path / "s.db"), name="paced", folder=tmp_path / "out")
    first = prepare(request, make_parts(request))
    open_study(first, None).close()
    again = prepare(request, make_parts(request))
    assert again.evaluator.pace == first.evaluator.pace
    assert dataclasses.astuple(again.evaluator.pace) != (0.0, 0.0, 0.0)
