"""`verify`: is this study what its journal says? Proposals are asked for again, some trials are run again."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from searchitect.api.executing import open_for
from searchitect.api.opening import opened, recorded_of
from searchitect.api.preparing import Prepared, prepare
from searchitect.api.reopening import request_of
from searchitect.api.request import make_parts
from searchitect.api.running import open_study
from searchitect.errors import ConfigError
from searchitect.evaluation import CLOCK_MEASUREMENTS, Job, Outcome
from searchitect.seeding import stream
from searchitect.storage.journal import Event, Store
from searchitect.storage.memory import MemoryStore
from searchitect.study import Study
from searchitect.study.events import ended
from searchitect.study.loop import weights_folder
from searchitect.study.manifest import versions
from searchitect.study.verifying import Rehearsal, no_scores, rehearse
from searchitect.trial import Trial

__all__ = ["TOLERANCE", "Repeat", "Verification", "verify"]

TOLERANCE = 0.05
"""By how much a measurement may differ, relative, where bit-equality was not promised."""

Status = Literal["equal", "close", "differs", "cut short"]


@dataclass(frozen=True, slots=True)
class Repeat:
    """One trial that was run again.

    Attributes:
        status: "equal", bit for bit; "close", within the tolerance where no more was promised; "cut short", the clock
            ended the training of one of the two, which can be seen from their epochs; "differs".
        name: the measurement that is farthest off; None where all are equal.
        before, now: its values; or the reason for which the trial now fails.
    """

    trial: int
    status: Status
    name: str | None = None
    before: float | None = None
    now: float | str | None = None

    def __str__(self) -> str:
        if self.name is None and self.now is None:
            return f"trial {self.trial}: {self.status}"
        return f"trial {self.trial}: {self.name or 'state'} was {self.before}, now {self.now}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What agreed and what did not.

    Attributes:
        exact: whether trials had to be bit-equal; `why_not` says why less was asked of them.
    """

    study: str
    rehearsal: Rehearsal
    repeats: tuple[Repeat, ...]
    exact: bool
    tolerance: float
    why_not: str | None
    changed: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.rehearsal.findings and all(repeat.status != "differs" for repeat in self.repeats)

    def rows(self) -> list[tuple[str, int, int, str]]:
        """One row for each thing compared: what, how many, how many differ, and the first difference."""
        found = []
        for row, count in self.rehearsal.counts.items():
            wrong = [str(finding) for finding in self.rehearsal.findings if finding.row == row]
            found.append((row, count, len(wrong), wrong[0] if wrong else ""))
        wrong = [str(repeat) for repeat in self.repeats if repeat.status == "differs"]
        told = wrong[0] if wrong else ", ".join(self._counted())
        return [*found, ("trials run again", len(self.repeats), len(wrong), told)]

    def _counted(self) -> Iterator[str]:
        for status in ("equal", "close", "cut short"):
            count = sum(repeat.status == status for repeat in self.repeats)
            if count:
                yield f"{count} {status}"

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "study": self.study,
            "agrees": self.agrees,
            "exact": self.exact,
            "tolerance": self.tolerance,
            "why_not_exact": self.why_not,
            "changed_versions": list(self.changed),
            "rows": [
                {"what": what, "compared": compared, "differ": differ, "first": first}
                for what, compared, differ, first in self.rows()
            ],
            "findings": [dataclasses.asdict(finding) for finding in self.rehearsal.findings],
            "ended_early": self.rehearsal.ended_early,
            "trials": [dataclasses.asdict(repeat) for repeat in self.repeats],
        }


def verify(
    study: str,
    store: str | Path | Store | None = None,
    *,
    sample: int | Literal["all"] = 3,
    trials: Sequence[int] = (),
    tolerance: float = TOLERANCE,
    data: Any = None,
    space: Any = None,
    evaluate: Callable[..., Any] | None = None,
    strategy: Any = None,
) -> Verification:
    """Ask again for every proposal of a study and run a sample of its trials again; nothing of the study is changed.

    Args:
        sample: how many complete trials are run again: the one handed over first, the others drawn; or "all".
        trials: numbers of trials that are run again too.
        tolerance: relative difference that a measurement may show where it need not be bit-equal: on other versions of
            the packages, on a GPU, or in a study that ran in several processes without `deterministic`.
        data, space, evaluate, strategy: needed where the study was started on objects that only your program has.

    Raises:
        ConfigError: one of them is needed; or the data, the code or the settings are not those of the study.
        StorageError: there is no such study.
    """
    _check_sample(sample, tolerance)
    journal = [event for _, event in opened(store).journal(study).read()]
    manifest = journal[0] if journal else None
    recorded_of(journal)
    assert manifest is not None
    with tempfile.TemporaryDirectory(prefix="searchitect-verify-") as folder:
        prepared = _prepared(study, manifest, Path(folder), (data, space, evaluate), strategy)
        with open_study(prepared) as rehearsed:
            rehearsal = rehearse(rehearsed, journal[1:], prepared.plan.campaign)
            chosen = _chosen(rehearsed, sample, trials)
            outcomes = dict(_run_again(rehearsed, prepared, chosen, Path(folder)))
            exact, why_not = _exactness(manifest, prepared)
            repeats = [_repeat(rehearsed, n, outcomes, exact, tolerance, prepared) for n in chosen]
    return Verification(study, rehearsal, tuple(repeats), exact, tolerance, why_not, tuple(_changed(manifest)))


def _check_sample(sample: Any, tolerance: float) -> None:
    whole = isinstance(sample, int) and not isinstance(sample, bool) and sample >= 0
    if not whole and sample != "all":
        raise ConfigError(f"sample is a number of trials from 0 on, or 'all', got {sample!r}")
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ConfigError(f"tolerance is a finite number from 0 on, got {tolerance!r}", hint="0.05 is five per cent")


def _prepared(study: str, manifest: Event, folder: Path, own: tuple[Any, Any, Any], strategy: Any) -> Prepared:
    """The study as it would be resumed, in a store and a folder of its own."""
    alone = MemoryStore()
    recorded = {name: value for name, value in manifest["recorded"].items() if name != "artifacts"}
    alone.journal(study, create=True).append({**manifest, "recorded": recorded})  # it writes into its folder
    request = dataclasses.replace(request_of(study, alone, *own), folder=folder)
    if strategy is not None:
        request = dataclasses.replace(request, strategy=strategy, options={})
    prepared = prepare(request, make_parts(request))
    scoring = prepared.scoring
    if scoring is not None:
        prepared = dataclasses.replace(prepared, scoring=dataclasses.replace(scoring, score=no_scores))
    return prepared


def _chosen(study: Study, sample: int | Literal["all"], named: Sequence[int]) -> list[int]:
    """Numbers of the trials to run again: those named, the one handed over, and others drawn by the study's seed."""
    trials = study.trials
    unknown = [n for n in named if not 0 <= n < len(trials) or not trials[n].is_complete]
    if unknown:
        raise ConfigError(f"study {study.name!r} has no complete trial {unknown[0]}", hint="searchitect show STUDY")
    complete = [t.number for t in trials if t.is_complete and t.reused is None]
    if sample == "all":
        return complete
    marks = study.state.marks.get("test_opened", ())
    first = [event["handed_over"] for event in marks if event["handed_over"] in complete][:1]
    rest = [n for n in complete if n not in first]
    stream(study.seed, "verify").shuffle(rest)
    return list(dict.fromkeys([*named, *[*first, *rest][:sample]]))


def _run_again(study: Study, prepared: Prepared, chosen: Sequence[int], folder: Path) -> Iterator[tuple[int, Outcome]]:
    """Outcomes of these trials, each after those whose weights it goes on from, one wave after another."""
    waves = _waves(study.trials, chosen)
    executor = open_for(prepared.evaluator, prepared.request, prepared.parts)
    try:
        for wave in waves:
            waiting, running = list(wave), 0
            while waiting or running:
                while waiting and executor.capacity > 0:
                    trial = study.trials[waiting.pop(0)]
                    keep = weights_folder(folder, trial.number)
                    device = prepared.request.device
                    executor.submit(Job(trial.number, trial.proposal, trial.seed, device, None, keep))
                    running += 1
                for outcome in executor.collect(timeout=1.0):
                    running -= 1
                    yield outcome.number, outcome
    finally:
        executor.close()


def _waves(trials: Sequence[Trial], chosen: Sequence[int]) -> list[list[int]]:
    """Trials by the length of their lineage: what others go on from runs before them."""
    depth: dict[int, int] = {}

    def visit(number: int) -> int:
        if number not in depth:
            asked = trials[number].proposal
            before = [n for n in (asked.continues, asked.inherits) if n is not None]
            depth[number] = max((visit(n) + 1 for n in before if 0 <= n < number), default=0)
        return depth[number]

    for number in chosen:
        visit(number)
    return [[n for n in sorted(depth) if depth[n] == level] for level in range(max(depth.values(), default=-1) + 1)]


def _exactness(manifest: Event, prepared: Prepared) -> tuple[bool, str | None]:
    """Whether trials must be bit-equal, and otherwise why not."""
    if any(_changed(manifest)):
        return False, "versions differ: " + "; ".join(_changed(manifest))
    if not prepared.request.device.startswith("cpu"):
        return False, f"on {prepared.request.device} sums are not always added in the same order"
    if prepared.parts.workers > 1 and not prepared.request.deterministic:
        return False, "several workers without --deterministic"
    return True, None


def _changed(manifest: Event) -> Iterator[str]:
    before, now = manifest.get("clock", {}).get("versions", {}), versions()
    for package, version in now.items():
        if before.get(package) != version:
            yield f"{package} {before.get(package, 'not recorded')}, now {version}"


def _repeat(
    study: Study, number: int, outcomes: Mapping[int, Outcome], exact: bool, tolerance: float, prepared: Prepared
) -> Repeat:
    trial, outcome = study.trials[number], outcomes[number]
    if outcome.reason is not None:
        return Repeat(number, "differs", now=f"{outcome.state}: {outcome.reason}")
    needed = frozenset(o.name for o in study.objectives) | {name for c in study.constraints for name in c.names}
    again = ended(outcome, needed, 0.0)["measurements"]
    names = [n for n in dict.fromkeys([*trial.measurements, *again]) if n not in CLOCK_MEASUREMENTS]
    pairs = [(name, trial.measurements.get(name), again.get(name)) for name in names]
    unequal = [pair for pair in pairs if pair[1] != pair[2]]
    if not unequal:
        return Repeat(number, "equal")
    name, before, now = max(unequal, key=lambda pair: _off(pair[1], pair[2]))
    if _off(before, now) <= tolerance and not exact:
        return Repeat(number, "close", name, before, now)
    if _was_cut(trial, again, prepared):
        return Repeat(number, "cut short", "epochs", trial.measurements["epochs"], again["epochs"])
    return Repeat(number, "differs", name, before, now)


def _off(before: float | None, now: float | None) -> float:
    if before is None or now is None:
        return math.inf
    return abs(before - now) / max(abs(before), abs(now), 1e-12)


def _was_cut(trial: Trial, again: Mapping[str, float], prepared: Prepared) -> bool:
    """Whether the time of the study ended the training that now ran to its end."""
    bounded = prepared.wishes.seconds is not None or prepared.request.trial_seconds is not None
    return bounded and trial.measurements.get("epochs", math.inf) < again.get("epochs", 0.0)
