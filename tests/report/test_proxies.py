"""The page of a search with zero-cost proxies shows their trust card."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from searchitect.report.page import write_report
from searchitect.report.proxies import trust
from searchitect.study.ledger import Spent
from tests.report.studies import finished

CARD = {
    "nwot": {"correlation": 0.62, "low": 0.31, "high": 0.81, "count": 24, "is_off": False, "weight": 0.7},
    "jacov": {"correlation": -0.5, "low": -0.7, "high": -0.1, "count": 24, "is_off": True, "weight": 0.0},
    "snip": {"correlation": None, "low": -1.0, "high": 1.0, "count": 3, "is_off": False, "weight": 0.3},
}
NOTED = {"card": CARD, "scored": 1200, "failed": {"snip": {"count": 2, "first": "<b>overflow</b>"}}}


def seeded():
    return dataclasses.replace(finished(10), proxies=NOTED, costs=(Spent("proxies", 0, 90.0),))


def test_the_card_tells_correlation_interval_weight_and_what_was_switched_off():
    found = trust(seeded())
    nwot, jacov, snip = found["rows"]
    assert (nwot["correlation"], nwot["interval"], nwot["weight"], nwot["state"]) == (
        "+0.62", "+0.31 to +0.81", "0.70", "on",
    )  # fmt: skip
    assert jacov["state"].startswith("switched off")
    assert (snip["correlation"], snip["interval"]) == ("not known", "")
    assert snip["failed"].startswith("no score for 2")
    assert "1,200 architectures" in found["lead"]
    assert "90 s" in found["lead"] or "1.5 min" in found["lead"] or "1 min" in found["lead"]


def test_a_search_without_proxies_has_no_such_section(tmp_path: Path):
    assert trust(finished(10)) is None
    assert 'id="proxies"' not in write_report(finished(10), tmp_path / "a.html").read_text()


def test_the_page_holds_the_section_and_nothing_in_it_is_markup(tmp_path: Path):
    page = write_report(seeded(), tmp_path / "a.html").read_text()
    assert 'id="proxies"' in page
    assert "switched off: it misleads here" in page
    assert "<b>overflow</b>" not in page
