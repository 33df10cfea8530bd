"""What a family may expect of its inputs, refused with the shape that came."""

from __future__ import annotations

from searchitect.errors import EvaluationError
from searchitect.spaces import TaskSpec

__all__ = ["MOST_PLACES", "image_shape", "sequence_shape"]

MOST_PLACES = 1_024
"""A longer sequence is refused: recurrent layers read it step by step, attention compares all its places."""


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


def sequence_shape(task: TaskSpec, family: str) -> tuple[int, int]:
    """Return the (length, features) of a task read as a sequence: images row by row, vectors number by number.

    Raises:
        EvaluationError: the inputs have another number of dimensions, or the sequence is too long.
    """
    inputs = task.inputs
    if not 1 <= len(inputs) <= 3 or min(inputs) < 1:
        raise EvaluationError(
            f"{family} reads sequences of (length, features), images of (channels, height, width) or vectors, "
            f"got inputs of {inputs}",
            hint="reshape the examples in the task's preprocessing",
        )
    length, features = inputs[0], 1
    if len(inputs) == 2:
        features = inputs[1]
    elif len(inputs) == 3:
        length, features = inputs[1], inputs[0] * inputs[2]
    if length > MOST_PLACES:
        raise EvaluationError(
            f"{family} would read inputs of {inputs} as a sequence of {length:,} places, at most {MOST_PLACES:,} fit",
            hint="take the family 'mlp' for long vectors, or shorten the sequences in the task's preprocessing",
        )
    return length, features
