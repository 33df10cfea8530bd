"""Niches made from the space itself: centroidal Voronoi cells of what sampled architectures cost or look like.

Vassiliades, Chatzilygeroudis and Mouret, "Using centroidal Voronoi tessellations to scale up the multidimensional
archive of phenotypic elites algorithm", IEEE Transactions on Evolutionary Computation 2018, algorithm 1. They sample
the box of the features evenly; we sample *architectures*, since most of that box holds none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, EvaluationError, did_you_mean
from searchitect.evaluation import Facts
from searchitect.seeding import derive, stream
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.niches import Niches, Regions, describe, is_structural, parse_niches

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

__all__ = [
    "NICHED",
    "asked_niches",
    "is_tessellation",
    "made_niches",
    "measured_features",
    "niche_features",
    "tessellate",
]

NICHED = ("map_elites", "cvt_map_elites", "bop_elites", "qd_hb", "bop_elites_hb")
"""Strategies that have the option `niches`."""

SAMPLES = 10_000
"""Architectures whose features are clustered."""

COUNT = 32
"""Regions, where nothing is said."""

WIDE = 100.0
"""A feature whose largest value is this many times its smallest is compared by its logarithm."""

_OPTIONS = ("features", "count", "samples")


def asked_niches(strategy: str, options: Mapping[str, Any]) -> Any:
    """Return the niches that a strategy of this name is asked for: what `made_niches` reads."""
    niches = options.get("niches")
    if niches is None and strategy == "cvt_map_elites":
        return {"cvt": {name: options[name] for name in _OPTIONS if name in options}}
    return niches


def is_tessellation(value: Any) -> bool:
    """Whether niches are still to be made: {"cvt": {…}}, or nothing at all."""
    return value is None or (isinstance(value, Mapping) and set(value) == {"cvt"})


def measured_features(value: Any, space: SearchSpace) -> tuple[str, ...]:
    """Return the measurements that niches, as given in an option, refer to.

    Raises:
        ConfigError: they cannot be read.
    """
    names = _asked(value)[0] if is_tessellation(value) else parse_niches(value).features
    return tuple(name for name in names if not is_structural(name, space))


def niche_features(strategy: object, options: Mapping[str, Any] | None, space: SearchSpace) -> tuple[str, ...]:
    """Return the measurements that the niches of a strategy refer to; none where it has no niches.

    Args:
        strategy: its name, or an object, which says nothing of niches.

    Raises:
        ConfigError: the niches cannot be read.
    """
    if not isinstance(strategy, str) or strategy not in NICHED:
        return ()
    return measured_features(asked_niches(strategy, options or {}), space)


def made_niches(value: Any, space: SearchSpace, facts: Facts | None, seed: int) -> Niches:
    """Return the niches of an option; Voronoi cells are made here, always the same ones for the same seed.

    Args:
        value: as for `parse_niches`, or {"cvt": {"features": NAMES, "count": 32, "samples": 10000}}, or None: cells of
            the encoding of the architectures themselves.

    Raises:
        ConfigError: they cannot be read, or a feature of a cell is not known without training.
    """
    if not is_tessellation(value):
        return parse_niches(value)
    features, count, samples = _asked(value)
    return tessellate(space, features, count, samples, facts, seed)


def tessellate(
    space: SearchSpace, features: Sequence[str], count: int, samples: int, facts: Facts | None, seed: int
) -> Regions:
    """Return the Voronoi cells around the k-means centres of sampled architectures' features.

    Raises:
        ConfigError: a feature is not known without training.
    """
    import numpy as np

    vectors = _sampled(space, tuple(features), samples, facts, seed)
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    logarithmic = (low > 0) & (high > WIDE * low) if features else np.zeros(len(low), dtype=bool)
    plain = np.where(logarithmic, np.log(np.where(logarithmic, vectors, 1.0)), vectors)
    means = plain.mean(axis=0)
    # Columns of an encoding are of one kind already: dividing them would give rare options the largest weight.
    scales = np.where(plain.std(axis=0) > 1e-12, plain.std(axis=0), 1.0) if features else np.ones(len(low))
    means, scales = np.round(means, 9), np.round(scales, 9)
    centres = np.round(_centres((plain - means) / scales, count, seed), 9)
    return Regions(
        tuple(features),
        tuple(tuple(row) for row in centres.tolist()),
        tuple(means.tolist()),
        tuple(scales.tolist()),
        tuple(logarithmic.tolist()),
    )


def _sampled(space: SearchSpace, features: tuple[str, ...], samples: int, facts: Facts | None, seed: int) -> Matrix:
    import numpy as np

    rng, names = stream(seed, "tessellation"), frozenset(f for f in features if not is_structural(f, space))
    if names and facts is None:
        raise _unknown(sorted(names))
    known: dict[str, Any] = {}
    found = []
    for _ in range(samples):
        architecture = space.sample(rng)
        if architecture.text not in known:
            try:
                told = facts(architecture, names) if names and facts is not None else {}
            except EvaluationError:  # nothing can be built of it
                known[architecture.text] = None
                continue
            if missing := sorted(names - set(told)):
                raise _unknown(missing)
            known[architecture.text] = describe(features, space, architecture, told)
        if known[architecture.text] is not None:
            found.append(known[architecture.text])
    if not found:
        raise ConfigError(f"none of {samples:,} sampled architectures has {', '.join(features)}")
    return np.stack(found)


def _centres(points: Matrix, count: int, seed: int) -> Matrix:
    """k-means, or the points themselves where they are that few; in the order of their coordinates."""
    import numpy as np

    different = np.unique(points, axis=0)
    if len(different) <= count:
        return different
    from sklearn.cluster import KMeans

    made = KMeans(count, n_init=1, random_state=derive(seed, "k-means") % 2**32).fit(points)
    return np.asarray(made.cluster_centers_[np.lexsort(made.cluster_centers_.T[::-1])])


def _asked(value: Any) -> tuple[tuple[str, ...], int, int]:
    options = {} if value is None else value["cvt"]
    if not isinstance(options, Mapping):
        raise ConfigError(f"'cvt' wants a table of options, got {options!r}", hint="{'cvt': {'features': ['flops']}}")
    for name in options:
        if name not in _OPTIONS:
            raise ConfigError(f"'cvt' has no option {name!r}", hint=did_you_mean(str(name), _OPTIONS))
    features, count, samples = options.get("features", ()), options.get("count", COUNT), options.get("samples", SAMPLES)
    if isinstance(features, str) or not all(isinstance(name, str) for name in features):
        raise ConfigError(f"'cvt' wants a list of features, got {features!r}", hint="{'features': ['flops']}")
    for name, number in (("count", count), ("samples", samples)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ConfigError(f"'cvt' wants a positive whole number as {name}, got {number!r}")
    return tuple(features), count, samples


def _unknown(names: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"Voronoi cells need features that are known without training; {', '.join(names)} is not",
        hint="parameters, flops, activations, peak_memory_bytes, a decision's path, or boxes instead of cells",
    )
