"""Decisions as Optuna's distributions, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from searchitect.spaces.architecture import Value
from searchitect.spaces.domains import Domain, Options, Range, Span, Subsets

__all__ = ["dimensions", "raw_values", "suggested", "value_of"]

LISTED_SUBSETS = 64
"""Up to so many subsets are one category each; of more, every element is in or out."""


def dimensions(path: str, domain: Domain) -> dict[str, Any]:
    """Return name and distribution of what is suggested for one decision. A list is suggested by place."""
    from optuna import distributions

    match domain:
        case Range():
            return {path: distributions.IntDistribution(domain.low, domain.high, domain.log, domain.step)}
        case Span():
            return {path: distributions.FloatDistribution(domain.low, domain.high, domain.log)}
        case Subsets() if domain.count > LISTED_SUBSETS:
            return {f"{path}[{label}]": distributions.CategoricalDistribution((0, 1)) for label in domain.labels}
    return {path: distributions.CategoricalDistribution(tuple(range(domain.count)))}


def suggested(trial: Any, name: str, distribution: Any) -> Any:
    """Ask a trial of Optuna for a value of this distribution."""
    from optuna import distributions

    match distribution:
        case distributions.IntDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_int(name, low, high, step=step, log=log)
        case distributions.FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
    return trial.suggest_categorical(name, distribution.choices)


def value_of(domain: Domain, raws: Sequence[Any]) -> Value:
    """Return the value of a decision that was suggested so."""
    if isinstance(domain, (Range, Span)):
        return domain.normal(raws[0])
    if isinstance(domain, Subsets) and domain.count > LISTED_SUBSETS:
        return domain.from_unit([float(inside) for inside in raws])
    place: int = raws[0]
    return domain.labels[place] if isinstance(domain, Options) else next(islice(domain.values(), place, None))


def raw_values(domain: Domain, value: Value) -> list[Any]:
    """Return what would have to be suggested for this value; the inverse of `value_of`."""
    if isinstance(domain, (Range, Span)):
        return [value]
    if isinstance(domain, Subsets) and domain.count > LISTED_SUBSETS:
        return [int(inside) for inside in domain.to_unit(value)]
    return [list(domain.values()).index(value)]
