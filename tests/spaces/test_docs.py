"""What docs/spaces.md says is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "spaces.md"


def test_every_example_on_the_page_runs() -> None:
    text = PAGE.read_text()
    blocks = list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))
    assert len(blocks) >= 8
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        # Blank lines in front make line numbers of an error those of the page.
        lines = text[: block.start(1)].count("\n")
        exec(compile("\n" * lines + block[1], str(PAGE), "exec"), namespace)


def test_the_page_names_every_word_of_the_language() -> None:
    text = PAGE.read_text()
    for word in ("choice", "integer", "real", "repeat", "subset", "optional", "nested", "recursive", "constraint"):
        assert f"{word}(" in text
