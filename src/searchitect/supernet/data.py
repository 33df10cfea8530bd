"""The examples of a task, preprocessed, in the parts that weight sharing needs.

Weights are trained on one part of the training split and, in gradient search, architecture weights on another (Liu et
al. 2019, section 2.3). The validation split trains nothing: it ranks subnets and chooses between searches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.spaces.task_spec import TaskSpec
from searchitect.tasks import Task, with_preprocessing
from searchitect.training import MEMORY_BUDGET
from searchitect.training.batches import Batches, batches, float_bytes
from searchitect.training.examples import nested_order, subset
from searchitect.training.losses import target_scale

__all__ = ["SharedData", "load"]


@dataclass(frozen=True, eq=False)
class SharedData:
    """Preprocessed examples.

    Attributes:
        train: examples on which weights are trained.
        search: examples on which architecture weights or controllers are trained; the same as `train` where the
            training split was not divided.
        validation: examples that rank subnets.
    """

    spec: TaskSpec
    train: Batches
    search: Batches
    validation: Batches


def load(
    task: Task,
    *,
    search_share: float = 0.0,
    data_fraction: float = 1.0,
    device: str = "cpu",
    memory_budget: int = MEMORY_BUDGET,
) -> SharedData:
    """Preprocess a task's training and validation splits.

    Args:
        search_share: the share of the training split that is kept for architecture weights; 0 divides nothing.
        data_fraction: of the training split, stratified; the parts are the same for all seeds.
        memory_budget: bytes of preprocessed examples up to which they are held in memory.

    Raises:
        EvaluationError: the share lies outside [0, 1), or a class would be missing from a part.
    """
    if not 0.0 <= search_share < 1.0:
        raise EvaluationError(f"the share of examples for the search lies in [0, 1), got {search_share}")
    stratified = task.spec.kind == "classification"
    chosen = subset(task.train, data_fraction, stratified=stratified)
    order = chosen[nested_order(task.train.targets[chosen], stratified=stratified)]
    cut = round(search_share * len(order))
    for_search, for_weights = np.sort(order[:cut]), np.sort(order[cut:])
    if cut and stratified:
        _check_classes(task, chosen, for_search, for_weights)
    everything = np.arange(len(task.validation))
    whole = with_preprocessing(task.preprocessing, nn.Identity())  # what the scale of regression targets is read from
    make = partial(
        batches,
        preprocess=task.preprocessing.module(),
        convert=target_scale(whole, task.spec),
        device=torch.device(device),
        memory=float_bytes(len(chosen) + len(everything), task.spec.inputs) <= memory_budget,
    )
    train = make(task.train, for_weights)
    search = make(task.train, for_search) if cut else train
    return SharedData(task.spec, train, search, make(task.validation, everything))


def _check_classes(task: Task, chosen: NDArray[np.int64], *parts: NDArray[np.int64]) -> None:
    wanted = np.unique(task.train.targets[chosen])
    for part in parts:
        missing = np.setdiff1d(wanted, task.train.targets[part])
        if len(missing):
            raise EvaluationError(
                f"class {int(missing[0])} has too few examples to stand in both halves of the training split: "
                f"{int((task.train.targets[chosen] == missing[0]).sum())}, and at least 2 are needed",
                hint="give every class at least 2 examples there, leave the class out, or divide nothing: "
                "sa.train_supernet(DATA, SPACE, method='spos')",
            )
