from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from searchitect import catalog
from searchitect.errors import SpaceError
from searchitect.spaces import SearchSpace

DOCUMENT = {
    "length": [2, 6],
    "connections": ["full", "residual"],
    "layers": ["conv", {"type": "MaxPooling2D"}, {"type": "Dense", "units": [64, 128]}],
    "training": {"learning_rate": {"low": 0.001, "high": 0.02, "log": True}},
}
TOML = """
length = [2, 6]
connections = ["full", "residual"]

[[layers]]
type = "conv"

[[layers]]
type = "MaxPooling2D"

[[layers]]
type = "Dense"
units = [64, 128]

[training]
learning_rate = { low = 0.001, high = 0.02, log = true }
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_json_toml_and_python_declare_the_same_space(tmp_path):
    spaces = [
        catalog.layers(DOCUMENT),
        catalog.read_layers(written(tmp_path, "a.json", json.dumps(DOCUMENT))),
        catalog.read_layers(str(written(tmp_path, "a.toml", TOML))),
    ]
    assert len({SearchSpace.of(space).digest for space in spaces}) == 1


def test_a_json_file_may_be_a_bare_list(tmp_path):
    space = catalog.read_layers(written(tmp_path, "a.json", '["conv", "fc"]'))
    assert SearchSpace.of(space).digest == SearchSpace.of(catalog.layers("conv", "fc")).digest


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "[", "a.json cannot be understood"),
        ("a.toml", "= 3", "a.toml cannot be understood"),
        ("a.json", "[" * 100_000, "cannot be understood"),
        ("a.json", '[{"type": "fc", "units": NaN}]', "NaN is no number"),
        ("a.json", '["conw"]', "a.json: no layer is called 'conw'[\\s\\S]*did you mean 'conv'"),
        ("a.json", "3", "expected a list of layers"),
        ("a.json", '{"layer": []}', "has no 'layers'"),
        ("a.yaml", "layers: [conv]", "declared in .json or .toml files"),
        ("a.json", '["conv"' + " " * 1_000_001 + "]", "at most 1000000 bytes"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, name, text, words):
    with pytest.raises(SpaceError, match=words):
        catalog.read_layers(written(tmp_path, name, text))


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(SpaceError, match=re.escape("nowhere.json: No such file")):
        catalog.read_layers(tmp_path / "nowhere.json")
    binary = tmp_path / "b.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpaceError, match=r"b\.json cannot be understood"):
        catalog.read_layers(binary)
