"""The pages about the catalogue are true: their programs run, their tables name what exists."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from searchitect import catalog
from searchitect.catalog.vocabulary import LAYERS, find
from searchitect.spaces import SearchSpace

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", ["catalog.md", "layers.md"])
def test_the_programs_of_a_page_run(page, monkeypatch):
    monkeypatch.setattr("searchitect.catalog.registry.FAMILIES", catalog.FAMILIES)
    known = dict(catalog.FAMILIES)
    programs = blocks(page, "python")
    try:
        exec(compile("\n".join(programs), page, "exec"), {"__name__": "page"})
    finally:
        catalog.FAMILIES.clear()
        catalog.FAMILIES.update(known)
    assert len(programs) >= 3


def test_the_file_of_the_page_declares_a_space(tmp_path):
    [text] = blocks("layers.md", "toml")
    path = tmp_path / "tiny.toml"
    path.write_text(text, "utf-8")
    space = SearchSpace.of(catalog.read_layers(path))
    assert space.name == "Tiny"
    assert {d.path for d in space.decisions() if d.role == "training"} == {"learning_rate", "optimizer", "batch_size"}


def test_the_table_of_layers_is_complete():
    text = (DOCS / "layers.md").read_text("utf-8")
    rows = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|$", text, flags=re.MULTILINE)}
    assert set(LAYERS) <= set(rows)
    for short, kind in LAYERS.items():
        fields = re.findall(r"`(\w+)`", rows[short][2])
        assert fields == [field.name for field in kind.fields]
        for name in re.findall(r"\w+", rows[short][1].replace("1D/2D/3D", "2D").replace("1d/2d/3d", "2d")):
            assert find(name)[0] is kind


@pytest.mark.parametrize("family", sorted(catalog.FAMILIES))
def test_the_table_of_parameters_is_complete(family):
    text = (DOCS / "catalog.md").read_text("utf-8")
    section = text.split("## Parameters")[1].split("## Sizes")[0]
    rows = re.findall(r"^\| (?:`(\w+)`)? ?\| `(\w+)` \| ([^|]*) \|", section, flags=re.MULTILINE)
    owner, listed = "", {}
    for name, parameter, default in rows:
        owner = name or owner
        if owner == family:
            listed[parameter] = default
    signature = inspect.signature(catalog.family(family)).parameters
    assert list(listed) == list(signature)
    for name, parameter in signature.items():
        values = parameter.default if isinstance(parameter.default, tuple) else (parameter.default,)
        assert re.findall(r"-?[\w.]+", listed[name]) == [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
