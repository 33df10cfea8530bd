"""A tree of rules placed on paper."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from searchitect.explain.searches.evidence import Evidence, Factor
from searchitect.explain.searches.rules import rules
from searchitect.objectives import Objective
from searchitect.report.tree_drawing import HEIGHT, WIDTH, draw_tree


def planted(direction: str = "maximize") -> Evidence:
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 3, (200, 3))
    factors = tuple(
        Factor(name, ("1", "2", "3"), (1 / 3,) * 3, True, (1, 2, 3)) for name in ("depth", "kernel", "width")
    )
    targets = codes[:, 0] + 2.0 * (codes[:, 0] == 2) * codes[:, 1] + generator.normal(0, 0.1, 200)
    objective = Objective("accuracy", "maximize" if direction == "maximize" else "minimize")
    return Evidence(factors, codes, targets, objective, np.ones(200, bool), np.arange(200))


def test_no_two_boxes_overlap_and_all_lie_on_the_paper() -> None:
    drawing = draw_tree(rules(planted()))
    assert len(drawing.boxes) >= 7
    for one, other in combinations(drawing.boxes, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    assert all(box.x + WIDTH <= drawing.width and box.y + HEIGHT <= drawing.height for box in drawing.boxes)


def test_every_question_has_one_line_for_yes_and_one_for_no() -> None:
    drawing = draw_tree(rules(planted()))
    questions = [box for box in drawing.boxes if box.shade is None]
    assert len(drawing.lines) == 2 * len(questions)
    assert sum(line.yes for line in drawing.lines) == len(questions)


def test_the_best_leaf_is_darkest_whatever_the_direction() -> None:
    for direction in ("maximize", "minimize"):
        found = rules(planted(direction))
        shades = {box.head: box.shade for box in draw_tree(found).boxes if box.shade is not None}
        assert max(shades.values()) == 1.0
        assert min(shades.values()) == 0.0
        best = max(shades, key=shades.__getitem__)
        means = [rule.mean for rule in found.rules]
        assert abs(float(best) - (max(means) if direction == "maximize" else min(means))) < 1e-3
