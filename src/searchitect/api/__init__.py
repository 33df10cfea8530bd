"""The front door: one call that wires data, space, strategy, evaluator, executor, storage, files and report together.

Everything here can be done by hand with the rooms below; nothing below knows this room.
"""

from __future__ import annotations

from searchitect.api.doctor import Diagnosis, doctor
from searchitect.api.migrating import Migration, migrate
from searchitect.api.reopening import export, open_result, opened, predict, report, resume, retrain
from searchitect.api.request import Request
from searchitect.api.searching import plan, search

__all__ = [
    "Diagnosis",
    "Migration",
    "Request",
    "doctor",
    "export",
    "migrate",
    "open_result",
    "opened",
    "plan",
    "predict",
    "report",
    "resume",
    "retrain",
    "search",
]
