"""A portfolio on a terminal: one line for each scenario."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from searchitect.portfolio.record import Portfolio

__all__ = ["HEADERS", "portfolio_rows", "portfolio_sentence"]

HEADERS = ("scenario", "model", "validation", "test", "regret", "limits", "folder")


def portfolio_sentence(portfolio: Portfolio) -> str:
    """What was chosen, in one line."""
    text = f"{len(portfolio.members)} model(s) for {len(portfolio.scenarios)} scenario(s)"
    if portfolio.expected_regret is not None:
        unit = portfolio.unit or "of the range of the objectives"
        text += f", expected regret {portfolio.expected_regret:.4f} {unit}"
        least = "" if portfolio.bound is None else f" (none can be below {portfolio.bound:.4f})"
        text += " (proven smallest)" if portfolio.exact else least
    if portfolio.diversity is not None:
        text += f"; they differ in {100 * portfolio.diversity:.0f} % of their decisions"
    return text


def portfolio_rows(portfolio: Portfolio) -> Iterator[tuple[str, ...]]:
    """A row for each scenario, under `HEADERS`."""
    for service in portfolio.services:
        if service.member is None:
            yield service.scenario, "none", "", "", "", service.problem, ""
        else:
            sure = "; ".join(_limit(one.limit, one.holds, one.probability) for one in service.feasibility)
            yield (
                service.scenario,
                service.member,
                _number(service.value, service.interval),
                _number(service.test, service.test_interval),
                "–" if service.regret is None else f"{service.regret:.4f}",
                sure or "none",
                service.folder or "",
            )


def _limit(limit: str, holds: bool, probability: float) -> str:
    sure = "" if probability in (0.0, 1.0) else f" (P = {probability:.2f})"
    return f"{limit}{sure}" + ("" if holds else " NOT SURE")


def _number(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" + ("" if interval is None else f" ({interval[0]:.4f} to {interval[1]:.4f})")
