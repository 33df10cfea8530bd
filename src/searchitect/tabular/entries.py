"""Which strategies a comparison holds, read from one line of text.

`random,regularized_evolution(population_size=10,tournament_size=3),gp`: names from `STRATEGIES`, options as JSON values
(a bare word is a text). Nothing is evaluated. The same entry twice runs twice, on seeds of its own: an A/A comparison.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from searchitect.errors import ConfigError, SearchitectError, did_you_mean
from searchitect.spaces.architecture import Architecture
from searchitect.strategies import STRATEGIES, Setting, Strategy, make_strategy
from searchitect.strategies.strategy import Scores

__all__ = ["ALL", "ALL_NEURAL", "BASELINE", "NEURAL", "Entry", "chosen", "parse_entries"]

BASELINE = "random"
"""Always among the rows: every figure stands beside random search at equal cost."""

ALL, ALL_NEURAL = "all", "all+neural"
NEURAL = frozenset({"bananas", "nao"})
"""Strategies that train networks at every step: minutes a search, not a second; "all" leaves them out."""

SCORED = "proxies"
"""The option of any entry that starts from the table's zero-cost scores: auto(proxies=default)."""

_NAME = re.compile(r"\s*([A-Za-z_]\w*)\s*")
_WORD = re.compile(r"[A-Za-z_][\w.\-]*")
_CONSTANTS = {"true": True, "false": False, "null": None}
_EXAMPLE = "write regularized_evolution(population_size=10, tournament_size=3),gp"


@dataclass(frozen=True)
class Entry:
    """One row of a comparison.

    Attributes:
        copy: 0, or how many equal entries come before this one.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    copy: int = 0

    @property
    def label(self) -> str:
        """The entry as it is typed; further copies are counted."""
        options = ", ".join(f"{name}={_shown(value)}" for name, value in self.options.items())
        return self.name + (f"({options})" if options else "") + (f" #{self.copy + 1}" if self.copy else "")

    def make(self, setting: Setting) -> Strategy:
        """Make the strategy; it starts from the setting's zero-cost scores if the entry says so.

        Raises:
            ConfigError: there is no such strategy, option or proxy, or the table holds no scores.
        """
        own = {name: value for name, value in self.options.items() if name != SCORED}
        asked = self.options.get(SCORED)
        scores = None if asked in (None, False) else _chosen_scores(setting.scores, asked)
        return make_strategy(self.name, dataclasses.replace(setting, scores=scores), own)


def _chosen_scores(scores: Scores | None, asked: Any) -> Scores:
    from searchitect.evaluators.proxies import proxy_names

    if scores is None:
        raise ConfigError("this benchmark holds no zero-cost scores", hint="nasbench201_proxies/cifar10 does")
    names = frozenset(proxy_names("default" if asked is True else asked))

    def chosen_scores(architecture: Architecture) -> Mapping[str, float]:
        return {name: value for name, value in scores(architecture).items() if name in names}

    return chosen_scores


def _shown(value: Any) -> str:
    is_word = isinstance(value, str) and _WORD.fullmatch(value) and value not in _CONSTANTS
    return str(value) if is_word else json.dumps(value)


def parse_entries(text: str) -> tuple[Entry, ...]:
    """Read a list of strategies with options.

    Raises:
        ConfigError: the text has another form; shows from where it cannot be read.
    """
    entries: list[Entry] = []
    place = 0
    while place < len(text) or not entries:
        name, place = _name(text, place)
        options, place = _options(text, place) if text[place : place + 1] == "(" else ({}, place)
        entries.append(Entry(name, options, sum((e.name, e.options) == (name, options) for e in entries)))
        place = _after_comma(text, place)
    return tuple(entries)


def _name(text: str, place: int) -> tuple[str, int]:
    match = _NAME.match(text, place)
    if match is None:
        raise _unreadable(text, place)
    return match[1], match.end()


def _options(text: str, place: int) -> tuple[dict[str, Any], int]:
    options: dict[str, Any] = {}
    place += 1
    while True:
        place = _skip(text, place)
        if text[place : place + 1] == ")":
            return options, _skip(text, place + 1)
        name, place = _name(text, place)
        if text[place : place + 1] != "=" or name in options:
            raise _unreadable(text, place)
        options[name], place = _value(text, _skip(text, place + 1))
        place = _skip(text, place)
        if text[place : place + 1] == ",":
            place += 1
        elif text[place : place + 1] != ")":
            raise _unreadable(text, place)


def _value(text: str, place: int) -> tuple[Any, int]:
    if word := _WORD.match(text, place):
        return _CONSTANTS.get(word[0], word[0]), word.end()
    try:
        value, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(text, place)
    except (ValueError, RecursionError):
        raise _unreadable(text, place) from None
    return value, end


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _after_comma(text: str, place: int) -> int:
    if place == len(text):
        return place
    if text[place] != "," or not text[place + 1 :].strip():
        raise _unreadable(text, place)
    return place + 1


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _unreadable(text: str, place: int) -> ConfigError:
    rest = text[place : place + 40]
    return ConfigError(f"cannot read the strategies from {rest!r} on, in {text[:80]!r}", hint=_EXAMPLE)


def chosen(text: str, setting: Setting, note: Callable[[str], None]) -> tuple[Entry, ...]:
    """Return the entries of a comparison, random search first where it was not named.

    Args:
        text: entries, or "all": every registered strategy that can be made for this space, the slow neural ones left
            out; "all+neural" has them too. Further entries may follow "all".
        setting: what each is made with once, so that a wrong name or option is known before anything runs.
        note: receives a sentence for each strategy that "all" leaves out.

    Raises:
        ConfigError: no such strategy or option, with the nearest name.
        SearchitectError: a strategy that was named refuses this space, as `grid` does a huge one.
    """
    head, _, rest = text.partition(",")
    if head.strip() not in (ALL, ALL_NEURAL):
        named = _named(text, setting)
        return (*(() if any(entry.name == BASELINE for entry in named) else (Entry(BASELINE),)), *named)
    slow = frozenset() if head.strip() == ALL_NEURAL else NEURAL
    return (*_applicable(STRATEGIES, slow, setting, note), *(_named(rest, setting) if rest.strip() else ()))


def _named(text: str, setting: Setting) -> tuple[Entry, ...]:
    entries = parse_entries(text)
    for entry in entries:
        if entry.name not in STRATEGIES:
            hint = did_you_mean(entry.name, [*STRATEGIES, ALL, ALL_NEURAL])
            raise ConfigError(f"there is no strategy {entry.name!r}", hint=hint)
        entry.make(setting)
    return entries


def _applicable(
    names: Iterable[str], slow: frozenset[str], setting: Setting, note: Callable[[str], None]
) -> Iterable[Entry]:
    for name in sorted(names, key=lambda name: name != BASELINE):
        if name in slow:
            note(f"{name} is left out: it trains networks at every step (--strategies {ALL_NEURAL} has it)")
            continue
        try:
            Entry(name).make(setting)
        except SearchitectError as error:
            note(f"{name} is left out: {error.message}")
        else:
            yield Entry(name)
