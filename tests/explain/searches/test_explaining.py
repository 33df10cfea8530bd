"""Parts put together: one that cannot be given is missing with its reason, in the language that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import Evidence, Factor
from searchitect.explain.searches.explaining import Gathered, explain_evidence
from searchitect.explain.wording import words
from searchitect.objectives import Objective


def table(targets: list[float]) -> Evidence:
    count = len(targets)
    codes = (np.arange(count) % 2)[:, None]
    factor = Factor("x", ("a", "b"), (0.5, 0.5))
    numbers, free = np.arange(count), np.ones(count, bool)
    return Evidence((factor,), codes, np.array(targets), Objective("accuracy", "maximize"), free, numbers)


@pytest.mark.parametrize(
    ("targets", "language", "said"),
    [
        ([0.1, 0.2, 0.3], "en", "need at least 20 complete trials at full fidelity, there are 3"),
        ([0.1, 0.2, 0.3], "zh", "至少需要 20 次在完整保真度下完成的试验，现有 3 次"),
        ([0.5] * 30, "en", "accuracy is 0.5 in all 30 trials"),
        ([0.5] * 4, "zh", "accuracy 在全部 4 次试验中都是 0.5"),
    ],
)
def test_what_cannot_be_told_says_why_in_the_language_of_the_page(
    targets: list[float], language: str, said: str
) -> None:
    gathered = Gathered(say=words(language))
    explain_evidence(table(targets), gathered)
    assert gathered.parts == {}
    assert said in gathered.refused["importances"]
    assert said in gathered.refused["rules"]


def test_an_error_of_another_room_keeps_its_words() -> None:
    gathered = Gathered(say=words("zh"))

    def fails() -> None:
        raise ConfigError("no such file")

    assert gathered.run("model", fails) is None
    assert gathered.refused == {"model": "no such file"}
