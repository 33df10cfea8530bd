"""What a server acknowledged a moment ago, and might lose if it crashed now: kept until it is on the server's disk.

A server that need not wait for its disk at every event takes many times as many. What a crash makes it forget is a
moment at the end, never something in the middle; whoever wrote that moment and still lives writes it again.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql

from searchitect.storage.prepared import Prepared
from searchitect.storage.schema import EVENT

__all__ = ["Recent"]

_ours = EVENT.c.token.startswith(sql.bindparam("prefix", type_=sql.Text))
_WRITTEN = sql.select(EVENT.c.token, EVENT.c.position).where(
    EVENT.c.study == sql.bindparam("id", type_=sql.Integer),
    EVENT.c.position > sql.bindparam("after", type_=sql.Integer),
    _ours,
)


@dataclass(frozen=True, slots=True)
class _Sent:
    at: float
    position: int
    values: Mapping[str, Any]


class Recent:
    """What one store has sent: a token for each event, and those that are not known to be on the server's disk.

    Args:
        append: the statement that writes an event.
        seconds: how long an acknowledged event may take to reach the disk; 0 where it is there at once.
    """

    def __init__(self, append: Prepared, seconds: float) -> None:
        self._append, self._seconds = append, seconds
        self._prefix = f"{socket.gethostname()[:30]}.{os.getpid()}.{time.time_ns():x}.{id(self):x}."
        self._count = itertools.count(1)
        self._sent: deque[_Sent] = deque()
        self._settled: dict[int, int] = {}  # study -> position up to which nothing can be lost

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._sent)

    def values(self, study: int, body: str) -> Mapping[str, Any]:
        """The parameters of the append of one event, which knows it by a token of its own."""
        return {"id": study, "body": body, "token": f"{self._prefix}{next(self._count)}"}

    def note(self, values: Mapping[str, Any], position: int) -> None:
        """An event was acknowledged."""
        now = time.monotonic()
        self._sent.append(_Sent(now, position, values))
        while self._sent and self._sent[0].at <= now - self._seconds:
            sent = self._sent.popleft()
            study = sent.values["id"]
            self._settled[study] = max(sent.position, self._settled.get(study, 0))

    def written(self, connection: sql.Connection, study: int) -> Mapping[str, int]:
        """Token to position of our events of a study that are there, of those that might not be."""
        asked = {"id": study, "after": self._settled.get(study, 0), "prefix": self._prefix}
        return {str(token): int(position) for token, position in connection.execute(_WRITTEN, asked)}

    def write_again(self, connection: sql.Connection) -> None:
        """Append what the server has lost, in order. A study that was deleted meanwhile stays so."""
        there = {study: self.written(connection, study) for study in {sent.values["id"] for sent in self._sent}}
        self._sent = deque(sorted(self._sent, key=lambda sent: sent.position))  # threads may have been told in turn
        for place, sent in enumerate(list(self._sent)):
            if sent.values["token"] not in there[sent.values["id"]]:
                rows = self._append.all(connection, sent.values)
                position = int(rows[0][0]) if rows else sent.position
                self._sent[place] = _Sent(time.monotonic(), position, sent.values)
