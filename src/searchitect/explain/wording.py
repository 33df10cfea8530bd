"""`Words`: the texts of an explanation in one language, from `words/LANGUAGE.toml`.

A text is found by "table.key" and filled with values. Both files hold the same keys and the same places to fill; a
test compares them. Names of decisions, measurements and strategies are never translated.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from searchitect.errors import ConfigError, did_you_mean

__all__ = ["LANGUAGES", "Words", "words"]

FOLDER = Path(__file__).parent / "words"

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Words:
    """All texts of one language.

    Attributes:
        language: as in HTML's `lang`.
        texts: table to key to text.
    """

    language: str
    texts: Mapping[str, Mapping[str, str]]

    def __call__(self, where: str, /, **values: object) -> str:
        """The text at "table.key", filled in."""
        table, _, key = where.partition(".")
        return self.texts[table][key].format(**values)

    def table(self, name: str) -> Mapping[str, str]:
        """All texts of one table, for those that need no filling."""
        return self.texts[name]

    def listed(self, items: list[str]) -> str:
        """ "a, b and c"."""
        if len(items) < 2:
            return "".join(items)
        return self("page.and", first=self("page.comma").join(items[:-1]), last=items[-1])


@cache
def words(language: str = "en") -> Words:
    """Return the texts of a language: "en" or "zh".

    Raises:
        ConfigError: there is no such language.
    """
    if language not in LANGUAGES:
        raise ConfigError(
            f"there are no texts in the language {language!r}",
            hint=did_you_mean(language, LANGUAGES) or f"one of {', '.join(LANGUAGES)}",
        )
    return Words(language, tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8")))
