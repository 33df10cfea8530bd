from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

import searchitect as sa
from searchitect import catalog
from searchitect.deploy.reference import describe_space, loader_script, resolve_space
from searchitect.errors import ExportError
from searchitect.spaces import SearchSpace
from tests.deploy.families import ConvNet


def test_a_users_class_is_named_but_not_located() -> None:
    reference = describe_space(ConvNet)
    assert reference == {
        "kind": "class",
        "name": "ConvNet",
        "module": "tests.deploy.families",
        "file": "families.py",
        "digest": SearchSpace.of(ConvNet).digest,
    }


def test_a_users_class_must_be_passed() -> None:
    with pytest.raises(ExportError, match=r"class 'ConvNet' of families\.py(.|\n)*sa\.load\(folder, space=ConvNet\)"):
        resolve_space(describe_space(ConvNet))


@pytest.mark.parametrize("family", ["mlp", "plain_cnn", "resnet"])
def test_catalogue_spaces_are_made_again_from_their_reference(family: str) -> None:
    space = catalog.get(family)
    again = resolve_space(describe_space(space))
    assert SearchSpace.of(again).digest == SearchSpace.of(space).digest


def test_the_parameters_of_a_catalogue_space_are_kept() -> None:
    space = catalog.get("plain_cnn", widths=(4, 8), activations=("relu",))
    again = resolve_space(describe_space(space))
    assert SearchSpace.of(again).digest == SearchSpace.of(space).digest
    assert SearchSpace.of(again).digest != SearchSpace.of(catalog.get("plain_cnn")).digest


def test_layers_are_made_again_from_their_reference() -> None:
    space = catalog.layers("conv", "pool", "fc", length=(2, 4))
    again = resolve_space(describe_space(space))
    assert SearchSpace.of(again).digest == SearchSpace.of(space).digest


@pytest.mark.parametrize(
    "reference",
    [
        {},
        {"kind": "catalog"},
        {"kind": "catalog", "words": {}},
        {"kind": "catalog", "words": [1]},
        {"kind": "catalog", "words": {"family": "os.system", "parameters": {}}},
        {"kind": "catalog", "words": {"family": "mlp", "parameters": {"nonsense": 1}}},
        {"kind": "catalog", "words": {"family": "mlp", "parameters": [1]}},
        {"kind": "catalog", "words": {"layers": 3}},
        {"kind": "pickle", "words": {"family": "mlp", "parameters": {}}},
    ],
)
def test_a_reference_of_another_form_is_one_error(reference: dict[str, object]) -> None:
    with pytest.raises(ExportError, match="cannot be made again"):
        resolve_space(reference)


def test_the_loader_has_five_lines_and_compiles() -> None:
    for space in (ConvNet, catalog.get("mlp")):
        script = loader_script(describe_space(space))
        compile(script, "load_model.py", "exec")
        assert len(script.splitlines()) <= 5


def test_a_class_of_a_notebook_is_imported_from_a_file_the_user_makes() -> None:
    namespace: dict[str, object] = {"__name__": "__main__", "sa": sa}
    exec("@sa.space\nclass Cell:\n    width: int = sa.choice(1, 2)\n    def build(self): ...", namespace)
    script = loader_script(describe_space(namespace["Cell"]))  # type: ignore[arg-type]
    assert "from my_space import Cell  # save the class" in script


def test_a_class_of_a_script_is_imported_by_the_scripts_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import searchitect as sa\n@sa.space\nclass Net:\n    w: int = sa.choice(1, 2)\n")
    space = runpy.run_path(str(tmp_path / "mine.py"), run_name="searchitect_user_mine_12ab")["Net"]
    module = type(sys)("searchitect_user_mine_12ab")
    module.__file__ = str(tmp_path / "mine.py")
    sys.modules[module.__name__] = module
    try:
        reference = describe_space(space)
    finally:
        del sys.modules[module.__name__]
    assert (reference["module"], reference["file"]) == ("mine", "mine.py")
    assert str(tmp_path) not in str(reference)
