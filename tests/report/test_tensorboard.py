"""A study as TensorBoard reads it, read back with TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect.errors import ConfigError, MissingExtraError
from searchitect.report import graph_of, tensorboard
from searchitect.report.tensorboard import write_tensorboard
from tests.report.studies import finished

pytest.importorskip("tensorboard", reason="needs the extra tensorboard")


def read(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestRuns:
    def test_best_so_far_of_search_and_of_random_search_only_improve(self, tmp_path: Path) -> None:
        write_tensorboard(finished(), tmp_path / "runs")
        for phase in ("search", "random"):
            best = [event.value for event in read(tmp_path / "runs" / phase).Scalars("best/accuracy")]
            assert len(best) > 5
            assert best == sorted(best)

    def test_a_trial_keeps_its_curve_its_measurements_and_its_decisions(self, tmp_path: Path) -> None:
        study = finished()
        write_tensorboard(study, tmp_path / "runs")
        trial = study.trials[study.best.trial]
        events = read(tmp_path / "runs" / "trials" / f"{trial.number:05d}")
        curve = [(event.step, event.value) for event in events.Scalars("curves/accuracy")]
        assert curve == [(step, pytest.approx(values["accuracy"])) for step, values in trial.reports]
        assert events.Scalars("measured/accuracy")[0].value == pytest.approx(trial.measurements["accuracy"])
        plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        assert b"learning_rate" in plugin

    def test_trials_that_failed_have_no_run(self, tmp_path: Path) -> None:
        study = finished()
        write_tensorboard(study, tmp_path / "runs")
        written = {int(folder.name) for folder in (tmp_path / "runs" / "trials").iterdir()}
        assert written == {t.number for t in study.trials if t.is_complete and t.reused is None}

    def test_only_the_best_trials_of_a_large_study_have_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tensorboard, "MAX_TRIALS", 3)
        study = finished()
        notes = write_tensorboard(study, tmp_path / "runs")
        assert len(list((tmp_path / "runs" / "trials").iterdir())) == 3
        assert any("the best 3 of" in note for note in notes)

    def test_the_graph_of_the_model_has_its_nodes_and_edges(self, tmp_path: Path) -> None:
        import torch
        from torch import nn

        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
        write_tensorboard(finished(), tmp_path / "runs", graph=graph_of(model, (torch.zeros(1, 1, 8, 8),)))
        nodes = {node.name: list(node.input) for node in read(tmp_path / "runs" / "search").Graph().node}
        assert nodes["3"] == ["2"]
        assert nodes["0"] == ["input"]

    def test_maps_are_images(self, tmp_path: Path) -> None:
        write_tensorboard(finished(), tmp_path / "runs", maps={"saliency/3": np.eye(8)})
        (image,) = read(tmp_path / "runs" / "search").Images("saliency/3")
        assert (image.width, image.height) == (8, 8)


def test_a_folder_with_runs_is_not_mixed_with_others(tmp_path: Path) -> None:
    write_tensorboard(finished(), tmp_path)
    with pytest.raises(ConfigError, match="holds TensorBoard runs already"):
        write_tensorboard(finished(), tmp_path)


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="extra 'tensorboard'"):
        write_tensorboard(finished(), tmp_path)
