"""The trust card of zero-cost proxies: how well each ranked what was then trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from searchitect.report.facts import finite
from searchitect.report.numbers import duration, shortened

if TYPE_CHECKING:
    from searchitect.result import Result

__all__ = ["trust"]

Json = dict[str, Any]

MAX_PROXIES = 30


def trust(result: Result) -> Json | None:
    """Rows of the card, and one sentence on what it says; None for a search without proxies."""
    card = result.proxies.get("card") or {}
    if not card:
        return None
    failed = result.proxies.get("failed") or {}
    rows = [_row(name, card[name], failed.get(name)) for name in list(card)[:MAX_PROXIES]]
    seconds = sum(line.seconds for line in result.costs if line.what == "proxies")
    lead = f"{result.proxies.get('scored', 0):,} architectures were scored before any training of theirs"
    lead += f", in {duration(seconds)}" if seconds > 0 else ""
    return {"lead": f"{lead}. Scores seed and filter the search, they never choose the model.", "rows": rows}


def _row(name: str, found: Mapping[str, Any], failed: Mapping[str, Any] | None) -> Json:
    correlation = finite(found.get("correlation"))
    known = correlation is not None
    return {
        "name": shortened(name, 40),
        "correlation": f"{correlation:+.2f}" if known else "not known",
        "interval": f"{found['low']:+.2f} to {found['high']:+.2f}" if known else "",
        "count": f"{found.get('count', 0):,}",
        "weight": f"{found.get('weight', 0.0):.2f}",
        "state": "switched off: it misleads here" if found.get("is_off") else "on",
        "failed": f"no score for {failed['count']:,}: {shortened(failed['first'], 120)}" if failed else "",
    }
