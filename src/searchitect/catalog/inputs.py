"""What a family may expect of its inputs, refused with the shape that came."""

from __future__ import annotations

from searchitect.errors import EvaluationError
from searchitect.spaces import TaskSpec

__all__ = ["image_shape"]


def image_shape(task: TaskSpec, family: str) -> tuple[int, tuple[int, ...]]:
    """Return the channels and the size (height, width) of an image task.

    Raises:
        EvaluationError: the inputs are no images.
    """
    if len(task.inputs) != 3 or min(task.inputs) < 1:
        raise EvaluationError(
            f"{family} reads images of (channels, height, width), got inputs of {task.inputs}",
            hint="take the family 'mlp', which reads tables and images alike",
        )
    return task.inputs[0], task.inputs[1:]
