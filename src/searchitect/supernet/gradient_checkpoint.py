"""Gradient searches on disk: runs that ended, and the run that goes on, after an epoch or in the middle of one.

Every epoch draws its random numbers from its own seed, so weights, architecture weights, the state of both optimisers
and the curves are all that a run needs to end as if it had never been interrupted; within an epoch also the losses of
its steps and the state of torch's generator. Weights are safetensors, the rest is JSON; each file is replaced at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from searchitect.errors import StorageError
from searchitect.supernet.gradient_result import SearchEpoch, SearchRun

if TYPE_CHECKING:
    from searchitect.supernet.gradient_steps import RunState

__all__ = ["finished", "keep_finished", "keep_running", "resume_running"]

_LOSSES = ("losses.weights", "losses.alphas")
_RANDOM = "random"


def finished(folder: Path | None, run: int, identity: int) -> SearchRun | None:
    """Return a run that ended already.

    Args:
        identity: of everything that was asked for; the same search has the same.

    Raises:
        StorageError: the folder holds another search.
    """
    document = _read(folder, f"run-{run}.json", identity)
    return None if document is None else SearchRun.from_json(document)


def keep_finished(folder: Path | None, run: int, identity: int, done: SearchRun) -> None:
    """Write a run that ended, and take its checkpoint away."""
    if folder is not None:
        _write(folder / f"run-{run}.json", json.dumps({"identity": identity, **done.to_json()}))
        for name in (_weights(run), _curves(run)):
            (folder / name).unlink(missing_ok=True)


def keep_running(folder: Path | None, run: int, identity: int, state: RunState) -> None:
    """Write a run as it is."""
    if folder is None:
        return
    epoch = len(state.progress)
    tensors = {name: t.detach().clone().contiguous() for name, t in _tensors(state).items()}
    partial = folder / f"{_weights(run)}.partial"
    save_file(tensors, partial, metadata={"epoch": str(epoch)})
    curves = [entry.to_json() for entry in state.progress]
    # The curves of an epoch whose weights were never written are cut off when the run goes on.
    _write(folder / _curves(run), json.dumps({"identity": identity, "progress": curves}))
    partial.replace(folder / _weights(run))


def resume_running(folder: Path | None, run: int, identity: int, state: RunState) -> None:
    """Bring a fresh run to where its checkpoint stands; nothing happens where there is none.

    Raises:
        StorageError: the folder holds another search.
    """
    document = _read(folder, _curves(run), identity)
    if folder is None or document is None or not (folder / _weights(run)).exists():
        return
    try:
        _restore_all(state, load_file(folder / _weights(run)), document["progress"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise _another(folder) from error
    except SafetensorError as error:
        raise StorageError(
            f"{folder / _weights(run)} is damaged: {error}", hint="delete it: the run begins anew"
        ) from error


def _restore_all(state: RunState, tensors: dict[str, Tensor], curves: Sequence[Mapping[str, Any]]) -> None:
    epoch = int(tensors.pop("epoch"))
    state.progress[:] = [SearchEpoch.from_json(entry) for entry in curves[:epoch]]
    paths = [decision.path for decision, _ in state.relaxation.alphas]
    device = state.relaxation.searched[0].device
    state.losses, state.searched = (list(tensors.pop(name).to(device)) for name in _LOSSES)
    state.random = tensors.pop(_RANDOM, None)
    state.trail[:] = [{path: tensors.pop(f"trail.{number}.{path}") for path in paths} for number in range(epoch + 1)]
    with torch.no_grad():
        for name, parameter in _searched(state).items():
            parameter.copy_(tensors.pop(name))
    for prefix, optimizer in (("weights", state.weights), ("alphas", state.alphas)):
        _restore(optimizer, prefix, tensors)
    model = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    state.relaxation.supernet.load_state_dict(model)


def _tensors(state: RunState) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {"epoch": torch.tensor(len(state.progress))}
    found |= {f"model.{name}": t for name, t in state.relaxation.supernet.state_dict().items()}
    found |= _searched(state)
    for name, steps in zip(_LOSSES, (state.losses, state.searched), strict=True):
        found[name] = torch.stack(steps) if steps else torch.zeros(0)
    if state.random is not None:
        found[_RANDOM] = state.random
    for number, entry in enumerate(state.trail):
        found |= {f"trail.{number}.{path}": t for path, t in entry.items()}
    for prefix, optimizer in (("weights", state.weights), ("alphas", state.alphas)):
        for place, held in optimizer.state_dict()["state"].items():
            found |= {f"{prefix}.{place}.{key}": t for key, t in held.items() if isinstance(t, Tensor)}
    return found


def _searched(state: RunState) -> dict[str, Tensor]:
    return {f"searched.{place}": parameter for place, parameter in enumerate(state.relaxation.searched)}


def _restore(optimizer: torch.optim.Optimizer, prefix: str, tensors: dict[str, Tensor]) -> None:
    held: dict[int, dict[str, Any]] = {}
    for name in [name for name in tensors if name.startswith(f"{prefix}.")]:
        _, place, key = name.split(".")
        held.setdefault(int(place), {})[key] = tensors.pop(name)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": held})


def _read(folder: Path | None, name: str, identity: int) -> Mapping[str, Any] | None:
    if folder is None or not (folder / name).exists():
        return None
    try:
        document = json.loads((folder / name).read_text("utf-8"))
        same = document["identity"] == identity
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{folder / name} is no checkpoint of a gradient search") from error
    if not same:
        raise _another(folder)
    return document  # type: ignore[no-any-return]


def _another(folder: Path) -> StorageError:
    return StorageError(
        f"{folder} holds the checkpoint of another search", hint="give every search a folder of its own"
    )


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def _weights(run: int) -> str:
    return f"run-{run}.safetensors"


def _curves(run: int) -> str:
    return f"run-{run}-progress.json"
