"""Messages between driver and worker: eight bytes of length, then the payload."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

__all__ = ["JOB", "VERDICT", "FrameReader", "framed", "read_frame"]

JOB, VERDICT = b"j", b"v"
"""The first letter of what the driver sends to a worker that has its evaluator."""

_LENGTH = struct.Struct("!Q")

_LONGEST = 1 << 30
"""Bytes of the longest answer of a worker; its reports have some hundred."""


def framed(payload: bytes) -> bytes:
    """Return the payload with its length in front."""
    return _LENGTH.pack(len(payload)) + payload


def read_frame(channel: socket.socket) -> bytearray | None:
    """Wait for one whole payload on a blocking socket; None when the other side has gone."""
    head = _read(channel, _LENGTH.size)
    return None if head is None else _read(channel, _LENGTH.unpack(head)[0])


def _read(channel: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    view = memoryview(data)
    while len(view):
        count = channel.recv_into(view)
        if count == 0:
            return None
        view = view[count:]
    return data


class FrameReader:
    """Cuts a stream that arrives in pieces into payloads."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next piece and yield the payloads that are whole now, to be read to the last.

        Raises:
            ValueError: a length is beyond all measure: these are no frames.
        """
        self._data += piece
        begin = 0
        while len(self._data) - begin >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data, begin)
            if length > _LONGEST:
                raise ValueError(f"a message of {length:,} bytes")
            end = begin + _LENGTH.size + length
            if end > len(self._data):
                break
            yield bytes(self._data[begin + _LENGTH.size : end])
            begin = end
        del self._data[:begin]
