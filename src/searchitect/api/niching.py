"""Niches made of the space itself: once, before the first trial."""

from __future__ import annotations

import dataclasses
from typing import Any

from searchitect.api.request import Request
from searchitect.spaces import SearchSpace
from searchitect.storage.journal import Event
from searchitect.strategies.niches import Regions, parse_niches
from searchitect.strategies.tessellation import NICHED, asked_niches, is_tessellation, made_niches

__all__ = ["with_cells"]


def with_cells(request: Request, space: type, evaluator: Any, known: Event | None) -> Request:
    """Return the request with Voronoi cells in the place of the wish for some.

    They stand in the manifest, among the options of the strategy. A study that exists keeps its own, where they fit
    what is asked for: making them again may take a minute.
    """
    if not isinstance(request.strategy, str) or request.strategy not in NICHED:
        return request
    asked = asked_niches(request.strategy, request.options)
    if not is_tessellation(asked):
        return request
    kept = None if known is None else known["strategy"]["options"].get("niches")
    if kept is None or not _fits(kept, asked):
        facts = evaluator.check if callable(getattr(evaluator, "check", None)) else None
        kept = made_niches(asked, SearchSpace.of(space), facts, request.seed).to_json()
    return dataclasses.replace(request, options={**request.options, "niches": kept})


def _fits(kept: Any, asked: Any) -> bool:
    made, wanted = parse_niches(kept), {} if asked is None else asked["cvt"]
    same = isinstance(made, Regions) and list(made.features) == list(wanted.get("features", ()))
    return same and wanted.get("count") in (None, len(made.names))
