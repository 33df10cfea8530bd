from __future__ import annotations

import dataclasses

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.spaces import SearchSpace
from searchitect.strategies import STRATEGIES, Setting
from searchitect.tabular.entries import NEURAL, Entry, chosen, parse_entries


@sa.space
class Small:
    a: int = sa.choice(1, 2, 3)
    b: int = sa.choice(1, 2, 3)


@sa.space
class Endless:
    rate: float = sa.real(0.0, 1.0)


def setting(space: type = Small) -> Setting:
    return Setting(SearchSpace.of(space), (Objective("score", "maximize"),))


def test_names_and_options_are_read() -> None:
    text = " random , regularized_evolution( population_size = 10,tournament_size=3)"
    text += ', x(a=[1, {"b": null}], c="d,e)", f=word)'
    assert parse_entries(text) == (
        Entry("random"),
        Entry("regularized_evolution", {"population_size": 10, "tournament_size": 3}),
        Entry("x", {"a": [1, {"b": None}], "c": "d,e)", "f": "word"}),
    )


def test_values_are_json_and_bare_words_are_texts() -> None:
    (entry,) = parse_entries("x(a=true, b=1e-3, c=TPESampler, d=-2, e=trueish)")
    assert entry.options == {"a": True, "b": 0.001, "c": "TPESampler", "d": -2, "e": "trueish"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "random,",
        "random,,gp",
        "a(",
        "a(b",
        "a(b=",
        "a(b=1",
        "a(b=1 c=2)",
        "a(b=1)c",
        "a)",
        "a(b=1,b=2)",
        "1",
    ],
)
def test_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot read the strategies"):
        parse_entries(text)


@pytest.mark.parametrize("value", ["NaN", "__import__('os')", "(1)", "lambda: 0"])
def test_nothing_is_evaluated(value: str) -> None:
    try:
        (entry,) = parse_entries(f"a(b={value})")
    except ConfigError:
        return
    assert entry.options == {"b": value}


def test_a_label_can_be_typed_again() -> None:
    text = 'random,x(a=10, b=[1, 2], c=word, d="two words")'
    assert ",".join(entry.label for entry in parse_entries(text)) == text


def test_copies_are_counted() -> None:
    assert [entry.label for entry in parse_entries("random,gp,random,random(a=1),random")] == [
        "random",
        "gp",
        "random #2",
        "random(a=1)",
        "random #3",
    ]


def test_random_search_always_takes_part() -> None:
    assert [e.label for e in chosen("grid", setting(), print)] == ["random", "grid"]
    assert [e.label for e in chosen("grid,random", setting(), print)] == ["grid", "random"]


def test_all_are_those_that_the_space_allows_with_a_note_about_the_others() -> None:
    notes: list[str] = []
    names = [entry.name for entry in chosen("all", setting(Endless), notes.append)]
    assert names[0] == "random"
    assert "grid" not in names
    assert any(note.startswith("grid is left out: grid search needs a finite space") for note in notes)
    assert set(names).isdisjoint(NEURAL)
    assert len(names) + len(notes) == len(STRATEGIES)


def test_further_entries_may_follow_all() -> None:
    labels = [e.label for e in chosen("all, regularized_evolution(population_size=20)", setting(), [].append)]
    assert labels[0] == "random"
    assert labels[-1] == "regularized_evolution(population_size=20)"
    assert "regularized_evolution" in labels[:-1]


def test_a_wrong_name_or_option_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="regularized_evolution"):
        chosen("regularised_evolution", setting(), print)
    with pytest.raises(ConfigError, match="population_size"):
        chosen("regularized_evolution(population=10)", setting(), print)


def scored(architecture):
    return {"nwot": float(architecture["a"]), "flops": float(architecture["b"]), "zen": 0.0}


def test_an_entry_starts_from_the_scores_of_its_table_where_it_asks_for_them() -> None:
    given = dataclasses.replace(setting(), scores=scored, budget=9)
    plain, seeded = (Entry("random", options).make(given) for options in ({}, {"proxies": "nwot,flops"}))
    first = seeded.ask(0).architecture
    assert type(plain).__name__ == "RandomSearch"
    assert (first["a"], first["b"]) == (3, 3)
    assert set(seeded.proxy_trust()) == {"nwot", "flops"}


def test_a_table_without_scores_and_a_wrong_proxy_are_refused() -> None:
    with pytest.raises(ConfigError, match="no zero-cost scores"):
        Entry("random", {"proxies": "default"}).make(setting())
    with pytest.raises(ConfigError, match="no zero-cost proxy 'nwott'"):
        Entry("random", {"proxies": "nwott"}).make(dataclasses.replace(setting(), scores=scored))
