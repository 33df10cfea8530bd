"""Options under which a slow strategy keeps its contract in seconds: smaller models, rarer fits, the same code."""

QUICK: dict[str, dict[str, object]] = {}
