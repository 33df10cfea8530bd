"""Moves on architectures: neighbours, mutation, crossover. What stays active keeps its value; what becomes active is
filled in afresh. The result is always valid and never the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value
from searchitect.spaces.forms import DecisionForm, Form, Record, active, broken, fill, joined
from searchitect.spaces.sampling import default, draw

__all__ = ["crossed", "mutated", "neighbouring"]

TRIES = 100
"""Attempts at a move before a condition makes us try another way."""

Values = dict[str, Value]
Fresh = Callable[[Form, str, Values], None]


def complete(form: Form, path: str, given: Mapping[str, Value], fresh: Fresh, out: Values) -> None:
    """Decide everything below `path`: as `given` where it says so, `fresh` for whole parts that it does not know."""
    if isinstance(form, Record):
        if form.rules and not _known(form, path, given):
            fresh(form, path, out)
            return
        for name, child in form.fields:
            complete(child, f"{path}.{name}" if path else name, given, fresh, out)
        return
    own = path + form.own
    if own not in given:
        fresh(form, path, out)
        return
    value = out[own] = given[own]
    for suffix, child in form.branches(value):
        complete(child, path + suffix, given, fresh, out)


def _known(form: Form, path: str, given: Mapping[str, Value]) -> bool:
    if isinstance(form, Record):
        return any(_known(child, joined(path, name), given) for name, child in form.fields)
    return path + form.own in given


def mutated(root: Record, values: Mapping[str, Value], rng: random.Random) -> Values:
    """Return `values` with one active decision changed, chosen uniformly among those that can change.

    A list or an integer takes another of its values (by prior weights), a real number moves by a Gaussian of standard
    deviation 0.1 in its (logarithmic) unit interval, a subset gains, loses or swaps one element, a repeat takes another
    length. Decisions that become active are drawn, all others stay.

    Raises:
        SpaceError: the space holds this architecture alone.
    """
    movable: list[tuple[str, DecisionForm]] = []

    def note(path: str, decision: DecisionForm) -> Value:
        if decision.domain.can_change:
            movable.append((path, decision))
        return values[path]

    fill(root, "", note, {})  # as `active` does, without a generator for every node: evolution spends its time here
    if not movable:
        raise SpaceError(f"{root.cls.__name__} has one architecture only, nothing can be mutated")

    def fresh(form: Form, path: str, out: Values) -> None:
        draw(form, path, rng, out)

    for _ in range(TRIES):
        path, decision = movable[int(rng.random() * len(movable))]
        changed = dict(values)
        changed[path] = decision.domain.other(values[path], rng)
        out: Values = {}
        complete(root, "", changed, fresh, out)
        if not root.constrained or not any(broken(root, "", out)):
            return out
    return _any_other(root, values, rng)


def _any_other(root: Record, values: Mapping[str, Value], rng: random.Random) -> Values:
    """Where conditions forbid every single change that was tried: a neighbour, else another draw."""
    near = list(islice(neighbouring(root, values), 1_000))
    if near:
        return rng.choice(near)
    for _ in range(TRIES):
        out: Values = {}
        draw(root, "", rng, out)
        if out != values:
            return out
    raise SpaceError(f"{root.cls.__name__}: its constraints leave no second architecture to mutate into")


def neighbouring(root: Record, values: Mapping[str, Value]) -> Iterator[Values]:
    """Yield, lazily and in the order of the space, every architecture in which one active decision differs.

    A choice takes each other option, an integer the next lower and higher value (on a log scale also a tenth of the
    range away), a real number a tenth of its range down and up, a subset gains, loses or swaps one element, a repeat
    loses its last element or gains a copy of it. Whatever else becomes active has its default.
    """

    def fresh(form: Form, path: str, out: Values) -> None:
        default(form, path, out)

    for path, decision in list(active(root, "", values)):
        for value in decision.domain.steps(values[path]):
            changed = dict(values)
            changed[path] = value
            if decision.kind == "length":
                _copy_last(changed, path, values[path])
            out: Values = {}
            complete(root, "", changed, fresh, out)
            if not any(broken(root, "", out)):
                yield out


def _copy_last(changed: Values, path: str, length: Value) -> None:
    assert isinstance(length, int)
    stem = path.removesuffix("length")
    last, new = f"{stem}{length - 1}", f"{stem}{length}"
    for known in list(changed):
        if known == last or known.startswith(last + "."):
            changed[new + known.removeprefix(last)] = changed[known]


def crossed(root: Record, first: Mapping[str, Value], second: Mapping[str, Value], rng: random.Random) -> Values:
    """Return a child: each decision from either parent where both have it, from the one that has it otherwise.

    Where conditions forbid every child that was tried, it is a copy of the first parent.
    """

    def inherit(path: str, decision: DecisionForm) -> Value:
        if path not in first or (path in second and rng.random() < 0.5):
            return second[path]
        return first[path]

    for _ in range(TRIES):
        out: Values = {}
        fill(root, "", inherit, out)
        if not any(broken(root, "", out)):
            return out
    return dict(first)
