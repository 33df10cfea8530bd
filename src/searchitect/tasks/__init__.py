"""A task: data in three splits, the preprocessing learned from one of them, the shapes a model is built for, and the
metrics it is judged by. `task` makes one from a name, a path, arrays or a torch data set; no torch is loaded for that
unless the data are torch's own.
"""

from __future__ import annotations

from searchitect.tasks import metrics as metrics, preprocessing as preprocessing
from searchitect.tasks.metrics import METRICS, Metric
from searchitect.tasks.preprocessing import ImagePreprocessing, TablePreprocessing, with_preprocessing
from searchitect.tasks.task import ArraySplit, Preprocessing, RawInputs, Split, Task

# After the module of the same name has been loaded, so that the function is what `tasks.task` means.
from searchitect.tasks.open import TASKS, task  # isort: skip

__all__ = [
    "METRICS",
    "TASKS",
    "ArraySplit",
    "ImagePreprocessing",
    "Metric",
    "Preprocessing",
    "RawInputs",
    "Split",
    "TablePreprocessing",
    "Task",
    "metrics",
    "preprocessing",
    "task",
    "with_preprocessing",
]
