"""From the weights that a confirmation trial kept to its trained model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from searchitect.api.request import Parts
from searchitect.evaluation import Artifacts
from searchitect.study.loop import weights_folder
from searchitect.trial import Trial

__all__ = ["restorer"]


def restorer(
    trials: Sequence[Trial], parts: Parts, folder: Path, artifacts: Artifacts | None = None
) -> Callable[[int], Any]:
    """Return a function that loads the trained model of a confirmation trial by its number.

    Args:
        folder: of the study.
        artifacts: where its trials keep their files, if not there; the weights are brought into the folder then.
    """
    from safetensors.torch import load_file

    from searchitect.evaluators.building import build
    from searchitect.evaluators.inheriting import WEIGHTS
    from searchitect.nn.pretrained import filled_later
    from searchitect.tasks import with_preprocessing

    task = parts.task
    assert task is not None

    def restore(number: int) -> Any:
        with filled_later():
            body = build(parts.space, trials[number].architecture, task.spec)
        model = with_preprocessing(task.preprocessing, body)
        place = weights_folder(folder, number)
        if artifacts is not None:
            artifacts.fetch(number, place)
        model.load_state_dict(load_file(place / WEIGHTS))
        return model.eval()

    return restore
