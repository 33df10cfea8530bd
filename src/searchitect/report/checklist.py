"""The fourteen best practices of Lindauer & Hutter (JMLR 2020), answered from the result alone.

A machine can say what was recorded and compared; it cannot publish. Where a practice needs more than one study
(ablations, several searches), the answer is "no" or "partly" and says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from searchitect.report.facts import entry, hardware_of, task_of, versions_of
from searchitect.report.numbers import duration, number
from searchitect.report.tables import ranked, seconds_of

if TYPE_CHECKING:
    from searchitect.result import Result

__all__ = ["Answer", "Item", "checklist"]

Answer = Literal["yes", "partly", "no"]
Found = tuple[Answer, str]


@dataclass(frozen=True, slots=True)
class Item:
    """One practice with its answer.

    Attributes:
        evidence: one sentence with the figures the answer rests on.
    """

    number: int
    practice: str
    answer: Answer
    evidence: str


def checklist(result: Result) -> tuple[Item, ...]:
    """Answer all fourteen items, in the order of the paper."""
    return tuple(Item(i, practice, *ask(result)) for i, (practice, ask) in enumerate(_PRACTICES, 1))


def _pipeline(result: Result) -> Found:
    task, digest = task_of(result), entry(result.manifest, "space", "source_digest")
    if not task:
        return "partly", "Models were scored by your own function: publish its source beside this study."
    if not digest:
        return (
            "partly",
            "Task, recipe and preprocessing are in the journal; the source of the space could not be read.",
        )
    return (
        "yes",
        f"Task, recipe and preprocessing are in the journal, with the space's source digest {str(digest)[:12]}.",
    )


def _method(result: Result) -> Found:
    name, version = entry(result.manifest, "strategy", "name"), versions_of(result).get("searchitect")
    if not name:
        return "no", "The journal does not name the strategy."
    if not version:
        return "partly", f"The strategy was {name}; the version of the library was not recorded."
    return "yes", f"The strategy was {name} of searchitect {version}, seed {result.seed}, with settings in the journal."


def _publication(result: Result) -> Found:
    failed = result.counts.get("failed", 0)
    if not result.trials:
        return "no", "There are no trials to publish yet."
    return (
        "partly",
        f"The journal holds all {len(result.trials)} trials uncleaned, {failed} failed ones among them; "
        "publishing it is yours to do.",
    )


def _same_benchmark(result: Result) -> Found:
    if _count(result, "random"):
        return (
            "yes",
            "Random search used the same data split, search space and training code, in the same study.",
        )
    if result.baselines:
        return "partly", "Classical baselines saw the same data split; no other search was run."
    return "no", "Nothing was compared on the same split, space and training code."


def _ablation(result: Result) -> Found:
    return "no", "One study runs one configuration; switch components off in further studies to ablate them."


def _protocol(result: Result) -> Found:
    seeds = {
        arm: max((len(f.trials) for f in result.finalists if f.arm == arm), default=0) for arm in ("search", "random")
    }
    if not _count(result, "random"):
        return "no", "There was no competing search."
    if seeds["search"] and seeds["search"] == seeds["random"] and result.test:
        return (
            "yes",
            f"Both winners were trained on {seeds['search']} fresh seeds; the test split was opened once, at the end.",
        )
    return (
        "partly",
        f"Fresh seeds: {seeds['search']} for the search, {seeds['random']} for random search; "
        f"the test split was {'opened once' if result.test else 'not opened'}.",
    )


def _compute(result: Result) -> Found:
    timed = sum(1 for t in result.trials if seconds_of(t) > 0)
    done = len(ranked((t for t in result.trials if t.phase != "confirm"), result))
    if not done:
        return "no", "No trial was completed, so there is no trace of the best so far."
    if not timed:
        return "partly", f"The best so far is shown over {done} completed trials, but no times were recorded."
    return (
        "yes",
        f"The best so far is shown over evaluations and over seconds ({done} completed trials, {timed} timed).",
    )


def _random(result: Result) -> Found:
    done = ranked((t for t in result.trials if t.phase == "random"), result)
    if not done:
        return "no", "Random search was not run."
    name = result.objectives[0].name
    values = [t.measurements[name] for t in done]
    best = number(values[0], name)
    if len(values) < 2:
        return "partly", f"One random architecture was completed ({name} {best}): too few for a spread."
    mean, std = number(statistics.fmean(values), name), number(statistics.stdev(values), name)
    return (
        "yes",
        f"Random sampling: {name} {mean} ± {std} over {len(values)} architectures; random search: best {best}.",
    )


def _seeds(result: Result) -> Found:
    seeds = max((len(f.trials) for f in result.finalists if f.arm == "search"), default=0)
    if seeds < 2:
        return (
            "no",
            f"One search (seed {result.seed}) and no confirmation on several fresh seeds.",
        )
    return (
        "partly",
        f"The winner was trained on {seeds} fresh seeds; the search itself ran once (seed {result.seed}): "
        "repeat it with other seeds to see its spread.",
    )


def _tabular(result: Result) -> Found:
    kind = str(entry(result.manifest, "details", "evaluator") or "")
    if "tab" in kind.lower():
        return "yes", "The evaluations were read from a published table."
    return "no", "The evaluations were real runs, not look-ups in a published table."


def _confounders(result: Result) -> Found:
    versions = versions_of(result)
    if not versions:
        return "no", "The versions of the libraries were not recorded."
    names = ", ".join(f"{k} {v}" for k, v in list(versions.items())[:5])
    if not _count(result, "random"):
        return "partly", f"Versions are recorded ({names}); there was no competing search to hold them equal for."
    return "yes", f"Both searches ran in one study with the same workers and the same versions ({names})."


def _own_settings(result: Result) -> Found:
    options = entry(result.manifest, "strategy", "options")
    if options:
        return (
            "partly",
            f"The strategy's settings were chosen by you ({len(options)}); what choosing them cost is not counted.",
        )
    return "partly", "The strategy ran with its default settings; nothing was tuned on this task within this study."


def _cost(result: Result) -> Found:
    spent = {phase: seconds for phase, seconds in result.ledger.items() if seconds > 0}
    if not spent:
        return "no", "No costs were recorded."
    terms = " + ".join(f"{phase} {duration(seconds)}" for phase, seconds in spent.items())
    answer: Answer = "yes" if "confirm" in spent else "partly"
    text = f"{terms} of evaluation, {duration(result.seconds)} of wall time in all"
    return answer, text + ("." if answer == "yes" else "; the final training is not part of it.")


def _details(result: Result) -> Found:
    known = {
        "seed": True,
        "settings": bool(result.manifest.get("settings")),
        "versions": bool(versions_of(result)),
        "hardware": bool(hardware_of(result)),
    }
    missing = [name for name, there in known.items() if not there]
    if not missing:
        return "yes", "Seed, settings, versions and hardware are recorded."
    return "partly", f"Recorded: {', '.join(n for n in known if n not in missing)}; missing: {', '.join(missing)}."


def _count(result: Result, phase: str) -> int:
    return sum(1 for trial in result.trials if trial.phase == phase and trial.is_complete)


_PRACTICES: tuple[tuple[str, Callable[[Result], Found]], ...] = (
    ("Publish the training pipeline", _pipeline),
    ("Publish the search method", _method),
    ("Publish early, uncleaned", _publication),
    ("Compare on the same split, space and training code", _same_benchmark),
    ("Ablate the components", _ablation),
    ("Use one evaluation protocol for every competitor", _protocol),
    ("Show performance as a function of compute", _compute),
    ("Compare with random sampling and with random search", _random),
    ("Use many seeds and report them", _seeds),
    ("Use tabular or surrogate benchmarks where possible", _tabular),
    ("Control confounders: hardware, versions, runtime", _confounders),
    ("Report how the method's own settings were tuned", _own_settings),
    ("Report the cost from end to end", _cost),
    ("Report every detail of the setup", _details),
)
