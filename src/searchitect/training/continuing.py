"""A training that goes on where another one ended: everything it needs, in one file without a pickle.

A schedule that was annealed cannot be continued fairly, so only recipes with a constant rate and without warm-up are
(`can_continue`); all others train afresh. What was continued is, bit for bit, what one long training would have been.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.spaces.recipe import Recipe
from searchitect.training.averaging import Average
from searchitect.training.best import Best, state_of
from searchitect.training.tensor_files import write_tensors
from searchitect.trial import Fidelity

__all__ = ["Checkpoint", "Standing", "can_continue", "read_checkpoint", "restore", "write_checkpoint"]

VERSION = 1

Json = dict[str, Any]


@dataclass(eq=False)
class Standing:
    """Where a training stands between two epochs: all that moves.

    Attributes:
        history: one entry per finished epoch.
        limit: mean loss of an epoch above which it counts as diverged.
    """

    body: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    best: Best
    average: Average | None
    history: list[Mapping[str, float]]
    limit: float = float("inf")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What was read of one.

    Attributes:
        notes: `decisions`, `recipe`, `fidelity`, `history`, `total_epochs` and the parts of the standing that are no
            tensors.
    """

    tensors: Mapping[str, Tensor]
    notes: Mapping[str, Any]

    @property
    def epochs(self) -> int:
        """Finished epochs."""
        return len(self.notes["history"])

    @property
    def total_epochs(self) -> float:
        """Passes over the whole training data that it has cost, with those of what it continued itself."""
        return float(self.notes["total_epochs"])

    def fits(self, recipe: Recipe, fidelity: Fidelity, epochs: int) -> bool:
        """Whether a training is the same as this one but for its length."""
        same = self.notes["recipe"] == _lasting(recipe) and self.notes["fidelity"] == _but_epochs(fidelity)
        return same and can_continue(recipe) and self.epochs < epochs


def can_continue(recipe: Recipe) -> bool:
    """Whether the rate at an epoch does not depend on how many epochs follow."""
    return recipe.schedule == "constant" and recipe.warmup == 0.0


def write_checkpoint(
    path: Path, standing: Standing, *, decisions: str, recipe: Recipe, fidelity: Fidelity, total_epochs: float
) -> None:
    """Write where a training stands.

    Args:
        decisions: `Architecture.text`.
        total_epochs: what it has cost so far.

    Raises:
        StorageError: the file cannot be written.
    """
    moments, scalars = _optimizer_state(standing.optimizer)
    generators, others = _generator_states(standing.generator)
    tensors = {f"body/{name}": tensor for name, tensor in state_of(standing.body).items()}
    tensors |= {f"best/{name}": tensor for name, tensor in standing.best.weights.items()}
    if standing.average is not None:
        tensors |= {f"average/{name}": tensor for name, tensor in state_of(standing.average.model).items()}
    notes: Json = {
        "version": VERSION,
        "decisions": decisions,
        "recipe": _lasting(recipe),
        "fidelity": _but_epochs(fidelity),
        "total_epochs": total_epochs,
        "history": [dict(entry) for entry in standing.history],
        "limit": standing.limit,
        "best": {"epoch": standing.best.epoch, "validation": dict(standing.best.validation)},
        "averaged": None if standing.average is None else standing.average.steps,
        "optimizer": scalars,
        "generators": others,
    }
    write_tensors(path, {**tensors, **moments, **generators}, {"format": "pt", "notes": json.dumps(notes)})


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint; None where there is none.

    Raises:
        EvaluationError: there is one that cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            notes = json.loads((stream.metadata() or {})["notes"])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a dictionary
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise EvaluationError(f"the checkpoint {path.name} cannot be read: {type(error).__name__}") from error
    if notes.get("version") != VERSION:
        raise EvaluationError(f"the checkpoint {path.name} is of another version", hint="start the study anew")
    return Checkpoint(tensors, notes)


@torch.no_grad()
def restore(checkpoint: Checkpoint, standing: Standing) -> None:
    """Put a fresh training where the checkpoint stood, the global random generators included.

    Raises:
        EvaluationError: the tensors are not those of this model.
    """
    notes, parts = checkpoint.notes, _parts(checkpoint.tensors)
    try:
        _fill(state_of(standing.body), parts.get("body", {}))
        standing.best.resume(notes["best"]["epoch"], notes["best"]["validation"], parts.get("best", {}))
        if standing.average is not None:
            _fill(state_of(standing.average.model), parts.get("average", {}))
            standing.average.steps = notes["averaged"]
        _restore_optimizer(standing.optimizer, parts.get("optimizer", {}), notes["optimizer"])
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise EvaluationError(
            f"the checkpoint does not fit what is built: {str(error).splitlines()[0]}",
            hint="has `build` changed since?",
        ) from error
    standing.history[:] = notes["history"]
    standing.limit = notes["limit"]
    _restore_generators(standing.generator, parts["generator"], notes["generators"])


def _lasting(recipe: Recipe) -> Json:
    """The recipe without its number of epochs, as JSON gives it back."""
    document: Json = json.loads(json.dumps(recipe.to_json()))
    return {name: value for name, value in document.items() if name != "epochs"}


def _but_epochs(fidelity: Fidelity) -> Json:
    return {name: value for name, value in fidelity.to_json().items() if name not in ("epochs", "seconds")}


def _parts(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, inner = name.partition("/")
        found.setdefault(part, {})[inner] = tensor
    return found


def _fill(state: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> None:
    if set(state) != set(kept):
        raise KeyError(f"other tensors: {', '.join(sorted(set(state) ^ set(kept))[:3])}")
    for name, tensor in state.items():
        if tensor.shape != kept[name].shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, kept was {tuple(kept[name].shape)}")
        tensor.copy_(kept[name])


# ---- the optimiser


def _optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], Json]:
    """Moments by "optimizer/PLACE/NAME", and what is no tensor by place."""
    tensors: dict[str, Tensor] = {}
    scalars: Json = {}
    for place, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{place}/{name}"] = value
            else:
                scalars.setdefault(str(place), {})[name] = value
    return tensors, scalars


def _restore_optimizer(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor], scalars: Json) -> None:
    state: dict[int, Json] = {int(place): dict(values) for place, values in scalars.items()}
    for path, tensor in moments.items():
        place, _, name = path.partition("/")
        state.setdefault(int(place), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            # Fused kernels walk through memory: moments must lie there in the order of their parameter.
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.ndim:
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


# ---- randomness


def _generator_states(generator: torch.Generator) -> tuple[dict[str, Tensor], Json]:
    """The generator of batches and the global ones of torch, NumPy and Python."""
    kind, keys, place, has_gauss, gauss = np.random.get_state()
    version, words, following = random.getstate()
    tensors = {
        "generator/batches": generator.get_state(),
        "generator/torch": torch.get_rng_state(),
        "generator/numpy": torch.from_numpy(np.asarray(keys).astype(np.int64)),
    }
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states = torch.cuda.get_rng_state_all()
        tensors |= {f"generator/cuda/{place}": state for place, state in enumerate(states)}
    others = {"numpy": [str(kind), int(place), int(has_gauss), float(gauss)], "python": [version, words, following]}
    return tensors, others


def _restore_generators(generator: torch.Generator, tensors: Mapping[str, Tensor], others: Json) -> None:
    generator.set_state(tensors["batches"])
    torch.set_rng_state(tensors["torch"])
    kind, place, has_gauss, gauss = others["numpy"]
    np.random.set_state((kind, tensors["numpy"].numpy().astype(np.uint32), place, has_gauss, gauss))
    version, words, following = others["python"]
    random.setstate((version, tuple(words), following))
    devices = [tensors[name] for name in sorted(tensors) if name.startswith("cuda/")]
    if devices and len(devices) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(devices)
