"""Pickles of plain data, read without running any code that they name.

A pickle is a program: it may call any function it names. This reader knows a short list of names, and stands an inert
record of its own in the place of each; every other name is refused before anything is called. Numbers of NumPy come out
as Python numbers, weights of torch as nothing.
"""

from __future__ import annotations

import bz2
import gzip
import io
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, cast

from searchitect.errors import TaskError
from searchitect.executors.memory import limited_memory

__all__ = ["MAX_BYTES", "read_pickle"]

MAX_BYTES = 1 << 30
"""Largest pickle that is read, in bytes once unpacked."""

ROOM, PER_BYTE = 1 << 28, 200
"""Memory that the objects of a pickle may take: at least, and for each of its bytes. A few hostile bytes can ask for
a memo of 64 GB."""

CHUNK = 1 << 20

FORMATS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u1": "B", "u8": "Q", "b1": "?"}


class Opaque:
    """Stands for an object that is not needed, such as a tensor: whatever is done to it, it keeps nothing.

    The stand-ins are classes with `__setstate__`, because a pickle may also try to set attributes of what it names: on
    a class that call fails for want of an instance, while a function would take any attribute.
    """

    def __new__(cls, *arguments: object) -> Any:
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, item: object) -> None:
        pass

    def extend(self, items: object) -> None:
        pass


class _NumberType(Opaque):
    """Stands for `numpy.dtype`: a name and a byte order."""

    def __init__(self, name: object = "", *rest: object) -> None:
        self.name, self.order = str(name), "<"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.order = str(state[1])


class _Number(Opaque):
    """Stands for `numpy.core.multiarray.scalar`: a number from its bytes."""

    def __new__(cls, kind: object = None, data: object = b"") -> Any:
        form = FORMATS.get(kind.name) if isinstance(kind, _NumberType) else None
        if form is None or not isinstance(data, bytes) or not isinstance(kind, _NumberType):
            return object.__new__(cls)
        return struct.unpack(kind.order + form, data)[0]


class _Bytes(Opaque):
    """Stands for `_codecs.encode`, which protocol 2 calls to write bytes."""

    def __new__(cls, text: object = "", encoding: object = "latin1") -> Any:
        if not isinstance(text, str) or encoding != "latin1":
            raise pickle.UnpicklingError("it encodes text in an unusual way")
        return text.encode("latin1")


class _Defaults(Opaque):
    """Stands for `collections.defaultdict`: a dictionary, without the function that would be called."""

    def __new__(cls, *arguments: object) -> Any:
        return {}


KNOWN: dict[tuple[str, str], type] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): _Defaults,
    ("_codecs", "encode"): _Bytes,
    **{
        (where, name): kind
        for where in ("builtins", "__builtin__")
        for name, kind in (("set", set), ("frozenset", frozenset))
    },
    **{(where, name): Opaque for where in ("builtins", "__builtin__") for name in ("list", "dict", "int", "float")},
    ("numpy", "dtype"): _NumberType,
    ("numpy", "ndarray"): Opaque,
    **{(f"numpy.{core}.multiarray", "scalar"): _Number for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): Opaque for core in ("core", "_core")},
    ("torch._utils", "_rebuild_tensor_v2"): Opaque,
    ("torch._utils", "_rebuild_parameter"): Opaque,
    ("torch.storage", "_load_from_bytes"): Opaque,
    ("torch", "device"): Opaque,
    ("torch", "Size"): Opaque,
    **{("torch", f"{kind}Storage"): Opaque for kind in ("Float", "Double", "Half", "Long", "Int", "Byte", "Bool")},
}
"""Every name a pickle may use, and what stands in its place. None of these runs anything but its own few lines."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}")
        return KNOWN[module, name]

    def persistent_load(self, pid: object, /) -> Any:
        return Opaque()


def read_pickle(path: Path, max_bytes: int = MAX_BYTES) -> Any:
    """Return the data of a pickle, packed by bzip2 or gzip or not.

    Raises:
        TaskError: it cannot be read, is larger than `max_bytes`, or names anything that could run code.
    """
    try:
        with _opened(path) as file:
            data = _bounded(file, path, max_bytes)
        with limited_memory(ROOM + PER_BYTE * len(data)):
            return _Reader(io.BytesIO(data)).load()
    except TaskError:
        raise
    except FileNotFoundError as error:
        raise TaskError(
            f"there is no {path.name} in {path.parent.name}", hint="is it the right folder, unpacked and whole?"
        ) from error
    except (pickle.UnpicklingError, OSError, EOFError) as error:
        raise TaskError(
            f"{path.name} is refused: {error}", hint="only plain data are read: lists, dictionaries, text, numbers"
        ) from error
    except Exception as error:  # a broken pickle may end in any error of the containers it fills
        raise TaskError(f"{path.name} is a broken pickle: {type(error).__name__}: {error}"[:300]) from error


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as probe:
        magic = probe.read(3)
    if magic == b"BZh":
        return cast("BinaryIO", bz2.open(path, "rb"))
    return cast("BinaryIO", gzip.open(path, "rb")) if magic[:2] == b"\x1f\x8b" else path.open("rb")


def _bounded(file: BinaryIO, path: Path, max_bytes: int) -> bytes:
    parts, total = [], 0
    while chunk := file.read(CHUNK):
        total += len(chunk)
        if total > max_bytes:
            raise TaskError(f"{path.name} unpacks to more than {max_bytes:,} bytes", hint="is it the right file?")
        parts.append(chunk)
    return b"".join(parts)
