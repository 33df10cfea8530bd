"""Which zero-cost proxies there are, by name: what each reads, and the groups that are scored together.

No proxy is imported here: a name is resolved when a model is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from searchitect.errors import ConfigError, did_you_mean

__all__ = ["GROUPS", "PROXIES", "ProxyEntry", "proxy_names"]

_HERE = "searchitect.evaluators.proxies"


@dataclass(frozen=True, slots=True)
class ProxyEntry:
    """One proxy.

    Attributes:
        function: import path of `fn(model, probe) -> {name: score}`; several proxies may share one pass.
        random: the score depends on the weights, so it is averaged over initialisations.
    """

    function: str
    random: bool = True


PROXIES: dict[str, ProxyEntry] = {
    "parameters": ProxyEntry(f"{_HERE}.counts:parameters", random=False),
    "flops": ProxyEntry(f"{_HERE}.counts:flops", random=False),
    "synflow": ProxyEntry(f"{_HERE}.synflow:synflow"),
    "nwot": ProxyEntry(f"{_HERE}.nwot:nwot"),
    "jacov": ProxyEntry(f"{_HERE}.jacov:jacov"),
    "snip": ProxyEntry(f"{_HERE}.gradients:gradients"),
    "grad_norm": ProxyEntry(f"{_HERE}.gradients:gradients"),
    "zen": ProxyEntry(f"{_HERE}.zen:zen"),
    "zico": ProxyEntry(f"{_HERE}.zico:zico"),
    "az_expressivity": ProxyEntry(f"{_HERE}.az_nas:az_nas"),
    "az_progressivity": ProxyEntry(f"{_HERE}.az_nas:az_nas"),
    "az_trainability": ProxyEntry(f"{_HERE}.az_nas:az_nas"),
    "dss": ProxyEntry(f"{_HERE}.dss:dss"),
}
"""Every score is higher for what is expected to be better."""

GROUPS: dict[str, tuple[str, ...]] = {
    "default": ("nwot", "synflow", "flops", "jacov"),
    "az_nas": ("az_expressivity", "az_progressivity", "az_trainability", "flops"),
    "transformer": ("dss", "synflow", "flops", "parameters"),
    "all": tuple(PROXIES),
}
"""Names for several proxies. "default" stands for "transformer" where the models attend: nwot says little of them."""


def proxy_names(asked: str | Sequence[str]) -> tuple[str, ...]:
    """Return the proxies that a name, a group, "nwot,synflow" or a list of such stands for, each once.

    Raises:
        ConfigError: there is no such proxy; with the nearest name.
    """
    words = [word.strip() for text in ([asked] if isinstance(asked, str) else asked) for word in str(text).split(",")]
    known = [*PROXIES, *GROUPS]
    for word in words:
        if word not in known:
            raise ConfigError(f"there is no zero-cost proxy {word!r}", hint=did_you_mean(word, known))
    return tuple(dict.fromkeys(name for word in words for name in GROUPS.get(word, (word,))))
