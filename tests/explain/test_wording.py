"""The texts of an explanation: the same in every language."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

import searchitect
from searchitect.errors import ConfigError
from searchitect.explain.wording import LANGUAGES, UnexplainedError, reason, words

PLACE = re.compile(r"{(\w+)}")
SOURCE = Path(searchitect.__file__).parent


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_with_the_same_places(language: str) -> None:
    english, other = words("en").texts, words(language).texts
    assert {table: set(texts) for table, texts in english.items()} == {t: set(texts) for t, texts in other.items()}
    for table, texts in english.items():
        for key, text in texts.items():
            assert set(PLACE.findall(text)) == set(PLACE.findall(other[table][key])), f"{table}.{key}"


def test_every_text_is_used_somewhere() -> None:
    files = [*SOURCE.rglob("*.py"), *SOURCE.rglob("explanation*.j2")]
    source = "\n".join(file.read_text("utf-8") for file in files)
    tables = {
        "missing",
        "method",
        "verdict",
        "flow",
        "needing",
        "refusal",
        "search.endings",
        "search.phases",
        "model.flow",
        "model.tree",
        "model.additive",
        "search.best",
    }
    for table, texts in words().texts.items():
        for key in texts:
            made = table in tables or f"{table}.{key.partition('_')[0]}" in tables  # put together from a name
            assert made or f"{table}.{key}" in source or f'"{key}"' in source, f"{table}.{key}"


def test_a_list_reads_as_a_person_would_write_it() -> None:
    assert words("en").listed([]) == ""
    assert words("en").listed(["a"]) == "a"
    assert words("en").listed(["a", "b", "c"]) == "a, b and c"
    assert words("zh").listed(["a", "b", "c"]) == "a、b和c"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="'fr'"):
        words("fr")


def test_a_refusal_is_english_as_an_error_and_told_in_any_language() -> None:
    error = UnexplainedError("too_few", what="rules", needed=20, count=5, decisions=3, hint="run more")
    assert error.message == "rules need at least 20 complete trials at full fidelity, there are 5"
    assert reason(error, words("zh")) == "规则至少需要 20 次在完整保真度下完成的试验，现有 5 次"
    outer = UnexplainedError("no_model", why=UnexplainedError("own_evaluation"))
    assert reason(outer, words("zh")) == "没有可解释的已训练模型：评估是您自己的函数"
    assert reason(ConfigError("plain"), words("zh")) == "plain"
    copied = copy.copy(error)  # as between processes: by what it was made of
    assert (copied.message, copied.hint) == (error.message, "run more")
    assert copied.told(words("zh")) == error.told(words("zh"))
