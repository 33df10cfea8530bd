"""What happens while a study runs: a live line on a terminal, one line for each event elsewhere; always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from searchitect.cli.text import measured
from searchitect.objectives import Objective, parse_constraint, parse_objective

__all__ = ["Progress", "progress"]

Event = Mapping[str, Any]


class Progress:
    """What is known of a running study from its events.

    Args:
        show: receives one sentence for each event, and whether it should stay on a live screen.
        study: its name, where it is known before the first event.
    """

    def __init__(self, show: Callable[[str, bool], None], study: str | None = None) -> None:
        self._show = show
        self.study = study
        self.objective: Objective | None = None
        self.wanted: tuple[str, ...] = ()
        self.best: float | None = None
        self.counts: dict[str, int] = {}
        self.elapsed = 0.0
        self.phase = ""

    def on_event(self, event: Event) -> None:
        """Take note of one event and show it."""
        kind = event["kind"]
        if kind == "manifest":
            self.study = event["study"]
            self._note_wishes(event["settings"])
        elif kind == "start":
            self.phase = event["phase"]
        elif kind == "end":
            self._count(event)
        self.elapsed = max(self.elapsed, event.get("clock", {}).get("elapsed", 0.0))
        sentence = _SENTENCES.get(kind, _other)(event, self.wanted)
        if sentence:
            self._show(sentence, kind not in ("start", "end", "reused", "infeasible"))

    def _note_wishes(self, settings: Mapping[str, Any]) -> None:
        objectives = [parse_objective(text) for text in settings["objectives"]]
        limits = [parse_constraint(text) for text in settings["constraints"]]
        self.objective = objectives[0]
        self.wanted = tuple(dict.fromkeys([*(o.name for o in objectives), *(limit.name for limit in limits)]))

    def _count(self, event: Event) -> None:
        self.counts[event["state"]] = self.counts.get(event["state"], 0) + 1
        if self.objective is None or event["state"] != "complete":
            return
        value = event["measurements"].get(self.objective.name)
        if value is not None and (self.best is None or self.objective.better(value, self.best)):
            self.best = value

    @property
    def line(self) -> str:
        """The state in one line, for a live display."""
        parts = [self.phase or "starting"]
        parts += [f"{number} {state}" for state, number in self.counts.items()]
        if self.objective is not None and self.best is not None:
            parts.append(f"best {self.objective.name} {measured(self.best)}")
        return " · ".join(parts)


def _values(event: Event, wanted: Sequence[str]) -> str:
    """What was wanted, in that order; everything where that is not known."""
    values = event["measurements"]
    names = [name for name in wanted if name in values] or list(values)
    return ", ".join(f"{name} {measured(values[name])}" for name in names)


def _manifest(event: Event, wanted: Sequence[str]) -> str:
    wanted = ", ".join(event["settings"]["objectives"])
    return f"study {event['study']}: space {event['space']['name']}, {event['strategy']['name']}, {wanted}"


def _start(event: Event, wanted: Sequence[str]) -> str:
    decisions = event["architecture"]["decisions"]
    shown = " ".join(f"{path}={measured(value)}" for path, value in decisions.items())
    return f"{event['phase']} #{event['number']} starts: {shown if len(shown) <= 90 else shown[:89] + '…'}"


def _end(event: Event, wanted: Sequence[str]) -> str:
    seconds = event.get("clock", {}).get("seconds")
    took = "" if seconds is None else f" ({seconds:.1f} s)"
    if event["state"] == "complete":
        return f"#{event['number']} complete{took}: {_values(event, wanted)}"
    return f"#{event['number']} {event['state']}{took}: {event.get('reason')}"


def _reused(event: Event, wanted: Sequence[str]) -> str:
    return f"{event['phase']} #{event['number']} repeats #{event['of']}: answered from the journal"


def _infeasible(event: Event, wanted: Sequence[str]) -> str:
    return f"{event['phase']} #{event['number']} infeasible: {event.get('reason')}"


_PHASES = {"search": "the search", "random": "random search at equal cost", "confirm": "the confirmation"}
_ENDINGS = {
    "trials": "all trials are done",
    "budget": "its time is up",
    "until": "the condition holds",
    "exhausted": "nothing is left to try",
}


def _phase(event: Event, wanted: Sequence[str]) -> str:
    if event["phase"] == "confirm":
        return "the confirmation is over"
    phase, ending = event["phase"], event["ended_by"]
    return f"{_PHASES.get(phase, phase)} is over: {_ENDINGS.get(ending, ending)}"


def _finalists(event: Event, wanted: Sequence[str]) -> str:
    arms = ", ".join(
        f"{arm} " + " ".join(f"#{n}" for n in numbers) for arm, numbers in event["arms"].items() if numbers
    )
    return f"finalists, to be trained again on fresh seeds: {arms or 'none'}"


def _test_result(event: Event, wanted: Sequence[str]) -> str:
    return f"test split: {_values({'measurements': event.get('handed_over', {})}, wanted)}"


def _baseline(event: Event, wanted: Sequence[str]) -> str:
    return f"baseline {event['name']}: {_values(event, wanted)}"


def _test_opened(event: Event, wanted: Sequence[str]) -> str:
    models = sum(len(trials) for trials in event.get("models", {}).values())
    return f"the test split is opened, once, for {models} frozen models and {len(event.get('baselines', ()))} baselines"


def _exported(event: Event, wanted: Sequence[str]) -> str:
    skipped = "".join(f"; skipped {name}: {why}" for name, why in event.get("skipped", ()))
    return f"written: {', '.join(event.get('files', ())) or 'nothing'}{skipped}"


def _retried(event: Event, wanted: Sequence[str]) -> str:
    return f"#{event['number']} is run again (attempt {event['attempt']}): {event.get('reason')}"


def _discarded(event: Event, wanted: Sequence[str]) -> str:
    return f"weights of {len(event['numbers'])} trial(s) were removed to keep within the disk quota"


def _other(event: Event, wanted: Sequence[str]) -> str:
    return str(event["kind"]).replace("_", " ")


_SENTENCES: dict[str, Callable[[Event, Sequence[str]], str]] = {
    "manifest": _manifest,
    "start": _start,
    "end": _end,
    "reused": _reused,
    "infeasible": _infeasible,
    "phase": _phase,
    "baseline": _baseline,
    "finalists": _finalists,
    "test_opened": _test_opened,
    "test_result": _test_result,
    "exported": _exported,
    "retried": _retried,
    "discarded": _discarded,
}


@contextmanager
def progress(*, quiet: bool = False, seconds: float | None = None, study: str | None = None) -> Iterator[Progress]:
    """Yield what an `on_event` is to be given: live on a terminal, lines elsewhere, silent when `quiet`.

    Args:
        seconds: the whole budget, where it is known; draws a bar.
    """
    if quiet:
        yield Progress(_ignore, study)
    elif sys.stderr.isatty():
        with _live(seconds, study) as following:
            yield following
    else:
        yield Progress(_print_line, study)


def _ignore(sentence: str, lasting: bool) -> None:
    """Show nothing."""


def _print_line(sentence: str, lasting: bool) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


@contextmanager
def _live(seconds: float | None, study: str | None) -> Iterator[Progress]:
    from rich import progress as rich_progress
    from rich.console import Console

    columns = [
        rich_progress.SpinnerColumn(),
        rich_progress.TextColumn("{task.description}", markup=False),
        *([] if seconds is None else [rich_progress.BarColumn(bar_width=20)]),
        rich_progress.TimeElapsedColumn(),
    ]
    console = Console(stderr=True)
    with rich_progress.Progress(*columns, console=console, transient=True) as display:
        bar = display.add_task("starting", total=seconds)

        def show(sentence: str, lasting: bool) -> None:
            if lasting:
                display.console.print(sentence, markup=False, highlight=False)
            display.update(bar, description=following.line, completed=following.elapsed)

        following = Progress(show, study)
        yield following
