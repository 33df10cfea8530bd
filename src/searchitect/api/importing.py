"""Trials of other tools as prior trials: Optuna studies, KerasTuner projects, strings of published cells.

Files are JSON or plain text, size-bounded and never unpickled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchitect.errors import ConfigError, MissingExtraError, SpaceError, did_you_mean
from searchitect.objectives import Objective
from searchitect.spaces import Architecture, SearchSpace
from searchitect.spaces.architecture import Value
from searchitect.strategies.prior import PriorTrial, ranked

__all__ = ["import_trials", "is_import"]

MAX_FILE = 16_000_000
"""Bytes of one file; a larger one is surely something else."""

MAX_TRIALS = 20_000
"""Trials that are read of one source."""

FORMS = ("optuna", "keras_tuner", "strings")


@dataclass(frozen=True, slots=True)
class _Foreign:
    """One trial of another tool: parameter → value, and a loss, smaller is better."""

    parameters: Mapping[str, Any]
    loss: float


def is_import(text: str) -> bool:
    """Whether a text names a source of another tool: "optuna:…", "keras_tuner:…" or "strings:…"."""
    return text.partition(":")[0] in FORMS


def import_trials(
    source: Any,
    space: type | SearchSpace,
    *,
    names: Mapping[str, str | None] | None = None,
    maximize: bool | None = None,
    objective: Objective | None = None,
) -> tuple[PriorTrial, ...]:
    """Return the complete trials of another tool as prior trials of `space`, for `warm_start=`.

    Args:
        source: an `optuna.Study`, or one of these texts:
            "optuna:URL" or "optuna:URL#STUDY": a storage of Optuna;
            "keras_tuner:FOLDER": a project folder of KerasTuner, with its `trial_*/trial.json`;
            "strings:FILE": a text file with one cell a line, as NATS-Bench, TransNAS-Bench or DARTS write it
            (`|nor_conv_3x3~0|+…`, `64-41414-1_02_333`, `Genotype(…)`), optionally with a tab and a score after it.
        names: parameter → path of the decision ("blocks.0.kernel"); None for a parameter to be left out. A parameter
            that is not listed stands for the decision of the same name.
        maximize: whether higher scores are better; by default what the source says, or the direction of `objective`.
            The order of the lines counts where a file has no scores: the first is the best.

    Raises:
        ConfigError: the source cannot be read, a parameter is no decision (the nearest is named), or nothing is
            complete.
        SpaceError: no trial lies in the space; the message says why the first does not.
        MissingExtraError: Optuna is not installed.
    """
    found = SearchSpace.of(space)
    if isinstance(source, str) and source.startswith("strings:"):
        higher = maximize if maximize is not None else objective is None or objective.direction == "maximize"
        return _strings(Path(source.removeprefix("strings:")), found, higher)
    if isinstance(source, str) and source.startswith("keras_tuner:"):
        folder = Path(source.removeprefix("keras_tuner:"))
        label, foreign = folder.name, list(_keras(folder, maximize))
    else:
        study = _optuna_study(source) if isinstance(source, str) else source
        label, foreign = str(getattr(study, "study_name", "study")), list(_optuna(study, maximize))
    if not foreign:
        raise ConfigError(f"{source} holds no complete trial", hint="finish at least one trial there")
    return ranked(list(_in_space(foreign, found, names or {})), label)


def _in_space(
    trials: Sequence[_Foreign], space: SearchSpace, names: Mapping[str, str | None]
) -> Iterator[tuple[Architecture, float]]:
    """Trials that lie in the space, with their losses; an error where none does."""
    paths = {decision.path for decision in space.decisions()}
    refusal: SpaceError | None = None
    carried = 0
    for trial in trials[:MAX_TRIALS]:
        values = _renamed(trial.parameters, paths, names)
        try:
            architecture = space.compose(values)
        except SpaceError as error:
            refusal = refusal or error
            continue
        carried += 1
        yield architecture, trial.loss
    if not carried and refusal is not None:
        raise SpaceError(f"none of {len(trials)} trials lies in {space.name}: {refusal.message}", hint=refusal.hint)


def _renamed(parameters: Mapping[str, Any], paths: set[str], names: Mapping[str, str | None]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, value in parameters.items():
        path = names.get(name, name)
        if path is None:
            continue
        if path not in paths:
            raise ConfigError(
                f"the parameter {name!r} is no decision of the space",
                hint=f"names={{{name!r}: PATH}} says which it is, None leaves it out; {did_you_mean(path, paths)}",
            )
        values[path] = tuple(value) if isinstance(value, list) else value
    return values


# ---- Optuna


def _optuna_study(text: str) -> Any:
    if not text.startswith("optuna:"):
        forms = "optuna:URL, keras_tuner:FOLDER or strings:FILE"
        raise ConfigError(f"cannot import from {text[:80]!r}", hint=f"write {forms}")
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("reading an Optuna study", "optuna") from None
    url, _, name = text.removeprefix("optuna:").partition("#")
    file = url.removeprefix("sqlite:///")
    if file != url and not Path(file).is_file():
        raise ConfigError(f"there is no file {file}", hint="optuna:sqlite:///FILE#STUDY")
    try:
        known = optuna.get_all_study_names(storage=url)
    except Exception as error:  # noqa: BLE001 - whatever a driver of a database may raise
        # Its message may repeat the URL, which may hold a password.
        raise ConfigError(f"Optuna cannot open that storage: {type(error).__name__}") from None
    if not name and len(known) != 1:
        listed = ", ".join(known[:10]) or "it holds none"
        raise ConfigError("which study of that storage?", hint=f"optuna:URL#STUDY, with one of: {listed}")
    if name and name not in known:
        raise ConfigError(f"that storage holds no study {name!r}", hint=did_you_mean(name, known))
    return optuna.load_study(study_name=name or known[0], storage=url)


def _optuna(study: Any, maximize: bool | None) -> Iterator[_Foreign]:
    if not hasattr(study, "trials") or not hasattr(study, "directions"):
        raise ConfigError(
            f"cannot import from {type(study).__name__}", hint="pass an optuna.Study, or optuna:URL, keras_tuner:FOLDER"
        )
    higher = study.directions[0].name == "MAXIMIZE" if maximize is None else maximize
    for trial in study.trials:
        if trial.state.name == "COMPLETE" and math.isfinite(trial.values[0]):
            yield _Foreign(trial.params, -trial.values[0] if higher else trial.values[0])


# ---- KerasTuner


def _keras(folder: Path, maximize: bool | None) -> Iterator[_Foreign]:
    """`trial_*/trial.json` of a project; `score` is a mean over executions, its direction that of the metric it is."""
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}", hint="keras_tuner:DIRECTORY/PROJECT_NAME")
    files = sorted(folder.glob("trial_*/trial.json"))
    if not files:
        raise ConfigError(f"{folder} holds no trial_*/trial.json", hint="name the project folder of KerasTuner")
    trials = [_document(path) for path in files[:MAX_TRIALS]]
    done = [t for t in trials if t.get("status") == "COMPLETED" and _is_number(t.get("score"))]
    higher = _direction(done, folder) if maximize is None and done else bool(maximize)
    for trial in done:
        values = trial.get("hyperparameters", {}).get("values", {})
        ours = {name: value for name, value in values.items() if not name.startswith("tuner/")}
        yield _Foreign(ours, -trial["score"] if higher else trial["score"])


def _direction(trials: Sequence[Mapping[str, Any]], folder: Path) -> bool:
    """Whether the score is maximised: the direction of those metrics that have it among their values in all trials."""
    found: set[str] = set()
    for name in trials[0].get("metrics", {}).get("metrics", {}):
        histories = [trial.get("metrics", {}).get("metrics", {}).get(name, {}) for trial in trials]
        if all(_holds(history, trial["score"]) for history, trial in zip(histories, trials, strict=True)):
            found.add(str(histories[0].get("direction")))
    if len(found) != 1 or not found <= {"max", "min"}:
        raise ConfigError(f"{folder} does not say whether higher scores are better", hint="pass maximize=True or False")
    return found == {"max"}


def _holds(history: Mapping[str, Any], score: float) -> bool:
    seen = [o.get("value") for o in history.get("observations", ()) if isinstance(o, Mapping)]
    means = [sum(v) / len(v) for v in seen if isinstance(v, list) and v and all(map(_is_number, v))]
    return any(math.isclose(mean, score, rel_tol=1e-6, abs_tol=1e-9) for mean in means)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path} holds no JSON object, so it is no trial of KerasTuner")
    return document


# ---- strings of published cells


def _strings(path: Path, space: SearchSpace, higher: bool) -> tuple[PriorTrial, ...]:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", hint="strings:FILE, one cell a line")
    found: list[tuple[Architecture, float]] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cell, _, score = line.strip().partition("\t")
        try:
            architecture = space.read({"decisions": _reader(cell)(cell)})
            found.append((architecture, _loss(score, higher, float(number))))
        except (SpaceError, ValueError) as error:
            message = error.message if isinstance(error, SpaceError) else str(error)
            raise SpaceError(f"{path}, line {number}: {message}") from None
    if not found:
        raise ConfigError(f"{path} holds no cell", hint="one a line, optionally a tab and its score")
    if len(found) > MAX_TRIALS:
        raise ConfigError(f"{path} holds {len(found):,} cells, at most {MAX_TRIALS:,} are read")
    return ranked(found, path.name)


def _reader(cell: str) -> Callable[[str], Mapping[str, Value]]:
    from searchitect.catalog.cell_strings import from_nats_string, from_transnas_string
    from searchitect.catalog.darts_strings import from_darts_string

    if cell.startswith("|"):
        return from_nats_string
    return from_darts_string if "Genotype" in cell else from_transnas_string


def _loss(score: str, higher: bool, place: float) -> float:
    if not score:
        return place
    value = float(score)
    if not math.isfinite(value):
        raise ValueError(f"a score must be a finite number, got {score!r}")
    return -value if higher else value


def _text(path: Path) -> str:
    size = path.stat().st_size
    if size > MAX_FILE:
        raise ConfigError(f"{path} has {size:,} bytes; at most {MAX_FILE:,} are read")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text: {error}") from None
