"""From the weights that a confirmation trial kept to its trained model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from searchitect.api.request import Parts
from searchitect.study.loop import weights_folder
from searchitect.trial import Trial

__all__ = ["restorer"]


def restorer(trials: Sequence[Trial], parts: Parts, folder: Path) -> Callable[[int], Any]:
    """Return a function that loads the trained model of a confirmation trial by its number."""
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
        model.load_state_dict(load_file(weights_folder(folder, number) / WEIGHTS))
        return model.eval()

    return restore
