"""`explain`: why this architecture, from a study as it stands or from a published table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect import tasks
from searchitect.api.keeping import kept_artifacts
from searchitect.api.opening import open_result, opened
from searchitect.api.preparing import folder_name
from searchitect.api.reopening import request_of
from searchitect.api.request import Parts, make_parts
from searchitect.api.supernet_files import read_progress
from searchitect.api.weights import restorer
from searchitect.errors import ConfigError, SearchitectError, StorageError, did_you_mean
from searchitect.explain.explanation import Explanation, Outcome
from searchitect.explain.searches.drift import Drift, drift_of_run
from searchitect.explain.searches.evidence import Evidence, evidence_of, study_evidence
from searchitect.explain.searches.explaining import (
    Gathered,
    explain_evidence,
    explain_motifs,
    explain_winner,
    winner_of,
)
from searchitect.explain.wording import UnexplainedError, Words, words
from searchitect.objectives import parse_constraint
from searchitect.result import Result
from searchitect.spaces import Architecture, SearchSpace
from searchitect.storage.journal import Store
from searchitect.tasks import Task
from searchitect.trial import Trial

if TYPE_CHECKING:
    from searchitect.explain.models.explaining import ModelExplanation
    from searchitect.tabular import Benchmark

__all__ = ["explain", "explain_table"]

SHOWN, NAMED, BACKGROUND = 12, 96, 500
"""Validation inputs that get maps, at most so many of a file that was named, and those that importance over many and
substitutes rest on."""

MOST_ROWS = 20_000
"""Rows of a table that are read; of a larger one so many are drawn."""


def explain(
    study: str | Result,
    *,
    objective: str | None = None,
    trial: int | None = None,
    baseline: str | int | Architecture = "default",
    limits: Sequence[str] = (),
    model: bool = True,
    inputs: str | Path | None = None,
    methods: Sequence[str] | None = None,
    gradients: str | Path | None = None,
    data: Any = None,
    space: Any = None,
    store: str | Path | Store | None = None,
    language: str = "en",
    seconds: float = 60.0,
    seed: int = 0,
) -> Explanation:
    """Explain a study: which decisions matter, under which rules, what changed on the way, what the model looks at.

    Args:
        study: a result, or the name of a study.
        objective: a measurement; by default the first objective. One that is no objective is taken as minimised.
        trial: number of the trial that is explained; by default the best.
        baseline: where the way to it begins: "default" (of the space), "first" (complete trial), the number of a
            trial, or an architecture.
        limits: other limits to ask for, such as "latency_ms<=20".
        model: whether the trained model is explained too, where its weights were kept.
        inputs: a file of examples for the maps, as for `predict`; by default validation examples.
        methods: names of maps; by default all that fit the model.
        gradients: folder of a gradient search, whose operation probabilities are shown over its epochs.
        data, space: needed where the study was started on objects that only your program has; without them what needs
            them is left out, and the explanation says so.
        language: "en" or "zh".
        seconds: processor time after which no further part of the model's explanation is begun.

    Raises:
        ConfigError: there is no such trial, baseline, language, method or measurement, or no trial to explain.
    """
    say = words(language)
    result = open_result(study, store) if isinstance(study, str) else study
    parts, why = _parts(result, store, data, space)
    task = parts.task if parts is not None else None if data is None else tasks.task(data)
    known = SearchSpace.of(space) if space is not None else _space(result, parts)
    evidence = study_evidence(result, objective, space=known)
    winner = winner_of(result, trial)
    gathered = Gathered(say=say)
    explain_evidence(evidence, gathered, seed)
    explain_motifs([result.trials[n].architecture for n in evidence.numbers.tolist()], evidence, known, gathered)
    asked = [parse_constraint(text) for text in limits]
    start = _baseline(result, baseline, known, evidence, winner)
    if start is not None:
        explain_winner(result, evidence, winner, start, gathered, space=known, limits=asked, seed=seed)
    if gradients is not None:
        gathered.parts["drift"] = _drift(Path(gradients))
    if model and (methods or inputs is not None):  # asked for by name: what does not fit is an error, not a gap
        gathered.parts["model"] = _model(result, trial, (parts, task, why), inputs, methods, seconds, seed, say)
    elif model:
        gathered.run("model", lambda: _model(result, trial, (parts, task, why), inputs, methods, seconds, seed, say))
    return Explanation(
        _outcome(result, evidence, winner),
        evidence.objective,
        language,
        **gathered.parts,
        refused=gathered.refused,
    )


def explain_table(
    benchmark: str | Benchmark,
    *,
    measurement: str | None = None,
    data: str | Path | None = None,
    language: str = "en",
    seed: int = 0,
) -> Explanation:
    """Explain a published table: which of its decisions matter, and under which rules.

    Args:
        benchmark: a name such as "nasbench201/cifar10", or a benchmark.
        measurement: a column; by default the truth that the table reports.
        data: where tables lie, as for `searchitect compare`.

    Raises:
        ConfigError: there is no such table or column.
    """
    from searchitect.tabular import open_benchmark

    say = words(language)
    table = open_benchmark(benchmark, None if data is None else Path(data)) if isinstance(benchmark, str) else benchmark
    wanted = table.objective(measurement or table.truth)
    members = _members(table, seed)
    values = [(a, table.measure(a).get(wanted.name)) for a in members]
    told = [(a, float(v)) for a, v in values if v is not None]
    if not told:
        raise ConfigError(f"no architecture of {table.name} has {wanted.name!r}")
    evidence = evidence_of(
        [a for a, _ in told],
        [v for _, v in told],
        wanted,
        space=SearchSpace.of(table.space),
        uniform=[True] * len(told),
        members=len(told),
    )
    gathered = Gathered(say=say)
    explain_evidence(evidence, gathered, seed)
    explain_motifs([a for a, _ in told], evidence, SearchSpace.of(table.space), gathered)
    best = float(evidence.targets.max() if wanted.direction == "maximize" else evidence.targets.min())
    outcome = Outcome(table.name, None, len(told), len(told), None, best)
    return Explanation(outcome, wanted, language, **gathered.parts, refused=gathered.refused)


def _members(table: Benchmark, seed: int) -> list[Architecture]:
    """All architectures of a table, or an even draw (reservoir) of a large one."""
    from searchitect.seeding import stream

    rng = stream(seed, "explain table")
    kept: list[Architecture] = []
    for count, architecture in enumerate(table.members()):
        if count < MOST_ROWS:
            kept.append(architecture)
        elif (place := rng.randrange(count + 1)) < MOST_ROWS:
            kept[place] = architecture
    return kept


def _parts(result: Result, store: str | Path | Store | None, data: Any, space: Any) -> tuple[Parts | None, str]:
    """The objects that the study was started on; None, and why, where they are not at hand."""
    try:
        request = request_of(result.study, opened(store), data, space, None)
        return make_parts(request), ""
    except SearchitectError as error:
        return None, error.message


def _space(result: Result, parts: Parts | None) -> SearchSpace | None:
    cls = result.best.space if result.best is not None and result.best.space is not None else None
    cls = cls or (None if parts is None else parts.space)
    if cls is None:
        return None
    space = SearchSpace.of(cls)
    return space if space.digest == result.manifest["space"].get("digest", space.digest) else None


def _baseline(
    result: Result, wanted: str | int | Architecture, space: SearchSpace | None, evidence: Evidence, winner: Trial
) -> Architecture | None:
    """The architecture where the way begins; another one where the default is the winner or was never tried near."""
    if isinstance(wanted, Architecture):
        return wanted
    if isinstance(wanted, int):
        return winner_of(result, wanted).architecture
    if wanted not in ("default", "first"):
        raise ConfigError(
            f"expected a baseline 'default', 'first' or a trial's number, got {wanted!r}",
            hint=did_you_mean(wanted, ("default", "first")) or "leave it out to begin at the default of the space",
        )
    first = [result.trials[number].architecture for number in evidence.numbers.tolist()]
    if wanted == "default" and space is not None and _tried(space.default(), evidence):
        first.insert(0, space.default())
    return next((a for a in first if a != winner.architecture), None)


def _tried(architecture: Architecture, evidence: Evidence) -> bool:
    try:
        return all(factor.code(architecture) >= 0 for factor in evidence.factors)
    except ConfigError:
        return False


def _drift(folder: Path) -> Drift:
    """How the best run of a gradient search made up its mind.

    Raises:
        StorageError: no gradient search has ended there, or its file is damaged.
    """
    run, options = read_progress(folder)
    try:
        return drift_of_run(run, options)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise StorageError(
            f"the gradient search in '{folder.name}' is damaged: {type(error).__name__}: {error}", hint="search again"
        ) from error


def _outcome(result: Result, evidence: Evidence, winner: Trial) -> Outcome:
    name = evidence.objective.name
    best = result.best
    # The spread over a single seed is not a number.
    confirmed = (
        best is not None and math.isfinite(best.std.get(name, math.nan)) and best.architecture == winner.architecture
    )
    seeds = next((len(f.trials) for f in result.finalists if f.architecture == winner.architecture), None)
    return Outcome(
        result.study,
        (result.manifest.get("strategy") or {}).get("name"),
        len(evidence),
        int(evidence.uniform.sum()),
        winner.number,
        float(winner.measurements.get(name, evidence.targets.max())),
        best.mean[name] if best is not None and confirmed else None,
        best.std.get(name) if best is not None and confirmed else None,
        seeds if confirmed else None,
        result.verdict.kind,
        evidence.tried if evidence.is_whole else None,
        evidence.members if evidence.is_whole else None,
    )


def _model(
    result: Result,
    trial: int | None,
    objects: tuple[Parts | None, Task | None, str],
    file: str | Path | None,
    methods: Sequence[str] | None,
    seconds: float,
    seed: int,
    say: Words,
) -> ModelExplanation:
    from searchitect.explain.models.explaining import explain_model

    parts, task, why = objects
    module, description = _trained(result, trial, parts, why)
    raw, many = _inputs(task, description, file, why)
    kind = str(description["spec"]["domain"])
    return explain_model(
        module,
        raw,
        kind=kind if kind in ("image", "tabular") else None,
        methods=methods,
        background=many,
        classifies=description["spec"]["kind"] == "classification",
        names=_names(task),
        labels=tuple(description["labels"]),
        seconds=seconds,
        seed=seed,
        say=say,
    )


def _trained(result: Result, trial: int | None, parts: Parts | None, why: str) -> tuple[Any, Mapping[str, Any]]:
    """The trained model of the explained trial, and what its task wrote down."""
    best = result.best
    if best is not None and best.folder is not None and trial in (None, best.trial):
        loaded = best.loaded
        return loaded.model, loaded.description
    if parts is None or parts.task is None:
        raise UnexplainedError("no_model", why=why or UnexplainedError("own_evaluation"))
    kept = [number for finalist in result.finalists for number in finalist.trials]
    trial = _confirmed(result, trial, kept)
    if trial is None or result.folder is None:
        raise UnexplainedError("no_weights", trials=", ".join(map(str, kept)) or "–")
    artifacts = kept_artifacts(result.manifest["recorded"], folder_name(result.study))
    return restorer(result.trials, parts, result.folder, artifacts)(trial), parts.task.describe()


def _confirmed(result: Result, trial: int | None, kept: Sequence[int]) -> int | None:
    """The trial itself, or a confirmation of its architecture, whichever kept its weights."""
    if trial is None or trial in kept:
        return trial
    wanted = result.trials[trial].architecture
    return next((number for number in kept if result.trials[number].architecture == wanted), None)


def _inputs(task: Task | None, description: Mapping[str, Any], file: str | Path | None, why: str) -> tuple[Any, Any]:
    """Raw inputs for the maps, and many more for what needs many."""
    import numpy as np

    many = None
    if task is not None:
        split = task.validation
        places = np.unique(np.linspace(0, len(split) - 1, min(BACKGROUND, len(split))).astype(np.int64))
        many = split.read(places)
    if file is not None:
        return tuple(part[:NAMED] for part in _rows(description, file)), many
    if task is None or many is None:
        raise UnexplainedError("no_data", why=why)
    return tuple(part for part in task.validation.read(_varied(task))), many


def _rows(description: Mapping[str, Any], file: str | Path) -> tuple[Any, ...]:
    """Examples of a file; what is wrong with it is told with a hint."""
    from searchitect.tasks.rows import rows_for

    try:
        return tuple(rows_for(description, file))
    except SearchitectError as error:
        hint = (
            error.hint or "--input takes what `searchitect predict` takes; without it validation examples are explained"
        )
        raise ConfigError(error.message, hint=hint) from error


def _varied(task: Task) -> Any:
    """Validation examples, one class after the other, so that few show much."""
    import numpy as np

    targets = np.asarray(task.validation.targets)
    if targets.ndim > 1 or targets.dtype.kind not in "iu":
        return np.arange(min(SHOWN, len(targets)))
    firsts = [np.flatnonzero(targets == value)[:SHOWN] for value in np.unique(targets)]
    turns = [rows[turn] for turn in range(SHOWN) for rows in firsts if turn < len(rows)]
    return np.array(turns[:SHOWN], dtype=np.int64)


def _names(task: Task | None) -> Sequence[str] | None:
    return None if task is None else getattr(task.preprocessing, "feature_names", None)
