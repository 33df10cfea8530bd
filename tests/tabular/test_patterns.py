from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from searchitect.errors import ConfigError, SearchitectError
from searchitect.spaces import SearchSpace
from searchitect.tabular.patterns import Pattern
from searchitect.tabular.table_benchmark import TableBenchmark
from tests.tabular.tables import at, opened

STRINGS = ["conv[3]:relu", "conv[3]se:relu", "conv[5]:relu", "conv[5]se:relu", "pool[]:relu", "pool[]se:relu"]
WHEN = '\n[when]\nkernel = { op = "conv" }\n'


def read(pattern: str, *cells: Any) -> dict[str, list[Any]]:
    return Pattern(pattern).read(cells, "arch", lambda row: f"row {row + 1}")


def described(folder: Path, pattern: str, cells: list[str], more: str = "") -> TableBenchmark:
    columns = {"the arch": cells, "score": list(range(len(cells)))}
    text = f'table = "table.csv"\nsignal = "score"\narchitecture = {{ column = "the arch", pattern = "{pattern}" }}\n'
    return opened(folder, columns, text + more)


def test_an_optional_hole_may_be_empty() -> None:
    assert read("{op}[{k?}]{se?}", "conv[13]se", "pool[]") == {
        "op": ["conv", "pool"],
        "k": [13, None],
        "se": ["se", None],
    }


def test_an_optional_hole_takes_what_stands_around_it_along() -> None:
    found = read(
        "{op}{k}{w?-}{act?(*)}".replace("{op}", "{op:4}"), "conv13-64(relu)", "conv3", "conv5(gelu)", "conv7-8"
    )
    assert found["k"] == [13, 3, 5, 7]
    assert found["w"] == [64, None, None, 8]
    assert found["act"] == ["relu", None, "gelu", None]


def test_optional_holes_are_lists_and_of_fixed_length_too() -> None:
    assert read("in{layer?->:*->}!", "in->a->b!", "in!") == {"layer": [("a", "b"), ()]}
    assert read("{op}{k?_:1}", "conv_3", "pool") == {"op": ["conv", "pool"], "k": [3, None]}


def test_lists_of_any_length_between_fixed_ends(tmp_path: Path) -> None:
    cells = ["in->conv3-64->out", "in->conv3-64->dw(se)->out", "in->dw(se)->conv3-64->dw(se)->out"]
    benchmark = described(tmp_path, "in->{block:*->}->out", cells)
    member = at(benchmark, **{"block.length": 2, "block.0": "conv3-64", "block.1": "dw(se)"})
    assert benchmark.measure(member)["score"] == 1


def test_an_empty_item_is_a_separator_behind_the_last_one() -> None:
    with pytest.raises(SearchitectError, match=r"row 2 has 'a\|' as arch: an item of the list 'x' is empty") as caught:
        read("{x:*|}", "a|b", "a|")
    assert "{x:*|}| in the pattern" in str(caught.value.hint)
    assert read("{x:*|}|", "a|b|", "a|") == {"x": [("a", "b"), ("a",)]}


def test_holes_depend_on_one_another_by_when(tmp_path: Path) -> None:
    benchmark = described(tmp_path, "{op}[{kernel?}]{se?}:{act}", STRINGS, "complete = true" + WHEN)
    assert SearchSpace.of(benchmark.space).size() == 6
    small = at(benchmark, **{"op": "conv", "op.conv.kernel": 3, "se": "se", "act": "relu"})
    assert benchmark.measure(small)["score"] == 1
    assert benchmark.measure(at(benchmark, op="pool", se="none", act="relu"))["score"] == 4


def test_a_condition_between_holes_that_was_not_said_is_named(tmp_path: Path) -> None:
    with pytest.raises(SearchitectError, match=r"'kernel' is missing in row 5 of .*below the header") as caught:
        described(tmp_path, "{op}[{kernel?}]{se?}:{act}", STRINGS)
    assert str(caught.value.hint).endswith('[when] "kernel" = { "op" = ["conv"] }')


def test_a_hole_that_no_other_explains_decides_none_where_it_is_empty(tmp_path: Path) -> None:
    benchmark = described(tmp_path, "{k}{width?-}", ["3", "3-64", "5", "5-64", "5-128"])
    assert benchmark.measure(at(benchmark, k=5, width="none"))["score"] == 2
    assert benchmark.measure(at(benchmark, k=5, width="128"))["score"] == 4
    with pytest.raises(ConfigError, match="'width' is empty in some rows and 'none' in others"):
        described(tmp_path, "{k}{width?-}", ["3", "3-64", "5", "5-none"])


@pytest.mark.parametrize(
    ("when", "message", "hint"),
    [
        ('kernal = { op = "conv" }', "when: 'kernal' is no decision", "kernel"),
        ('kernel = { opp = "conv" }', "when: 'opp' is no decision", "op"),
        ('kernel = { op = "cnov" }', "when.kernel: op is never 'cnov'", "conv"),
        ("kernel = { kernel = 3 }", "depends on itself", None),
    ],
)
def test_a_wrong_condition_between_holes_teaches(tmp_path: Path, when: str, message: str, hint: str | None) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        described(tmp_path, "{op}[{kernel?}]{se?}:{act}", STRINGS, f"[when]\n{when}\n")
    assert hint is None or hint in str(caught.value.hint)


def test_a_list_is_nothing_to_depend_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="when: 'x' is a list"):
        described(tmp_path, "{x:*}-{y?}", ["ab-1", "b-", "a-2"], '[when]\ny = { x = ["a"] }\n')


def test_a_column_and_a_hole_may_be_decisions_of_one_table_but_not_of_one_name(tmp_path: Path) -> None:
    columns = {"arch": ["conv3", "pool", "conv5"], "depth": [1, 1, 2], "score": [1, 2, 3]}
    text = 'table = "table.csv"\nsignal = "score"\ndecisions = ["depth"]\n'
    text += 'architecture = { column = "arch", pattern = "P" }\n'
    when = '[when]\nk = { op = "conv" }\n'
    benchmark = opened(tmp_path, columns, text.replace("P", "{op:4}{k?}") + when)
    assert benchmark.measure(at(benchmark, **{"depth": 2, "op": "conv", "op.conv.k": 5}))["score"] == 3
    with pytest.raises(ConfigError, match="'depth' is the name of a column and of a hole"):
        opened(tmp_path, columns, text.replace("P", "{op:4}{depth?}"))
    with pytest.raises(ConfigError, match="the decision 'op' is named twice"):
        opened(tmp_path, columns, text.replace("P", "{op:4}{k?}").replace('["depth"]', '{ op = {}, "o*" = {} }'))


def test_a_hole_takes_the_words_of_a_decision(tmp_path: Path) -> None:
    words = "[decisions]\nk = { options = [1, 3, 5, 7] }\n"
    words += 'learning_rate = { kind = "real", log = true, role = "training" }\n'
    benchmark = described(tmp_path, "{k}-{learning_rate}-{act}", ["3-0.001-relu", "5-0.01-relu", "3-0.1-silu"], words)
    space = SearchSpace.of(benchmark.space)
    decisions = {point.path: point for point in space.decisions()}
    assert decisions["k"].options == (1, 3, 5, 7)
    rate = decisions["learning_rate"]
    assert (rate.low, rate.high, rate.log, rate.role) == (0.001, 0.1, True, "training")
    assert decisions["act"].options == ("relu", "silu")
    assert benchmark.measure(at(benchmark, k=3, learning_rate=0.1, act="silu"))["score"] == 2


def test_a_star_names_columns_and_holes_alike(tmp_path: Path) -> None:
    columns = {"arch": ["3-1", "5-2", "3-2"], "k_size": [1, 2, 3], "score": [1, 2, 3]}
    text = 'table = "table.csv"\nsignal = "score"\narchitecture = { column = "arch", pattern = "{k_a}-{k_b}" }\n'
    benchmark = opened(tmp_path, columns, text + '[decisions]\n"k_*" = { kind = "integer" }\n')
    kinds = {point.path: point.kind for point in SearchSpace.of(benchmark.space).decisions()}
    assert kinds == dict.fromkeys(("k_a", "k_b", "k_size"), "integer")


def test_a_column_beside_holes_is_found_by_its_name_whatever_characters_that_has(tmp_path: Path) -> None:
    columns = {"arch": ["conv3", "pool5"], "width[px]": [8, 16], "score": [1, 2]}
    text = 'table = "table.csv"\nsignal = "score"\ndecisions = ["width[px]"]\n'
    benchmark = opened(tmp_path, columns, text + 'architecture = { column = "arch", pattern = "{op:4}{k}" }\n')
    assert len(SearchSpace.of(benchmark.space).decisions()) == 3


def test_words_for_a_hole_that_is_not_there_name_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SearchitectError, match="has no column and the pattern no hole 'kernl'") as caught:
        described(tmp_path, "{op}-{kernel}", ["conv-3", "pool-5"], "[decisions]\nkernl = { options = [3, 5] }\n")
    assert "kernel" in str(caught.value.hint)


def test_an_option_that_a_hole_does_not_have_is_shown_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(SearchitectError, match="row 2 of .* has k = 5, which is no option"):
        described(tmp_path, "{op}-{k}", ["conv-3", "pool-5"], "[decisions]\nk = { options = [1, 3] }\n")


def test_a_string_that_does_not_fit_is_shown_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(SearchitectError, match="row 2 of .* has '-3' as the arch, which does not match") as caught:
        described(tmp_path, "{op}-{k}", ["conv-3", "-3"])
    assert "{name?} is a hole that may be empty" in str(caught.value.hint)
    with pytest.raises(SearchitectError, match="the arch is missing in row 2 of"):
        described(tmp_path, "{op}-{k}", ["conv-3", ""])


def test_a_hole_that_cannot_be_read_shows_every_kind() -> None:
    with pytest.raises(ConfigError, match=r"\{op:two\} of a pattern cannot be read") as caught:
        Pattern("{op:two}")
    assert "{name?-}" in str(caught.value.hint)
