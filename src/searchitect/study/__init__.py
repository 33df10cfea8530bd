"""A study is one whole search: a journal of events, the loop that grows it, and the rules of its phases.

`Study` alone serves your own loop (`ask`, `tell`); `run_campaign` drives one through search, random search at equal
cost, confirmation, baselines and the test split. Nothing here knows torch: models, data and processes are injected.
"""

from __future__ import annotations

from searchitect.study.campaign import Campaign, Judge, run_campaign
from searchitect.study.finalists import Finalist
from searchitect.study.limits import Limit
from searchitect.study.loop import Clock, Runner, run_phase
from searchitect.study.study import Study

__all__ = ["Campaign", "Clock", "Finalist", "Judge", "Limit", "Runner", "Study", "run_campaign", "run_phase"]
