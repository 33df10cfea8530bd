"""Counting, listing and drawing architectures, conditions included.

Counts are Python integers, so 10^18 architectures are counted exactly: products over fields, sums over options. Only
fields that a condition ties together are listed one by one.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, islice

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Value
from searchitect.spaces.forms import DecisionForm, Form, Linked, Record, active, broken, fill, holds, joined

__all__ = ["LARGEST_LINKED", "count", "default", "draw", "draw_even", "written"]

LARGEST_LINKED = 100_000
"""Most assignments of linked fields that are listed one by one to count them exactly."""

TRIES = 200
"""Draws of linked fields, with a fixed seed, that decide whether the valid ones are listed instead."""

RARE = 0.05
"""Where fewer draws than this are valid, the valid ones are listed."""

TRIES_LARGE = 20_000
"""Draws of linked fields before giving up, or listing after all."""

LARGEST_COUNT = 1_000_000
"""Counts of more binary digits than this are refused: nested repeats and recursion outgrow any memory."""

Values = dict[str, Value]
Draw = Callable[[Form, str, random.Random, Values], None]


def count(form: Form) -> int:
    """Return how many architectures there are, exactly; a real number counts as one.

    Raises:
        SpaceError: a condition ties together more than `LARGEST_LINKED` assignments, or a real number.
    """
    if form.count is None:
        form.count = _count_record(form) if isinstance(form, Record) else sum(_shares(form))
    return form.count


def _count_record(record: Record) -> int:
    tied = {name for linked in record.linked for name, _ in linked.fields}
    free = _product([count(child) for name, child in record.fields if name not in tied])
    return free * math.prod(sum(1 for _ in _assignments(record, linked)) for linked in record.linked)


def _shares(decision: DecisionForm) -> list[int]:
    """Return how many architectures each value of a decision brings, in the order of the values."""
    if decision.shares is None:
        if not decision.all_branches():
            return [decision.domain.count]
        decision.shares = [
            _product([count(child) for _, child in decision.branches(value)]) for value in decision.domain.values()
        ]
    return decision.shares


def _product(counts: list[int]) -> int:
    if sum(n.bit_length() for n in counts) > LARGEST_COUNT:
        raise SpaceError(
            "the space is too large to count: its size has more than a million binary digits",
            hint="lower the depth of a recursion or the length of a repeat",
        )
    return math.prod(counts)


def _solutions(record: Record, place: int) -> tuple[list[Values], list[float]]:
    """List, once, the valid assignments of one group of linked fields, with cumulative prior weights."""
    if place not in record.solutions:
        linked = record.linked[place]
        listed = list(_assignments(record, linked))
        record.solutions[place] = listed, list(accumulate(_probability(linked, values) for values in listed))
    return record.solutions[place]


def _assignments(record: Record, linked: Linked) -> Iterator[Values]:
    listed = math.prod(count(child) for _, child in linked.fields)
    if listed > LARGEST_LINKED or any(not _countable(child) for _, child in linked.fields):
        rules = ", ".join(rule.name for rule in linked.rules)
        what = f"{listed:,} assignments of" if listed > LARGEST_LINKED else "real numbers among"
        raise SpaceError(
            f"{record.cls.__name__}: cannot count exactly, because the constraint {rules} ties together {what} "
            + ", ".join(name for name, _ in linked.fields),
            hint='name the few fields it reads: @sa.constraint("width", "depth")',
        )
    for values in _joint([partial(written, child, name) for name, child in linked.fields]):
        if all(holds(record, rule, "", values) for rule in linked.rules):
            yield values


def _countable(form: Form) -> bool:
    """Whether no real number occurs in `form`."""
    if isinstance(form, Record):
        return all(_countable(child) for _, child in form.fields)
    return form.domain.finite and all(_countable(child) for _, child in form.all_branches())


def written(form: Form, path: str) -> Iterator[Values]:
    """Yield the decisions of every architecture below `path`, lazily, the last decision changing fastest."""
    if isinstance(form, DecisionForm):
        own = path + form.own
        for value in form.domain.values():
            parts = [partial(written, child, path + suffix) for suffix, child in form.branches(value)]
            for rest in _joint(parts):
                yield {own: value, **rest}
        return
    parts = [partial(written, child, joined(path, name)) for name, child in form.fields]
    if not form.rules:
        yield from _joint(parts)
        return
    last = {name: place for place, (name, _) in enumerate(form.fields)}
    due: dict[int, list[int]] = {}
    for number, rule in enumerate(form.rules):
        reads = last if rule.reads is None else rule.reads
        due.setdefault(max(last[name] for name in reads), []).append(number)

    def fine(place: int, values: Values) -> bool:
        return all(holds(_seen(form, place), form.rules[n], path, values) for n in due.get(place, ()))

    yield from _joint(parts, fine)


def _seen(record: Record, place: int) -> Record:
    """Return the record cut off behind its first fields: a condition is asked as soon as all it reads is decided."""
    if place == len(record.fields) - 1:
        return record
    cut = Record(record.cls)
    cut.fields = record.fields[: place + 1]
    return cut


def _joint(
    parts: Sequence[Callable[[], Iterator[Values]]],
    fine: Callable[[int, Values], bool] | None = None,
) -> Iterator[Values]:
    """Yield all combinations, one stack of iterators deep; `fine(place, values)` cuts a branch early."""
    if not parts:
        yield {}
        return
    stack: list[tuple[Iterator[Values], Values]] = [(parts[0](), {})]
    while stack:
        iterator, values = stack[-1]
        more = next(iterator, None)
        if more is None:
            stack.pop()
            continue
        place = len(stack) - 1
        extended = {**values, **more}
        if fine is not None and not fine(place, extended):
            continue
        if place + 1 == len(parts):
            yield extended
        else:
            stack.append((parts[place + 1](), extended))


def draw(form: Form, path: str, rng: random.Random, out: Values) -> None:
    """Draw below `path`, uniform over the values of each decision, or by prior weights. Conditions hold."""
    if isinstance(form, Record):
        tied = _draw_linked(form, path, rng, draw) if form.linked else {}
        for name, child in form.fields:
            if name in tied:
                out.update(tied[name])
            else:
                draw(child, f"{path}.{name}" if path else name, rng, out)
        return
    value = out[path + form.own] = form.domain.draw(rng)
    for suffix, child in form.branches(value):
        draw(child, path + suffix, rng, out)


def draw_even(form: Form, path: str, rng: random.Random, out: Values) -> None:
    """Draw below `path`, every architecture equally likely (real numbers by their own measure). Conditions hold."""
    if isinstance(form, Record):
        tied = _draw_linked(form, path, rng, draw_even) if form.linked else {}
        for name, child in form.fields:
            if name in tied:
                out.update(tied[name])
            else:
                draw_even(child, joined(path, name), rng, out)
        return
    if not form.all_branches():
        out[path + form.own] = form.domain.even(rng)
        return
    shares = list(accumulate(_shares(form)))
    if not shares[-1]:
        raise SpaceError(f"no architecture satisfies the constraints below {path!r}")
    chosen = bisect_right(shares, rng.randrange(shares[-1]))
    value = out[path + form.own] = next(islice(form.domain.values(), chosen, None))
    for suffix, child in form.branches(value):
        draw_even(child, path + suffix, rng, out)


def _draw_linked(record: Record, path: str, rng: random.Random, one: Draw) -> dict[str, Values]:
    """Draw linked fields together until their conditions hold; where that is rare, draw among the listed valid ones."""
    drawn: dict[str, Values] = {}
    for place, linked in enumerate(record.linked):
        found = None if _is_rare(record, place, one) else _rejected(record, linked, rng, one, TRIES_LARGE)
        if found is None:
            found = _listed(record, place, rng, one)
        for name, values in found.items():
            drawn[name] = {joined(path, below): value for below, value in values.items()}
    return drawn


def _is_rare(record: Record, place: int, one: Draw) -> bool:
    """Whether rejection would take long: decided once per space with a fixed seed, never by what was drawn before, or
    the same seed would not give the same sample."""
    rare = record.rare.get((place, one is draw_even))
    if rare is None:
        rng, linked = random.Random(0), record.linked[place]
        accepted = sum(_rejected(record, linked, rng, one, tries=1) is not None for _ in range(TRIES))
        rare = record.rare[place, one is draw_even] = accepted < RARE * TRIES
    return rare


def _rejected(
    record: Record,
    linked: Linked,
    rng: random.Random,
    one: Draw,
    tries: int,
) -> dict[str, Values] | None:
    for _ in range(tries):
        fields: dict[str, Values] = {}
        for name, child in linked.fields:
            one(child, name, rng, fields.setdefault(name, {}))
        joint = {path: value for values in fields.values() for path, value in values.items()}
        if all(holds(record, rule, "", joint) for rule in linked.rules):
            return fields
    return None


def _listed(record: Record, place: int, rng: random.Random, one: Draw) -> dict[str, Values]:
    """Draw among the listed valid assignments, as likely as rejection would have drawn them."""
    linked = record.linked[place]
    names = " and ".join(f"{rule.name!r} ({rule.reason})" for rule in linked.rules)
    try:
        solutions, weights = _solutions(record, place)
    except SpaceError:
        found = _rejected(record, linked, rng, one, TRIES_LARGE)
        if found is not None:
            return found
        raise SpaceError(
            f"{record.cls.__name__}: found no architecture that satisfies {names} in {TRIES_LARGE:,} draws",
            hint="name the few fields a constraint reads, or replace it by a choice among valid combinations",
        ) from None
    if not solutions:
        raise SpaceError(f"{record.cls.__name__}: no architecture satisfies {names}", hint="relax the constraint")
    even = one is draw_even or weights[-1] <= 0
    chosen = rng.choices(solutions, cum_weights=None if even else weights)[0]
    parts: dict[str, Values] = {name: {} for name, _ in linked.fields}
    for name, child in linked.fields:
        fill(child, name, lambda path, _: chosen[path], parts[name])
    return parts


def _probability(linked: Linked, values: Values) -> float:
    decided = (pair for name, child in linked.fields for pair in active(child, name, values))
    return math.prod(decision.domain.probability(values[path]) for path, decision in decided)


def default(form: Form, path: str, out: Values) -> None:
    """Fill in the default of every decision; where these break a condition, the draw with seed 0 instead."""
    values: Values = {}
    fill(form, path, lambda _, decision: decision.domain.default, values)
    if any(broken(form, path, values)):
        values = {}
        draw(form, path, random.Random(0), values)
    out.update(values)
