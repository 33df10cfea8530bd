"""Plain text on stdout: tables that align, numbers a person can read, the summary of a result."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.cli.portfolio_lines import HEADERS, portfolio_rows, portfolio_sentence
from searchitect.objectives import log_sd_name

if TYPE_CHECKING:
    from searchitect.result import Result
    from searchitect.study.plan import Plan
    from searchitect.trial import Trial

__all__ = [
    "as_csv",
    "as_json",
    "file_name",
    "measured",
    "plan_document",
    "summary",
    "table",
    "trial_document",
    "trial_lines",
    "trials_table",
]

MAX_ROWS = 1_000
"""Trials that `show` lists."""


def file_name(name: str) -> str:
    """The name of a table as part of that of a file: "nasbench201/cifar10" is "nasbench201-cifar10"."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)


def measured(value: object) -> str:
    """A value as people write it: 0.9778, 12,345, 3.2e-05."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:g}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns with two spaces between them; the last column is never padded."""
    widths = [max(len(row[i]) for row in [headers, *rows]) for i in range(len(headers))]
    lines = [headers, ["-" * width for width in widths], *([printable(cell) for cell in row] for row in rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def printable(text: str) -> str:
    """The text without characters that a terminal would obey: reasons and names come from data and programs."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def summary(result: Result) -> list[str]:
    """What a study found, in a dozen lines."""
    return [
        f"study {result.study}: {_counts(result.counts)}; {result.seconds:.0f} s; stopped by {result.stopped_by}",
        *_best_lines(result),
        *_test_lines(result),
        *_portfolio_lines(result),
        f"verdict    {result.verdict.sentence}",
        *_belief_lines(result),
        *_cost_lines(result),
        *(f"note       {warning}" for warning in result.warnings),
        *_file_lines(result),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in counts.items() if number) or "no trials"


def _best_lines(result: Result) -> Iterator[str]:
    if result.best is None:
        limits = " and ".join(str(limit) for limit in result.constraints)
        yield "best       none: no trial was complete" + (f" and within {limits}" if limits else "")
        return
    decisions = ", ".join(f"{path}={measured(value)}" for path, value in result.best.architecture.items())
    found = "" if result.best.arm == "search" else ", found by random search"
    yield f"best       trial {result.best.trial}{found}: {decisions}"
    yield "validation " + _values(result.best.measurements)


def _test_lines(result: Result) -> Iterator[str]:
    if result.test:
        yield "test       " + _values(result.test)


def _portfolio_lines(result: Result) -> Iterator[str]:
    if result.manifest["details"].get("portfolio"):
        portfolio = result.portfolio()
        yield f"portfolio  {portfolio_sentence(portfolio)}"
        yield from (f"  {line}" for line in table(HEADERS, list(portfolio_rows(portfolio))))


def _belief_lines(result: Result) -> Iterator[str]:
    if result.belief is not None and result.belief.note:
        yield f"strategy   {result.belief.note}"
    if result.belief is not None and result.belief.interval is not None:
        belief, expected = result.belief, " to ".join(map(measured, result.belief.interval))
        of_ten = f"in {10 * belief.share:.0f} of 10 trainings of trial {belief.incumbent}"
        yield f"expected   {result.objectives[0].name} {expected} {of_ten}"


def _cost_lines(result: Result) -> Iterator[str]:
    if result.costs:
        spent = ", ".join(
            f"{line.what} {line.trials} (saved {line.saved:.0f} s)"
            if line.what == "reused"
            else f"{line.what} {line.seconds:.0f} s" + (f" ({line.trials} trials)" if line.what == "failures" else "")
            for line in result.costs
        )
        yield f"cost       {spent}" + ("" if result.energy is None else f"; {result.energy}")


def _file_lines(result: Result) -> Iterator[str]:
    if result.folder is not None and result.files:
        yield f"files      {result.folder}: {', '.join(result.files)}"


def _values(values: Mapping[str, float]) -> str:
    spreads = {log_sd_name(name): values.get(log_sd_name(name)) for name in values}
    shown = {name: value for name, value in values.items() if name not in spreads}
    return ", ".join(f"{name} {measured(value)}{_band(spreads[log_sd_name(name)])}" for name, value in shown.items())


def _band(log_sd: float | None) -> str:
    """How sure a prediction is: the factor within which 95 % lie."""
    return "" if log_sd is None else f" (×/÷ {math.exp(1.96 * log_sd):.2g})"


def as_json(document: Any) -> str:
    """One JSON document, as people can read it too."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys as CSV with a header; a dictionary in a row becomes columns `key.inner`.

    Text that a spreadsheet would take for a formula gets an apostrophe in front: names of classes come from data.
    """
    written = io.StringIO()
    if rows:
        flat = [_flat(row) for row in rows]
        writer = csv.DictWriter(written, list(flat[0]), lineterminator="\n")
        writer.writerow({key: _harmless(key) for key in flat[0]})
        writer.writerows({key: _harmless(value) for key, value in row.items()} for row in flat)
    return written.getvalue()


def _harmless(cell: Any) -> Any:
    """The cell; text that begins like a formula (OWASP, "CSV injection") and is no number, with an apostrophe."""
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= {f"{key}.{inner}": v for inner, v in value.items()} if isinstance(value, Mapping) else {key: value}
    return flat


def trials_table(result: Result) -> list[str]:
    """One row for each trial, the first thousand: number, phase, state, objectives or the reason, seconds."""
    names = [objective.name for objective in result.objectives]
    rows = [[*_trial_cells(trial, names), _outcome(trial)] for trial in result.trials[:MAX_ROWS]]
    more = len(result.trials) - MAX_ROWS
    rest = [f"… and {more:,} more: --json lists all, `show STUDY NUMBER` shows one"] if more > 0 else []
    return [*table(["trial", "phase", "state", *names, "seconds", ""], rows), *rest]


def _trial_cells(trial: Trial, names: Sequence[str]) -> list[str]:
    values = [measured(trial.measurements[name]) if name in trial.measurements else "" for name in names]
    seconds = trial.clock.get("seconds")
    return [f"{trial.number}", trial.phase, trial.state.value, *values, "" if seconds is None else f"{seconds:.1f}"]


def _outcome(trial: Trial) -> str:
    return f"repeats {trial.reused}" if trial.reused is not None else (trial.reason or "")


def trial_lines(trial: Trial) -> list[str]:
    """Everything about one trial."""
    reports = [f"  step {step}: {_values(values)}" for step, values in trial.reports]
    return [
        f"trial {trial.number}: {trial.state.value}" + (f" ({printable(trial.reason)})" if trial.reason else ""),
        f"phase {trial.phase}, seed {trial.seed}, key {trial.key}",
        *(f"  {path} = {measured(value)}" for path, value in trial.proposal.architecture.items()),
        *([] if not trial.measurements else ["measurements: " + _values(trial.measurements)]),
        *(["reports:", *reports] if reports else []),
    ]


def trial_document(trial: Trial) -> dict[str, Any]:
    """Everything about one trial as JSON."""
    return {
        "trial": trial.number,
        "phase": trial.phase,
        "state": trial.state.value,
        "reason": trial.reason,
        "reused": trial.reused,
        "seed": trial.seed,
        "key": trial.key,
        "architecture": trial.architecture.to_json()["decisions"],
        "fidelity": trial.proposal.fidelity.to_json(),
        "measurements": dict(trial.measurements),
        "reports": [{"step": step, **values} for step, values in trial.reports],
        "seconds": trial.clock.get("seconds"),
    }


def plan_document(plan: Plan) -> dict[str, Any]:
    """The split of a budget as JSON."""
    return {
        "rows": [row.to_json() for row in plan.rows()],
        "expected_trials": plan.expected_trials,
        "search_fidelity": plan.search_fidelity.to_json(),
        "confirm_fidelity": plan.campaign.confirm_fidelity.to_json(),
        "reserve_seconds": plan.reserve,
        "no_random": plan.no_random,
        "scored": plan.scored,
    }
