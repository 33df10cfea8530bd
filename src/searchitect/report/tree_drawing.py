"""A tree of rules placed on paper, from left to right: a question per inner node, a mean per leaf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.report.numbers import number

if TYPE_CHECKING:
    from searchitect.explain.searches.rules import Branch, Rules

__all__ = ["TreeDrawing", "draw_tree"]

WIDTH, HEIGHT, GAP_X, GAP_Y = 214, 42, 66, 12
MAX_TEXT = 29


@dataclass(frozen=True, slots=True)
class TreeBox:
    """One node; `x`, `y` are its upper left corner in pixels; `shade` 0..1 places a leaf's mean among the leaves."""

    x: float
    y: float
    head: str
    full: str
    detail: str
    shade: float | None


@dataclass(frozen=True, slots=True)
class TreeLine:
    """From a question to what follows a yes or a no."""

    path: str
    x: float
    y: float
    yes: bool


@dataclass(frozen=True, slots=True)
class TreeDrawing:
    """The whole picture, in pixels."""

    width: float
    height: float
    boxes: tuple[TreeBox, ...]
    lines: tuple[TreeLine, ...]


def draw_tree(rules: Rules) -> TreeDrawing:
    """Place the tree of `rules`: leaves from top to bottom, each question beside the middle of what follows it."""
    losses = [rule.mean if rules.direction == "maximize" else -rule.mean for rule in rules.rules]
    low, spread = min(losses), (max(losses) - min(losses)) or 1.0
    boxes: list[TreeBox] = []
    lines: list[TreeLine] = []
    leaves = 0

    def place(branch: Branch, depth: int) -> float:
        """Draw a branch and return the height of its middle."""
        nonlocal leaves
        x = depth * (WIDTH + GAP_X)
        if branch.yes is None or branch.no is None:
            y = leaves * (HEIGHT + GAP_Y)
            leaves += 1
            value = branch.mean if rules.direction == "maximize" else -branch.mean
            boxes.append(_leaf(x, y, branch, rules.objective, round((value - low) / spread, 3)))
            return y + HEIGHT / 2
        middles = [place(branch.yes, depth + 1), place(branch.no, depth + 1)]
        middle = sum(middles) / 2
        text = branch.condition or ""
        boxes.append(
            TreeBox(
                x,
                middle - HEIGHT / 2,
                text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…",
                text,
                f"n = {branch.count:,}",
                None,
            )
        )
        for end, yes in zip(middles, (True, False), strict=True):
            lines.append(_line(x + WIDTH, middle, end, yes))
        return middle

    place(rules.tree, 0)
    wide = max(box.x for box in boxes) + WIDTH
    return TreeDrawing(wide, leaves * (HEIGHT + GAP_Y) - GAP_Y, tuple(boxes), tuple(lines))


def _leaf(x: float, y: float, branch: Branch, objective: str, shade: float) -> TreeBox:
    text = number(branch.mean, objective)
    return TreeBox(x, y, text, text, f"n = {branch.count:,}", shade)


def _line(x: float, start: float, end: float, yes: bool) -> TreeLine:
    half = x + GAP_X / 2
    path = f"M{x:g},{start:g} C{half:g},{start:g} {half:g},{end:g} {x + GAP_X:g},{end:g}"
    return TreeLine(path, x + GAP_X - 8, end - 5, yes)
