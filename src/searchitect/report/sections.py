"""What stands in each section of the page, as plain values for the template."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.report.checklist import checklist
from searchitect.report.drawing import draw
from searchitect.report.facts import Headline, entry, finite, hardware_of, headline, task_of, versions_of
from searchitect.report.forest import forest, spoken
from searchitect.report.numbers import duration, measured, number, shortened, title, unit
from searchitect.report.tables import Table
from searchitect.study.ledger import Spent

if TYPE_CHECKING:
    from searchitect.report.graph import Graph
    from searchitect.result import Result

__all__ = ["again", "budget", "model", "practice", "top", "trials"]

Json = dict[str, Any]

MAX_DECISIONS = 120
MAX_MEASUREMENTS = 40
MAX_WARNINGS = 20
_KINDS = {"search": "search", "random search": "random", "confirmation": "confirm"}
_VERDICTS = {
    "search_helped": "The search helped",
    "no_difference": "No measurable difference",
    "random_better": "Random search did better",
    "baseline_better": "A classical baseline is better",
    "not_compared": "Not compared",
}
_FILES = {
    "architecture.json": "the decisions; reading it runs no code",
    "load_model.py": "five lines that load the model",
    "model.safetensors": "weights, preprocessing included",
    "model.onnx": "the same model for ONNX runtimes",
    "measurements.json": "every figure with its unit",
    "environment.json": "versions, hardware, seeds",
    "report.html": "this page",
}


def top(result: Result) -> Json:
    """Header, verdict, key figures, forest plot and warnings."""
    figures = headline(result)
    task, created = task_of(result), entry(result.manifest, "clock", "created")
    subtitle = [str(task["name"])] if task.get("name") else []
    subtitle += [str(created)[:10]] if created else []
    if result.trials:
        subtitle.append(
            f"{len(result.trials):,} trial{'s' if len(result.trials) > 1 else ''}, {duration(result.seconds)}"
        )
    if result.stopped_by:
        subtitle.append(_ending(result))
    verdict = result.verdict
    said = {
        "kind": verdict.kind if verdict.kind in _VERDICTS else "not_compared",
        "label": _VERDICTS.get(verdict.kind, "Not compared"),
        "sentence": shortened(verdict.sentence, 700),
    }
    return {
        "study": shortened(result.study, 120),
        "subtitle": [shortened(part, 120) for part in subtitle],
        "verdict": said,
        "cards": _cards(result, figures),
        "forest": forest(result, figures),
        "warnings": [shortened(text, 500) for text in result.warnings[:MAX_WARNINGS]],
    }


def _cards(result: Result, figures: Headline | None) -> list[Json]:
    if figures is None:
        return []
    where = f"{title(figures.metric)}, {figures.split} data"
    cards = []
    if figures.own is not None:
        note = where if result.best is None else f"{where}; trial {result.best.trial}"
        cards.append(_card("The model you are handed", figures.own, None, figures.metric, note))
    for name, words in (("search", "Search, mean over fresh seeds"), ("random", "Random search at equal cost")):
        if (found := figures.of(name)) is not None:
            seeds = f"{found.seeds} fresh seed{'s' if found.seeds != 1 else ''}"
            cards.append(_card(words, found.mean, found.std, figures.metric, f"{where}; {seeds}"))
    if (best := figures.best_baseline) is not None:
        note = f"{spoken(best.name)}; {where}"
        cards.append(_card("Best classical baseline", best.mean, best.std, figures.metric, note))
    return cards


def _card(what: str, value: float, std: float | None, metric: str, note: str) -> Json:
    spread = None if std is None else number(std, metric)
    return {"what": what, "value": measured(metric, value), "spread": spread, "note": shortened(note, 120)}


def model(result: Result, graph: Graph | None, page: Path) -> Json:
    """Drawing, decisions, measurements and files of the handed-over model."""
    best = result.best
    if best is None:
        why = "No trial was complete and within the limits, so there is no model. The table of trials says why."
        return {"lead": why, "note": "Nothing to draw.", "files": _files(result, page)}
    drawing = draw(graph) if graph is not None and graph.nodes else None
    note = "" if drawing else "The graph is drawn where the report is written together with the model."
    if drawing and not drawing.traced:
        note = "This model could not be followed; its modules are listed in the order in which they were made."
    if drawing and drawing.omitted:
        note += f" {drawing.omitted} further operations are left out."
    decisions = [(shortened(p, 80), shortened(_plain(v), 80)) for p, v in best.architecture.items()]
    if len(decisions) > MAX_DECISIONS:
        rest = len(decisions) - MAX_DECISIONS
        decisions = [*decisions[:MAX_DECISIONS], (f"… and {rest} more", "")]
    return {
        "lead": _lead(result),
        "drawing": drawing,
        "note": note.strip(),
        "decisions": decisions,
        "measurements": _measurements(result),
        "tested": bool(result.test),
        "files": _files(result, page),
    }


def _lead(result: Result) -> str:
    best = result.best
    assert best is not None
    confirmed = any(t.number == best.trial and t.phase == "confirm" for t in result.trials)
    how = "the best of the confirmation seeds on validation data" if confirmed else "the best trial of the search"
    return f"Trial {best.trial}, {how}. The weights, the preprocessing and the architecture below travel together."


def _measurements(result: Result) -> list[Json]:
    assert result.best is not None
    own = result.best.measurements
    names = [*dict.fromkeys([*(o.name for o in result.objectives), *result.test, *own])][:MAX_MEASUREMENTS]
    return [
        {
            "name": shortened(_heading(name), 60),
            "value": measured(name, finite(own.get(name))),
            "test": measured(name, finite(result.test.get(name))) if name in result.test else "",
        }
        for name in names
        if name in own or name in result.test
    ]


def _files(result: Result, page: Path) -> list[Json]:
    folder = result.folder if result.folder is not None else page.parent
    rows = []
    for name in result.files[:40]:
        path = folder / Path(name).name
        size = measured("size_bytes", path.stat().st_size) if path.is_file() and path.name != page.name else ""
        rows.append({"name": shortened(Path(name).name, 60), "what": _FILES.get(Path(name).name, ""), "size": size})
    return rows


def trials(result: Result, table: Table) -> Json:
    """The table of trials: columns, rows and the sentence above it."""
    counts = ", ".join(f"{n:,} {state}" for state, n in result.counts.items() if n)
    lead = f"{counts}. Best first; a click on a heading sorts." if counts else "No trial was started."
    if table.omitted:
        lead += (
            f" {len(table.rows):,} of {len(table.rows) + table.omitted:,} trials are shown: the best, "
            "and some of those without a result. `searchitect show STUDY NUMBER` shows any of them."
        )
    best = None if result.best is None else result.best.trial
    rows = [
        {
            "number": row.number,
            "phase": shortened(row.phase, 20),
            "state": row.state,
            "best": row.number == best,
            "note": row.note,
            "decisions": bool(row.decisions),
            "cells": [_cell(row.values.get(name), name) for name in table.columns]
            + [_cell(row.seconds, "run_seconds")],
        }
        for row in table.rows
    ]
    names = ["trial", "phase", "state", *(shortened(_heading(name), 40) for name in table.columns), "time", "note"]
    last = len(names) - 1
    columns = [{"title": name, "number": i == 0 or 2 < i < last} for i, name in enumerate(names)]
    states = sorted({row.state for row in table.rows})
    return {"lead": lead, "columns": columns, "rows": rows, "states": states}


def _heading(name: str) -> str:
    """The name without its unit, where the values beside it carry one: `train_seconds` is "train time"."""
    words = title(name).rpartition(" (")[0] if unit(name) in ("s", "bytes", "ms") else title(name)
    return f"{words} time" if unit(name) == "s" and "time" not in words else words


def _cell(value: float | None, name: str) -> Json:
    return {"v": "" if value is None else f"{value:.7g}", "text": measured(name, value)}


def budget(result: Result) -> Json:
    """Busy seconds by what they were spent on."""
    lines = [line for line in result.costs or _phases(result) if finite(line.seconds) is not None and line.seconds >= 0]
    total = sum(line.seconds for line in lines)
    rows = [
        {
            "phase": shortened(line.what, 40),
            "kind": _KINDS.get(line.what, "other"),
            "weight": round(line.seconds / total, 4),
            "time": f"{duration(line.saved)} saved" if line.what == "reused" else duration(line.seconds),
            "share": f"{100 * line.seconds / total:.0f} %",
            "energy": measured("energy_joules", line.joules) if line.joules else "",
            "trials": f"{line.trials:,}" if line.trials else "",
        }
        for line in lines
        if total > 0
    ]
    lead = f"{duration(total)} of evaluation within {duration(result.seconds)} of wall time"
    lead += "" if result.energy is None else f", {result.energy}"
    return {"lead": f"{lead}; {_ending(result)}.{_stopped(result)}", "strategy": _strategy(result), "rows": rows}


def _stopped(result: Result) -> str:
    """How many trials were not trained to their end, and how far they came."""
    pruned = [trial for trial in result.trials if trial.state.value == "pruned" and trial.reused is None]
    if not pruned:
        return ""
    shares = [told["progress"] for t in pruned if t.reports and "progress" in (told := t.reports[-1][1])]
    far = f", after {100 * sum(shares) / len(shares):.0f} % of their training on average" if shares else ""
    rule = entry(result.manifest, "settings", "stopping")
    by = f" by the {shortened(str(rule), 80)} rule" if rule else ""
    return f" {len(pruned):,} trial{'s were' if len(pruned) > 1 else ' was'} stopped early{by}{far}."


def _strategy(result: Result) -> str:
    """One sentence on the strategy's model: what it did, and how well it ranked what it had not seen."""
    belief = result.belief
    if belief is None:
        return ""
    ranked = belief.rank_correlation
    told = "" if ranked is None else f" Its model ranked held-out trials with a correlation of {ranked:.2f}."
    if belief.interval is not None:
        low, high = (measured(result.objectives[0].name, end) for end in belief.interval)
        of_ten = f"{10 * belief.share:.0f} of 10 trainings of trial {belief.incumbent}"
        told += f" {of_ten} are expected between {low} and {high}."
    return shortened(belief.note, 300).rstrip(".") + "." + told if belief.note else told.strip()


def _ending(result: Result) -> str:
    if result.stopped_by == "unfinished":
        return "not finished yet"
    return f"the search was stopped by: {shortened(result.stopped_by, 80)}"


def _phases(result: Result) -> list[Spent]:
    """The ledger of a result that was not made from a journal."""
    count = Counter(trial.phase for trial in result.trials)
    return [Spent(_phase(phase), count[phase], seconds) for phase, seconds in result.ledger.items()]


def _phase(phase: str) -> str:
    words = {"random": "random search", "confirm": "confirmation", "search": "search"}
    return words.get(phase, phase)


def practice(result: Result) -> Json:
    """The checklist with a count of its answers."""
    items = checklist(result)
    count = {answer: sum(1 for item in items if item.answer == answer) for answer in ("yes", "partly", "no")}
    summary = f"{count['yes']} yes, {count['partly']} partly, {count['no']} no"
    return {"answers": items, "summary": summary}


def again(result: Result) -> Json:
    """Commands, versions, settings and digests."""
    study, manifest = shlex.quote(shortened(result.study, 100)), result.manifest
    commands = [
        f"searchitect resume {study}",
        f"searchitect show {study}" + (f" {result.best.trial}" if result.best else ""),
        f"searchitect report {study}",
    ]
    if result.files:
        commands.append(f"searchitect predict {study} FILE")
    setup: list[tuple[str, Any]] = [
        ("study", result.study),
        ("seed of the study", result.seed),
        ("seeds of the confirmation", _confirm_seeds(result)),
        ("search space", entry(manifest, "space", "name")),
        ("digest of the space", entry(manifest, "space", "digest")),
        ("digest of its source", entry(manifest, "space", "source_digest")),
        ("task", task_of(result).get("name")),
        ("digest of the data", task_of(result).get("digest")),
        ("examples", _flat(task_of(result).get("sizes"))),
        ("strategy", entry(manifest, "strategy", "name")),
        ("strategy options", _flat(entry(manifest, "strategy", "options"))),
        *((name.replace("_", " "), _flat(value)) for name, value in _mapping(manifest.get("settings")).items()),
    ]
    environment = [*versions_of(result).items(), *hardware_of(result).items()]
    return {
        "commands": commands,
        "setup": [(shortened(n, 60), shortened(v, 400)) for n, v in setup if v not in (None, "", [], {})][:60],
        "environment": [(shortened(n, 60), shortened(_plain(v), 120)) for n, v in environment][:40],
    }


def _confirm_seeds(result: Result) -> str:
    numbers = {n for f in result.finalists if f.arm == "search" for n in f.trials}
    return ", ".join(str(t.seed) for t in result.trials if t.number in numbers)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(v) for v in value)
    return "" if value is None else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(_plain(v) for v in value) + ")"
    if isinstance(value, Mapping):
        return json.dumps(value, default=str)
    return str(value)
