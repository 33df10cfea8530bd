"""Rules read off a tree: true of the rows, as good as scikit-learn's tree, honest about what chance made of them."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import INACTIVE, Evidence, Factor, evidence_of
from searchitect.explain.searches.rules import rules
from searchitect.objectives import Objective
from searchitect.spaces.search_space import SearchSpace

ACCURACY = Objective("accuracy", "maximize")
NUMBERS = ("1", "2", "3", "4")


@sa.space
class Pooled:
    size: int = sa.choice(2, 3, 4)


@sa.space
class Plain:
    pass


@sa.space
class Tower:
    depth: int = sa.integer(1, 4)
    kernel: str = sa.choice("three", "five", "seven", "nine")
    pool: Pooled | Plain = sa.choice(Pooled, Plain)
    inputs: tuple[int, ...] = sa.subset(range(3), 1, 2)
    rate: float = sa.real(1e-3, 1e-1, log=True)


def planted(count: int, columns: int, seed: int, effect: float) -> tuple[Evidence, np.ndarray]:
    draw = np.random.default_rng(seed)
    codes = draw.integers(4, size=(count, columns))
    effects = effect * draw.normal(size=(columns, 4))
    told = effects[np.arange(columns), codes].sum(axis=1) + draw.normal(size=count)
    factors = tuple(Factor(f"x{place}", NUMBERS, (0.25,) * 4, place % 2 == 0, (1, 2, 3, 4)) for place in range(columns))
    return Evidence(factors, codes, told, ACCURACY, np.ones(count, bool), np.arange(count)), effects


def towers(count: int = 300) -> Evidence:
    space, rng = SearchSpace.of(Tower), random.Random(1)
    drawn = [space.sample(rng) for _ in range(count)]
    told = [
        0.8 + 0.02 * a["depth"] + 0.1 * (a["kernel"] == "five") + 0.02 * float(a.get("pool.Pooled.size", 0))  # type: ignore
        for a in drawn
    ]
    return evidence_of(drawn, [t + rng.gauss(0, 0.01) for t in told], ACCURACY)


def read_back(text: str, levels: dict[str, str]) -> bool:
    """Whether a row, decision to the label of its level, keeps a sentence: read from the words alone."""
    return all(_keeps(part, levels) for part in re.split(r" and (?!<)", text.partition(":")[0]))


def _keeps(part: str, levels: dict[str, str]) -> bool:
    part, or_absent, _ = part.partition(" or not there")
    element = re.fullmatch(r"(\S+) (has|is without) (\S+)", part)
    if element:
        return levels[f"{element[1]}∋{element[3]}"] == ("in" if element[2] == "has" else "out")
    name, _, said = part.partition(" ")
    level = levels[name]
    if said in ("is there", "is not there"):
        return (level == INACTIVE) == (said == "is not there")
    if level == INACTIVE:
        return bool(or_absent)
    if said[0] in "≥≤":
        number, bound = float(level), float(said[2:])
        return number >= bound if said[0] == "≥" else number <= bound
    if " to " in said:
        low, high = said.removeprefix("is ").split(" to ")
        return float(low) <= float(level) <= float(high)
    if said.startswith("is not "):
        return level != said.removeprefix("is not ")
    return level in re.split(", | or ", said.removeprefix("= ").removeprefix("is "))


def test_the_tree_is_as_good_as_the_one_scikit_learn_grows_on_the_same_rows() -> None:
    table, _ = planted(400, 6, 0, 1.0)
    theirs = DecisionTreeRegressor(max_depth=3).fit(table.codes, table.targets).score(table.codes, table.targets)
    assert rules(table).fidelity > theirs - 0.02


def test_every_row_keeps_exactly_one_rule_and_its_figures_are_those_of_the_rows_that_keep_it() -> None:
    table = towers()
    found = rules(table)
    kept = np.stack([rule.holds(table.codes) for rule in found.rules])
    assert (kept.sum(axis=0) == 1).all()
    for rule, rows in zip(found.rules, kept, strict=True):
        assert rule.count == rows.sum()
        assert rule.mean == pytest.approx(table.targets[rows].mean())
        assert set(rule.numbers) <= set(table.numbers[rows])
    means = [rule.mean for rule in found.rules]
    assert means == sorted(means, reverse=True)


def test_the_sentences_read_back_say_the_same_of_every_row() -> None:
    tower = towers(120)
    conditional = Evidence(
        tower.factors[:-1], tower.codes[:, :-1], tower.targets, ACCURACY, tower.uniform, tower.numbers
    )
    for table in (conditional, *(planted(100, 5, seed, 1.0)[0] for seed in range(2))):
        for rule in rules(table).rules:
            rows = [{f.name: f.levels[code] for f, code in zip(table.factors, row, strict=True)} for row in table.codes]
            assert [read_back(rule.text, row) for row in rows] == rule.holds(table.codes).tolist()
            told = re.search(r": (\S+) ± (\S+), ([\d,]+) trial", rule.text)
            assert told is not None
            assert float(told[1]) == pytest.approx(rule.mean, abs=0.06)
            assert int(told[3].replace(",", "")) == rule.count


def test_a_planted_effect_is_the_first_rule_in_words() -> None:
    first = rules(towers()).rules[0]
    assert "kernel = five" in first.text
    assert "pool = Pooled" in first.text or "pool.Pooled.size is there" in first.text
    assert "depth ≥ " in first.text


def test_several_conditions_on_one_decision_become_one() -> None:
    for seed in range(3):
        for rule in rules(planted(100, 2, seed, 1.0)[0]).rules:
            names = [condition.factor for condition in rule.conditions]
            assert len(names) == len(set(names))


def test_intervals_cover_the_mean_of_new_rows_although_the_rows_chose_the_splits() -> None:
    held = best = leaves = 0
    for seed in range(10):
        table, effects = planted(80, 6, seed, 0.3)
        everything = np.random.default_rng(seed + 1000).integers(4, size=(4000, 6))
        truth = effects[np.arange(6), everything].sum(axis=1)
        found = rules(table, seed=seed).rules
        inside = [abs(truth[rule.holds(everything)].mean() - rule.mean) <= rule.half for rule in found]
        held, best, leaves = held + sum(inside), best + inside[0], leaves + len(inside)
    assert held / leaves > 0.9
    assert best >= 8


def test_fidelity_on_unseen_rows_is_below_that_on_the_rows_themselves() -> None:
    noise = rules(planted(60, 6, 0, 0.0)[0])
    assert noise.fidelity > 0.1 > noise.fidelity_held_out
    strong = rules(towers())
    assert strong.fidelity > strong.fidelity_held_out > 0.7
    assert "% on trials they were not made of" in strong.text


def test_the_tree_leads_to_the_rules_and_is_plain_json() -> None:
    found = rules(towers())
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    reached: list[int] = []

    def walk(node: dict[str, object]) -> int:
        if "rule" in node:
            reached.append(node["rule"])  # type: ignore[arg-type]
            assert node["mean"] == pytest.approx(found.rules[reached[-1]].mean)
            return node["count"]  # type: ignore[return-value]
        assert walk(node["yes"]) + walk(node["no"]) == node["count"]  # type: ignore[arg-type]
        return node["count"]  # type: ignore[return-value]

    assert walk(document["tree"]) == 300
    assert sorted(reached) == list(range(len(found.rules)))


def test_too_few_trials_are_refused_with_how_many_are_needed() -> None:
    with pytest.raises(ConfigError, match="at least 20 complete trials .* 12"):
        rules(towers(12))


def test_a_constant_objective_is_refused() -> None:
    table, _ = planted(30, 2, 0, 1.0)
    flat = Evidence(table.factors, table.codes, np.full(30, 0.5), ACCURACY, table.uniform, table.numbers)
    with pytest.raises(ConfigError, match=r"accuracy is 0\.5 in all 30 trials"):
        rules(flat)


def test_a_tree_that_nobody_reads_is_refused() -> None:
    with pytest.raises(ConfigError, match="depth 1 to 3"):
        rules(towers(30), depth=4)
