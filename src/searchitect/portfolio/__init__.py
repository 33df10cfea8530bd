"""The portfolio: K models for all the places where they must serve, out of one search.

`Scenario` describes a place, `regrets_of` says what each candidate would cost each place, `choose` picks K of them
with the smallest expected regret (facility location), `feasibility` bounds how sure a limit is. Nothing here knows
torch.
"""

from __future__ import annotations

from searchitect.portfolio.choosing import GUARANTEE, Choice, choose, greedy
from searchitect.portfolio.diversity import architectural_distance
from searchitect.portfolio.feasibility import Feasibility, measured_feasibility, repetitions_needed, share_bound
from searchitect.portfolio.regrets import Regrets, collision, regrets_of
from searchitect.portfolio.scenario import Scenario, objectives_of, scenarios_of

__all__ = [
    "GUARANTEE",
    "Choice",
    "Feasibility",
    "Regrets",
    "Scenario",
    "architectural_distance",
    "choose",
    "collision",
    "greedy",
    "measured_feasibility",
    "objectives_of",
    "regrets_of",
    "repetitions_needed",
    "scenarios_of",
    "share_bound",
]
