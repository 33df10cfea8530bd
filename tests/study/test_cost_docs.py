"""What docs/cost.md promises of units and words is what the program reads."""

import re
from pathlib import Path

import pytest

from searchitect.config import Budget, parse_budget
from searchitect.study.cost import refit_due

PAGE = (Path(__file__).parents[2] / "docs" / "cost.md").read_text("utf-8")


def test_every_unit_of_the_table_is_read():
    rows = re.findall(r"^\| (`.+?`) \|", PAGE, flags=re.MULTILINE)
    texts = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    assert len(texts) == 8
    assert all(parse_budget(text) != Budget() for text in texts)


def test_the_refits_come_when_the_page_says():
    assert "3, 5, 10, 20, 30" in PAGE
    assert [n for n in range(31) if refit_due(n)] == [3, 5, 10, 20, 30]


@pytest.mark.parametrize("name", ["gp", "parego", "ehvi"])
def test_the_strategies_named_take_per_cost(name):
    import importlib
    import inspect

    from searchitect.strategies import STRATEGIES

    module, attribute = STRATEGIES[name].split(":")
    assert "per_cost" in inspect.signature(getattr(importlib.import_module(module), attribute)).parameters
