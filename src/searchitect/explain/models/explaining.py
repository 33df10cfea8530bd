"""`explain_model`: everything this room can say of a model on a few inputs, in a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from searchitect.errors import SearchitectError
from searchitect.explain.models.curves import Areas
from searchitect.explain.models.effort import Effort
from searchitect.explain.models.global_importance import (
    Dependence,
    GlobalImportance,
    columns_of,
    global_importance,
    part_names,
    partial_dependence,
    permutation_importance,
)
from searchitect.explain.models.gradient_flow import GradientFlow, LayerView, activations, filters, gradient_flow
from searchitect.explain.models.honesty import Checks, Honesty, Verdict, agreement_between, check_map
from searchitect.explain.models.maps import AttributionMap, attribution_map, needs_captum, numbers
from searchitect.explain.models.methods import check_fits, methods_for
from searchitect.explain.models.subject import Floats, Subject, Tokenizer, subject_of
from searchitect.explain.models.substitutes import (
    AdditiveSubstitute,
    TreeSubstitute,
    answers_of,
    distilled_additive,
    distilled_tree,
)
from searchitect.explain.wording import Words, reason, words

__all__ = ["MOST_INPUTS", "ModelExplanation", "explain_model"]

MOST_INPUTS = 96
"""Inputs that get maps; of more the first are taken."""

MOST_BACKGROUND = 2_000

WRITTEN = 100_000
"""Numbers of inputs, and of the maps of one method, that are written as JSON."""

LAYERS_OF, FLOW_OF = 2, 64
"""Inputs whose activations are kept, and those of the background by which gradients and dead units are judged."""

COLUMNS_SHOWN = 4
"""Columns of a table whose partial dependence is computed: the most important ones."""

DEFAULT_CHECKS = Checks()

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True, eq=False)
class ModelExplanation:
    """What is known of a model.

    Attributes:
        kind: of the inputs: "image", "tabular", "text", "audio" or "series".
        targets, beliefs: (n,) what was explained of each input, and its probability (or value).
        inputs: (n, *shape) what was explained: as the model sees it, columns of a table in their own units.
        labels: names of the classes; empty where there are none.
        names: of the parts: columns, squares, tokens, windows.
        background: how many inputs importance and substitutes rest on.
        maps: one for each method.
        honesty: verdicts on the maps; None where they were not asked for.
        flow: of gradients through the layers.
        layers, filters: activations of the first inputs, weights of convolutions.
        importances: over the background: by maps, and by permutation.
        dependences: of the most important columns of a table.
        tree, additive: substitutes learned on the background.
        left_out: what was not computed, with the reason.
        seconds: processor time.
    """

    kind: str
    targets: tuple[int, ...]
    beliefs: tuple[float, ...]
    inputs: Floats
    labels: tuple[str, ...]
    names: tuple[str, ...]
    background: int
    maps: tuple[AttributionMap, ...]
    honesty: Honesty | None
    flow: GradientFlow
    layers: tuple[LayerView, ...]
    filters: tuple[LayerView, ...]
    importances: tuple[GlobalImportance, ...]
    dependences: tuple[Dependence, ...]
    tree: TreeSubstitute | None
    additive: AdditiveSubstitute | None
    left_out: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def failed(self) -> tuple[str, ...]:
        """Methods whose maps failed a check."""
        return tuple(v.method for v in self.honesty.verdicts if v.failed) if self.honesty else ()

    @property
    def answers(self) -> tuple[str, ...]:
        """What was explained of each input, by name."""
        return tuple(self.labels[t] if self.labels else str(t) for t in self.targets)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; of large inputs the maps of the first ones alone, `WRITTEN` numbers of each."""
        most = max(1, WRITTEN // max(1, self.inputs[0].size))
        maps = [replace(made, values=made.values[:most]).to_json() for made in self.maps]
        parts = ("layers", "filters", "importances", "dependences")
        whole = ("honesty", "flow", "tree", "additive")
        return {
            "kind": self.kind,
            "targets": list(self.targets),
            "answers": list(self.answers),
            "names": list(self.names),
            "background": self.background,
            "beliefs": numbers(self.beliefs),
            "inputs": numbers(self.inputs[:most]),
            "maps": maps,
            **{name: [part.to_json() for part in getattr(self, name)] for name in parts},
            **{name: None if (part := getattr(self, name)) is None else part.to_json() for name in whole},
            "left_out": dict(self.left_out),
            "seconds": round(self.seconds, 2),
        }


class _Clock:
    """Runs what there is time for, and keeps what there was no time for, or what does not fit these inputs."""

    def __init__(self, seconds: float, say: Words) -> None:
        self.start, self.seconds, self.say = time.process_time(), seconds, say
        self.left_out: dict[str, str] = {}

    @property
    def spent(self) -> float:
        return time.process_time() - self.start

    def run(self, what: str, compute: Callable[[], _Part]) -> _Part | None:
        if self.spent > self.seconds:
            self.left_out[what] = self.say("left.no_time", seconds=f"{self.seconds:g}")
            return None
        try:
            return compute()
        except SearchitectError as error:
            self.left_out[what] = reason(error, self.say)
            return None


def explain_model(
    model: Any,
    inputs: Any,
    targets: Any = None,
    *,
    kind: str | None = None,
    methods: Sequence[str] | None = None,
    reference: Any = None,
    background: Any = None,
    classifies: bool | None = None,
    tokenizer: Tokenizer | None = None,
    names: Sequence[str] | None = None,
    labels: Sequence[str] = (),
    effort: Effort | None = None,
    checks: Checks | None = DEFAULT_CHECKS,
    seconds: float = 60.0,
    seed: int = 0,
    say: Words | None = None,
) -> ModelExplanation:
    """Explain a model on a few inputs, and check every map.

    Args:
        model, inputs, targets, kind, reference, classifies, tokenizer: as for `subject_of`; of the inputs the first
            96 are explained.
        methods: names in `METHODS`; by default all that fit.
        background: more inputs (the first 2,000 are taken), for importance over many and for substitutes; by default
            the inputs themselves. Without a reference their mean is what an absent place shows.
        names: of the columns of a table, or of other parts.
        labels: names of the classes.
        checks: of honesty; None leaves them out.
        seconds: processor time after which nothing new is begun; what was left out is told. One method, or one check
            of a method, may take longer.
        say: texts of a language; English by default.

    Raises:
        ConfigError: the inputs do not fit the model, or a method that was named does not fit.
        MissingExtraError: a method that was named needs captum.
    """
    clock = _Clock(seconds, say or words())
    given, wanted = _first(inputs, MOST_INPUTS), _first(targets, MOST_INPUTS)
    subject = subject_of(
        model, given, wanted, kind=kind, reference=reference, classifies=classifies, tokenizer=tokenizer
    )
    many = subject if background is None else _of_background(model, background, subject, tokenizer)
    if reference is None and many is not subject and subject.kind != "text":
        subject = replace(subject, reference=many.points.mean(0))
    maps, honesty = _checked_maps(subject, methods, effort, checks, seed, clock)
    importances = _importances(many, names, seed, clock)
    tree, additive = _substitutes(many, names, labels, seed, clock)
    return ModelExplanation(
        kind=subject.kind,
        targets=tuple(subject.targets.tolist()),
        beliefs=tuple(subject.belief(subject.points, subject.targets).tolist()),
        inputs=columns_of(subject) if subject.kind == "tabular" else subject.inputs.double().numpy(),
        labels=tuple(labels),
        names=part_names(subject, names, clock.say),
        background=len(many),
        maps=maps,
        honesty=honesty,
        flow=gradient_flow(_few(many, FLOW_OF), say=clock.say),
        layers=activations(_few(subject, LAYERS_OF)),
        filters=filters(subject.model),
        importances=importances,
        dependences=_dependences(many, importances, clock),
        tree=tree,
        additive=additive,
        left_out=tuple(clock.left_out.items()),
        seconds=clock.spent,
    )


def _first(given: Any, most: int) -> Any:
    """The first examples of an array, or of each of several."""
    if isinstance(given, tuple) and not all(isinstance(part, str) for part in given):
        return tuple(part[:most] for part in given)
    return given if given is None or isinstance(given, int | str) else given[:most]


def _few(subject: Subject, most: int) -> Subject:
    return replace(subject, inputs=subject.inputs[:most], targets=subject.targets[:most])


def _of_background(model: Any, background: Any, subject: Subject, tokenizer: Tokenizer | None) -> Subject:
    return subject_of(
        model,
        _first(background, MOST_BACKGROUND),
        kind=subject.kind,
        reference=subject.reference.numpy(),
        classifies=subject.classifies,
        tokenizer=tokenizer,
    )


def _checked_maps(
    subject: Subject,
    methods: Sequence[str] | None,
    effort: Effort | None,
    checks: Checks | None,
    seed: int,
    clock: _Clock,
) -> tuple[tuple[AttributionMap, ...], Honesty | None]:
    """Maps method by method, each with its verdict, while there is time."""
    for name in methods or ():
        check_fits(name, subject.model, subject.kind, subject.inputs)
        needs_captum(name)
    random: dict[bytes, Areas] = {}

    def one(name: str) -> tuple[AttributionMap, Verdict | None]:
        found = attribution_map(subject, name, effort=effort, seed=seed)
        if checks is None:
            return found, None
        return found, check_map(subject, found, random, effort=effort, checks=checks, seed=seed, say=clock.say)

    names = methods_for(subject.model, subject.kind, subject.inputs) if methods is None else tuple(methods)
    made = [pair for name in names if (pair := clock.run(name, partial(one, name))) is not None]
    maps = tuple(found for found, _ in made)
    verdicts = tuple(verdict for _, verdict in made if verdict is not None)
    if not verdicts:
        return maps, None
    return maps, Honesty(verdicts, tuple(found.method for found in maps), agreement_between(maps))


def _importances(many: Subject, names: Sequence[str] | None, seed: int, clock: _Clock) -> tuple[GlobalImportance, ...]:
    if len(many) < 2:
        clock.left_out[clock.say("left.importance")] = clock.say("left.one_input")
        return ()
    say = clock.say
    found = [
        clock.run(say("left.map_sizes"), lambda: global_importance(many, names=names, seed=seed, say=say)),
        clock.run(
            say("left.permutation"),
            lambda: permutation_importance(many, names=names, repeats=5, seed=seed, say=say),
        ),
    ]
    return tuple(part for part in found if part is not None)


def _dependences(many: Subject, importances: Sequence[GlobalImportance], clock: _Clock) -> tuple[Dependence, ...]:
    """Of the columns that permutation (the last importance) finds most important."""
    if many.kind != "tabular" or not importances:
        return ()
    last = importances[-1]
    chosen = np.argsort(-last.values, kind="stable")[:COLUMNS_SHOWN].tolist()
    found = [
        clock.run(
            clock.say("left.dependence", column=last.names[column]),
            partial(partial_dependence, many, column, name=last.names[column]),
        )
        for column in chosen
    ]
    return tuple(part for part in found if part is not None)


def _substitutes(
    many: Subject, names: Sequence[str] | None, labels: Sequence[str], seed: int, clock: _Clock
) -> tuple[TreeSubstitute | None, AdditiveSubstitute | None]:
    say, classifies = clock.say, many.classifies
    rows = clock.run(say("left.substitutes"), lambda: answers_of(many, names, say))
    if rows is None:
        return None, None
    columns, scores, called = rows

    def as_tree() -> TreeSubstitute:
        known = labels or None
        return distilled_tree(columns, scores, classifies=classifies, names=called, labels=known, seed=seed, say=say)

    def as_sum() -> AdditiveSubstitute:
        return distilled_additive(columns, scores, classifies=classifies, names=called, seed=seed, say=say)

    tree, additive = clock.run(say("left.tree"), as_tree), clock.run(say("left.additive"), as_sum)
    return tree, additive
