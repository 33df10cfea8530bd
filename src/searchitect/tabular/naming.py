"""What a column's name tells: whether more is better, and in which unit it is given."""

from __future__ import annotations

import re
from itertools import pairwise

from searchitect.errors import ConfigError
from searchitect.objectives import Direction, is_maximized

__all__ = ["cost_unit_of", "direction_of", "identifier", "is_static", "words_of"]

HIGHER = {
    *("acc", "auc", "iou", "miou", "map", "ssim", "psnr", "bleu", "rouge", "dice", "kappa", "mcc", "spearman"),
    *("kendall", "pearson", "correlation", "top1", "top5", "hypervolume", "fps"),
}
LOWER = {
    *("loss", "error", "err", "perplexity", "ppl", "mse", "rmse", "mae", "wer", "cer", "fid", "nll", "regret"),
    *("latency", "seconds", "second", "ms", "time", "hours", "minutes", "runtime", "duration", "cost", "price"),
    *("params", "parameters", "flops", "macs", "memory", "size", "bytes", "mb", "kb", "depth"),
    *("energy", "joules", "mj", "kwh", "watts", "power", "carbon", "co2"),
}
STATIC = {
    *("params", "parameters", "flops", "macs", "latency", "throughput", "memory", "size", "bytes", "intensity"),
}
"""Words of measurements that training does not change: they are known at every fidelity."""


def words_of(name: str) -> list[str]:
    """Return the words of a name, in lower case: `validAcc_top1` is valid, acc, top1."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def direction_of(name: str) -> Direction:
    """Return whether more of a measurement is better, judged by the words of its name.

    Raises:
        ConfigError: the words say nothing, or contradict each other.
    """
    words = words_of(name)
    higher = is_maximized(name) or bool(HIGHER & set(words))
    lower = bool(LOWER & set(words)) and not is_rate(words)
    if words[:1] in (["neg"], ["negative"]) or "neg" in words:
        higher, lower = lower, higher
    if higher is lower:
        raise ConfigError(
            f"cannot tell from its name whether a higher or a lower {name!r} is better",
            hint=f'add to the description: directions = {{ {identifier(name)} = "maximize" }}, or "minimize"',
        )
    return "maximize" if higher else "minimize"


def is_rate(words: list[str]) -> bool:
    """Whether it counts something per time, as in images per second: the unit of time says nothing then."""
    return "throughput" in words or any(pair in (("per", "second"), ("per", "s")) for pair in pairwise(words))


def is_static(name: str) -> bool:
    """Whether training does not change a measurement of this name."""
    return bool(STATIC & set(words_of(name)))


def cost_unit_of(name: str) -> str:
    """Return the unit of a cost: "seconds" for a column of seconds, otherwise the name itself."""
    words = words_of(name)
    return "seconds" if {"seconds", "second", "sec", "secs", "s"} & set(words[-2:]) or "seconds" in words else name


def identifier(name: str) -> str:
    """Return a column's name as an identifier: `Val Acc (%)` is Val_Acc, `1080ti_ms` is _1080ti_ms."""
    made = re.sub(r"\W+", "_", name).strip("_") if not name.isidentifier() else name
    return made if made.isidentifier() else f"_{made}"
