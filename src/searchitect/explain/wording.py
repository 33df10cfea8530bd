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

from searchitect.errors import ConfigError, SearchitectError, did_you_mean

__all__ = ["LANGUAGES", "UnexplainedError", "Words", "reason", "words"]

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


class UnexplainedError(ConfigError):
    """Something cannot be explained: its message is English, as of all errors, and `told` says it in any language.

    Args:
        key: of the table `refusal`; a value called `what` is a key of the table `needing`.
    """

    def __init__(self, key: str, /, *, hint: str | None = None, **values: object) -> None:
        self.key, self.values = key, values
        super().__init__(self.told(words()), hint=hint)

    def told(self, say: Words) -> str:
        """The message in another language."""
        values = dict(self.values)
        if "what" in values:
            values["what"] = say(f"needing.{values['what']}", **values)
        if isinstance(why := values.get("why"), UnexplainedError):
            values["why"] = why.told(say)
        return say(f"refusal.{self.key}", **values)

    def __reduce__(self) -> tuple[object, ...]:
        return (_refused, (self.key, self.hint, self.values))


def reason(error: SearchitectError, say: Words) -> str:
    """Why something is missing, in the language of a page; what another room says stays as it is."""
    return error.told(say) if isinstance(error, UnexplainedError) else error.message


def _refused(key: str, hint: str | None, values: Mapping[str, object]) -> UnexplainedError:
    return UnexplainedError(key, hint=hint, **values)
