"""A stem or stage that starts from given weights.

The file is validated before a value is read: names, shapes and kinds of numbers must be the module's, so no more is
read than the module holds, and nothing is unpickled. A saved model holds these weights like all others: it loads
without the file. A `digest` in the code of `build` makes the file part of what a study's manifest compares on resuming.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from searchitect.errors import EvaluationError, SpaceError
from searchitect.nn.elastic import Elastic, Switch

__all__ = ["Frozen", "filled_later", "pretrained"]

SHOWN = 3
"""Names in a message."""

_filled_later: ContextVar[bool] = ContextVar("filled_later", default=False)


class Frozen(nn.Module):
    """A module that is not trained: its parameters want no gradient, and it stays in evaluation mode, so that no
    statistic moves and nothing is dropped."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body.requires_grad_(False).eval()

    def forward(self, *inputs: Any) -> Any:
        return self.body(*inputs)

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.body.eval()
        return self


def pretrained(
    module: nn.Module,
    path: str | Path,
    *,
    prefix: str = "",
    freeze: bool = False,
    digest: str | None = None,
    partly: bool = False,
) -> nn.Module:
    """Fill a module with the weights and statistics of a safetensors file; to be called in `build`.

        stem = sa.nn.pretrained(sa.nn.conv_unit(3, 32), "resnet.safetensors", prefix="stem.", freeze=True)

    Args:
        module: freshly built, all its sizes decided. Names in the file are those of its state, after the prefix.
        prefix: what the names in the file begin with; others are not looked at.
        freeze: return it as `Frozen`; otherwise it is trained like any other module.
        digest: SHA-256 of the file in hexadecimal (`sha256sum FILE`); another file is refused.
        partly: the file may hold more names with this prefix than the module.

    Raises:
        SpaceError: a size of the module is open.
        EvaluationError: the file is missing, damaged or another one, or does not fit; the message names what is missing
            and the nearest name.
    """
    for name, part in module.named_modules():
        if isinstance(part, (Elastic, Switch)):
            raise SpaceError(
                f"given weights fit one size, but {name or 'the module'} ({type(part).__name__}) has open decisions",
                hint="build what is pretrained of plain numbers, or fix those decisions: open_build(..., fixed={...})",
            )
    if not _filled_later.get():
        _fill(module, Path(path), prefix, digest, partly)
    return Frozen(module) if freeze else module


@contextmanager
def filled_later() -> Iterator[None]:
    """Builds in here need no files: a saved model holds all its weights, which are loaded next."""
    token = _filled_later.set(True)
    try:
        yield
    finally:
        _filled_later.reset(token)


def _fill(module: nn.Module, path: Path, prefix: str, digest: str | None, partly: bool) -> None:
    if not path.is_file():
        raise EvaluationError(
            f"there is no file of weights {path.name!r}", hint="give the whole path: workers may run in another folder"
        )
    if digest is not None:
        _compare(path, digest)
    wanted = module.state_dict(keep_vars=True)
    try:
        with safe_open(path, framework="pt") as stream:
            held = {name[len(prefix) :] for name in stream.keys() if name.startswith(prefix)}  # noqa: SIM118
            present = _present(path, prefix, wanted, held, list(stream.keys()), partly)
            for name in present:
                _check(path, prefix + name, stream.get_slice(prefix + name), wanted[name])
            with torch.no_grad():
                for name in present:
                    _copy(path, prefix + name, stream.get_tensor(prefix + name), wanted[name])
    except (SafetensorError, OSError) as error:
        raise EvaluationError(f"{path.name} cannot be read: it is damaged, or no safetensors file") from error


def _present(
    path: Path, prefix: str, wanted: Mapping[str, Tensor], held: set[str], names: list[str], partly: bool
) -> list[str]:
    """The module's names, all of which must be in the file; a count of batches is not needed."""
    missing = [name for name in wanted if name not in held and not name.endswith("num_batches_tracked")]
    if missing:
        near = difflib.get_close_matches(prefix + missing[0], names, n=SHOWN, cutoff=0.4) or sorted(names)[:SHOWN]
        raise EvaluationError(
            f"{path.name} holds no {_listed(prefix, missing)}, which the module wants",
            hint=f"nearest in the file: {', '.join(near) or 'nothing'}; prefix= says what its names begin with",
        )
    more = sorted(held - set(wanted))
    if more and not partly:
        raise EvaluationError(
            f"{path.name} holds {_listed(prefix, more)}, which the module has not",
            hint="is the module the one that was saved? partly=True takes what fits and leaves the rest",
        )
    return [name for name in wanted if name in held]


def _check(path: Path, name: str, found: Any, wanted: Tensor) -> None:
    shape, kind = tuple(found.get_shape()), str(found.get_dtype())
    if shape != tuple(wanted.shape):
        raise EvaluationError(
            f"{name} has the shape {shape} in {path.name}, the module wants {tuple(wanted.shape)}",
            hint="build the module with the sizes that it was saved with",
        )
    if ("F" in kind) != wanted.is_floating_point():
        raise EvaluationError(f"{name} holds {kind} in {path.name}, the module wants {wanted.dtype}")


def _copy(path: Path, name: str, found: Tensor, wanted: Tensor) -> None:
    if found.is_floating_point() and not bool(torch.isfinite(found).all()):
        raise EvaluationError(f"{name} in {path.name} holds values that are not finite")
    if not wanted.is_meta:
        wanted.copy_(found)


def _compare(path: Path, digest: str) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != digest.lower().removeprefix("sha256:"):
        raise EvaluationError(
            f"{path.name} is another file than the one that was meant: its SHA-256 is {found}",
            hint=f"wanted: {digest}",
        )


def _listed(prefix: str, names: list[str]) -> str:
    shown = ", ".join(repr(prefix + name) for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
