"""A supernet in a folder: `supernet.json` says what it is, `supernet.safetensors` holds its weights.

While it is trained, the second file also holds what the training goes on from. Each file is replaced in one step, so
that a process killed at any moment leaves a whole one. Nothing in them is code, and what is read is bounded.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from searchitect import catalog
from searchitect.errors import SearchitectError, StorageError
from searchitect.spaces import SearchSpace, TaskSpec, Value
from searchitect.supernet.open_build import Supernet, open_build

__all__ = [
    "DOCUMENT",
    "WEIGHTS",
    "Snapshot",
    "check_same",
    "has_weights",
    "load_into",
    "open_supernet",
    "save_supernet",
]

DOCUMENT = "supernet.json"
WEIGHTS = "supernet.safetensors"

FORMAT = 1
MAX_DOCUMENT = 16 << 20
"""Longest document that is read, in bytes."""

_PART = "weights."  # prefix of the supernet's own tensors; all others belong to its training
_PROGRESS = "progress"
_TIMES, _ROOM = 8, 64 << 20  # a file may hold as many times the bytes of the weights, and so many bytes more


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a training goes on from, beside the weights.

    Attributes:
        tensors: by name.
        progress: a JSON object.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)


def save_supernet(
    folder: Path | str,
    supernet: Supernet,
    *,
    training: Mapping[str, Any] | None = None,
    snapshot: Snapshot = Snapshot(),
) -> Path:
    """Write a supernet, so that `open_supernet` gives it back, and return the folder.

    Args:
        training: the terms of its training as JSON: method, recipe, seed.
        snapshot: what a training would go on from.

    Raises:
        StorageError: the folder cannot be written.
    """
    folder = Path(folder)
    state = {_PART + name: tensor for name, tensor in supernet.state_dict().items()}
    # Clones: the format refuses tied tensors, and tying them again gets equal copies.
    tensors = {name: _plain_copy(tensor) for name, tensor in {**state, **snapshot.tensors}.items()}
    notes = {"format": "pt", _PROGRESS: json.dumps(snapshot.progress, allow_nan=False)}
    text = json.dumps(_document(supernet, training), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / DOCUMENT, lambda part: part.write_text(text, "utf-8") and None)
        _replace(folder / WEIGHTS, lambda part: save_file(tensors, part, metadata=notes))
    except (OSError, SafetensorError) as error:
        raise StorageError(
            f"cannot write the supernet to '{folder.name}': {error}",
            hint="free some space or choose another folder; what was there before is untouched",
        ) from error
    return folder


def open_supernet(folder: Path | str, *, space: Any = None) -> Supernet:
    """Return the supernet of a folder with its weights, in eval mode.

    Args:
        space: the class it was built of; spaces of the catalogue are found by themselves.

    Raises:
        StorageError: there is none, it is damaged, it belongs to another space than the one given, or it was built of
            a user's class and none is given.
    """
    folder = Path(folder)
    document = _read_document(folder)
    try:
        found = _space(document, space, folder)
        spec = TaskSpec.from_json(document["task"])
        fixed = {str(path): _value(value) for path, value in document["fixed"].items()}
        norms = document["batch_norm"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error
    supernet = open_build(found, spec, fixed=fixed, batch_norm=norms, check=False)
    load_into(supernet, folder)
    return supernet.eval()


def has_weights(folder: Path) -> bool:
    """Whether a supernet was saved here; a document without weights is what a kill between the two files leaves."""
    return (folder / DOCUMENT).is_file() and (folder / WEIGHTS).is_file()


def check_same(folder: Path, supernet: Supernet, training: Mapping[str, Any]) -> None:
    """Refuse the folder of another supernet, or of another training of the same one.

    Raises:
        StorageError: names the first difference.
    """
    theirs, ours = _read_document(folder), _document(supernet, training)
    for part in ("space", "task", "fixed", "batch_norm", "training"):
        for name, got, wanted in _differences(part, theirs.get(part), ours[part]):
            raise StorageError(
                f"the supernet in '{folder.name}' has {name} {got}, this one has {wanted}",
                hint="choose another folder, or train it as it was begun",
            )


def load_into(supernet: Supernet, folder: Path) -> Snapshot:
    """Fill a supernet with the weights of a folder; return what its training would go on from.

    Raises:
        StorageError: the file is missing or damaged, or its weights do not fit.
    """
    path, held = folder / WEIGHTS, supernet.state_dict()
    limit = _TIMES * sum(tensor.numel() * tensor.element_size() for tensor in held.values()) + _ROOM
    try:
        if path.stat().st_size > limit:
            raise _damaged(folder, f"{path.name} is larger than the {limit:,} bytes it may have")
        with safe_open(path, framework="pt") as stream:
            names = list(stream.keys())
            _check_fit(folder, held, {n[len(_PART) :]: stream.get_slice(n) for n in names if n.startswith(_PART)})
            with torch.no_grad():
                for name, tensor in held.items():
                    tensor.copy_(stream.get_tensor(_PART + name))
            progress = json.loads((stream.metadata() or {}).get(_PROGRESS, "{}"))
            return Snapshot({n: stream.get_tensor(n) for n in names if not n.startswith(_PART)}, progress)
    except FileNotFoundError:
        raise StorageError(f"there is no {path.name} in '{folder.name}'", hint="train the supernet first") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(folder, str(error)) from error


def _check_fit(folder: Path, held: Mapping[str, Tensor], found: Mapping[str, Any]) -> None:
    for name in held.keys() ^ found.keys():
        where = "misses" if name in held else "has the unknown"
        raise _unfit(folder, f"it {where} {name}")
    for name, tensor in held.items():
        shape = tuple(found[name].get_shape())
        if shape != tuple(tensor.shape):
            raise _unfit(folder, f"{name} has the shape {shape}, expected {tuple(tensor.shape)}")


def _unfit(folder: Path, what: str) -> StorageError:
    return StorageError(
        f"the weights in '{folder.name}' do not fit the supernet that the space builds: {what}",
        hint="has `build` changed since they were saved? open them with the code that made them",
    )


def _damaged(folder: Path, why: str) -> StorageError:
    return StorageError(f"the supernet in '{folder.name}' cannot be read: {why}", hint="train it again")


def _document(supernet: Supernet, training: Mapping[str, Any] | None) -> dict[str, Any]:
    space = supernet.space
    words = catalog.reference(space.source)
    document = {
        "format": FORMAT,
        "space": {"name": space.name, "digest": space.digest, "words": words},
        "task": supernet.spec.to_json(),
        "fixed": dict(supernet.fixed),
        "batch_norm": supernet.selection.batch_norm,
        "training": None if training is None else dict(training),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
    }
    normal: dict[str, Any] = json.loads(json.dumps(document))  # as it will be read: tuples are lists
    return normal


def _read_document(folder: Path) -> dict[str, Any]:
    path = folder / DOCUMENT
    try:
        if path.stat().st_size > MAX_DOCUMENT:
            raise _damaged(folder, f"{path.name} is larger than {MAX_DOCUMENT:,} bytes")
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StorageError(
            f"there is no supernet in '{folder.name}': no {path.name}", hint="give the folder it was trained in"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(folder, str(error)) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _damaged(folder, f"{path.name} is of another format than {FORMAT}")
    return document


def _space(document: Mapping[str, Any], given: Any, folder: Path) -> SearchSpace:
    name, digest, words = (document["space"][key] for key in ("name", "digest", "words"))
    if given is None and words is None:
        raise StorageError(
            f"the supernet in '{folder.name}' was built of the class {str(name)[:80]!r}, which is not stored with it",
            hint=f"import the class and pass it: space={str(name)[:80]}",
        )
    space = SearchSpace.of(_resolved(words, folder) if given is None else given)
    if space.digest != digest:
        raise StorageError(
            f"the supernet in '{folder.name}' belongs to the space {str(name)[:80]} {str(digest)[:16]}, this is "
            f"{space.name} {space.digest}",
            hint="pass the class as it was when the supernet was trained",
        )
    return space


def _resolved(words: Any, folder: Path) -> type:
    try:
        return catalog.resolve(words)
    except SearchitectError as error:
        raise _damaged(folder, error.message) from error


def _value(value: Any) -> Value:
    return tuple(value) if isinstance(value, list) else value


def _differences(name: str, theirs: Any, ours: Any) -> list[tuple[str, str, str]]:
    """What differs between two JSON values, by its name."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        keys = list(dict.fromkeys((*ours, *theirs)))
        return [d for key in keys for d in _differences(f"{name}.{key}", theirs.get(key), ours.get(key))]
    return [] if theirs == ours else [(name, json.dumps(theirs)[:120], json.dumps(ours)[:120])]


def _plain_copy(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _replace(path: Path, write: Any) -> None:
    """Write a file under another name, and put it in place when all of it is on the disk."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
