"""`search` and `plan`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from searchitect.api.preparing import prepare
from searchitect.api.request import Request, make_parts
from searchitect.api.running import run
from searchitect.objectives import Constraint, Objective
from searchitect.result import Result
from searchitect.spaces import Recipe
from searchitect.storage.journal import Event, Store
from searchitect.strategies import Strategy
from searchitect.study.incidents import MAX_FAILURES, RETRIES
from searchitect.study.plan import Plan

__all__ = ["plan", "search"]


def search(
    data: Any = None,
    space: Any = None,
    *,
    target: str | None = None,
    groups: Any = None,
    time: Any = None,
    evaluate: Callable[..., Any] | None = None,
    strategy: str | Strategy = "auto",
    options: Mapping[str, Any] | None = None,
    objectives: str | Sequence[str | Objective] | None = None,
    constraints: str | Sequence[str | Constraint] = (),
    trials: int | None = None,
    budget: str | float | None = None,
    until: str | Sequence[str] | None = None,
    workers: int | None = None,
    memory: str | int | None = None,
    seed: int = 0,
    device: str = "cpu",
    store: str | Path | Store | None = None,
    name: str | None = None,
    folder: str | Path | None = None,
    recipe: Recipe | None = None,
    random_search: bool = True,
    confirm_seeds: int = 3,
    trial_seconds: float | None = None,
    deterministic: bool = False,
    profile: bool = False,
    allow_changed_code: bool = False,
    devices: Any = (),
    confidence: float | None = None,
    warm_start: Any = None,
    supernet: Any = None,
    proxies: str | Sequence[str] | None = None,
    stopping: str | None = None,
    prune_space: bool = False,
    scenarios: Any = None,
    size: int | None = None,
    reference: str | Path | None = None,
    executor: str | None = None,
    ray_address: str | None = None,
    trial_cpus: float = 1.0, trial_gpus: float = 0.0,
    hang_seconds: float | None = None,
    retries: int = RETRIES,
    max_failures: float = MAX_FAILURES,
    disk: str | int | None = None, artifacts: str | None = None,
    ranks: int = 1,
    on_event: Callable[[Event], None] | None = None,
) -> Result:  # fmt: skip
    """Search a space of architectures and hand back a trained, confirmed, exported model.

    Args:
        data: the name of a task ("digits"), a path, a pair `(X, y)`, a torch `Dataset`, or a `Task`.
        target: the column to predict, where `data` is a table; by default one named target, label, class or y, or the
            last.
        space: a class marked `@space`, a catalogue name, a file of layers, or a list for `sa.layers`; by default the
            catalogue's choice for the data.
        groups: a column, or one value for each example: what has the same value stays in one split.
        time: a column, or one value for each example: training comes before validation, and that before the test.
        evaluate: your own function, any framework inside: `fn(model)` or `fn(model, context)`, returning a number or a
            dictionary of numbers. `model` is what the space's `build` returns, or the typed instance without one.
        strategy: a name from `searchitect list strategies`, or a strategy object; `options` are its own arguments.
        objectives: what to optimise, most important first: "accuracy", "minimize latency_ms".
        constraints: limits that hold: "parameters<=100000", "latency_ms_raspberry_pi_4<=20".
        trials: evaluations of the search at most.
        budget: for everything together: "90s", "5min", "500trials", or an energy, "2kWh", "500Wh", "300kJ". Whatever
            bound is reached first ends the search.
        until: condition, or conditions that must hold together, which end the search: "accuracy>=0.95"; or
            "gain<=0.001": the next ten evaluations are expected to improve the first objective by no more than that.
        workers: worker processes, by default one per core; 0 evaluates in this process, as does `evaluate` by default.
        memory: what one evaluation may take in its worker process, beyond the program and the data: "2GB", "512MB", or
            bytes. A trial that needs more fails, with "memory" first in its reason, and the study goes on.
        store: URL or file that keeps the study, "memory:" for none; by default runs/studies.db.
        name: name of the study. A study that exists under it goes on; a finished one is shown. By default a search on
            named data has a name made of its settings, and one on data in memory has a fresh name.
        folder: receives the model's files; by default runs/NAME.
        recipe: how models are trained, where the space does not decide it.
        random_search: compare with random search at equal cost.
        confirm_seeds: fresh seeds on which each finalist is evaluated again.
        trial_seconds: a trial is stopped after so long and counts as failed.
        deterministic: same seed and workers, same journal, whoever is faster.
        profile: write a torch.profiler trace of the first trial.
        devices: where the model must run: names from `searchitect list devices`, or paths of profiles. Latency, energy,
            memory and flash are predicted for each (`latency_ms_NAME`, `energy_joules_NAME`, `peak_memory_bytes_NAME`,
            `flash_bytes_NAME`), for objectives and limits. A limit that names one of the package needs no mention here.
        confidence: how probable it must be that a limit on a prediction is kept, 0.5 to below 1; by default 0.95.
        warm_start: what earlier searches found: the name of a study ("STUDY" of this store, "STUDY@STORE", "@STORE" for
            all that fit), a result, an import ("optuna:…"), architectures or instances of the space, pairs of these and
            ranks, or a list of such things. See docs/warm_starts.md. A study that goes on does not read it again.
        allow_changed_code: go on although the source of the space or of `evaluate` has changed.
        supernet: what `sa.train_supernet` returned: trials of the search are judged by its shared weights, while random
            search, which gets its cost as well, and the confirmation train alone. Its data and space need no repeating.
        prune_space: leave options out of most proposals that have next to no chance, or with which a limit cannot be
            kept; what was left out, and why, stands in the journal and in `result.warnings`. See
            docs/many_objectives.md.
        stopping: "median" or "curve": trials of the search that fall behind while they train are ended early, as
            pruned. See docs/multi_fidelity.md; your own `evaluate` takes part by `context.report`.
        scenarios: places where a model must serve: a TOML file of `[[scenario]]` tables, or a list of `sa.Scenario`.
            One search serves all of them, and `result.portfolio()` has a model for each. See docs/portfolio.md.
        size: of the portfolio: so many models at most; by default one for each scenario.
        proxies: start from zero-cost scores: "default", a group or names ("nwot,flops"). A pool of random architectures
            is scored before the first trial, in about a tenth of the search's time; see docs/proxies.md.
        reference: folder of a model that is deployed already: `agreement` with it and `negative_flips`, what it answers
            correctly and a new model does not, are measured on validation data, for objectives and limits.
        executor: "serial", "processes" or "ray"; by default what `workers` says. See docs/reliability.md.
        ray_address: of a Ray cluster, "HOST:PORT" or "auto"; without one `executor="ray"` starts one on this machine.
        trial_cpus, trial_gpus: what one trial needs of the cluster; shares such as 0.25 of a GPU are allowed.
        hang_seconds: a trial in a worker, on Ray too, that neither reports nor uses the processor for so long is ended,
            as failed; by default 600 for trainings, and never for your own `evaluate`.
        retries: how often a trial is run again whose machine is gone or whose worker was killed.
        max_failures: share of the search's trials that may fail before it stops and says why.
        disk: what weights of trials may take, "10GB"; the least useful are removed first.
        artifacts: URL below which trials leave their weights, "s3://bucket/runs", where workers share no folder; by
            default they lie in `folder`. See docs/reliability.md.
        ranks: programs that train each model together on the CPU, data-parallel; for models whose batches keep several
            processors busy. See docs/reliability.md.
        on_event: called with every event of the journal as it is written.

    Raises:
        SearchitectError: something in the request cannot be used; the message says what to type instead.
    """
    return _searched(_request(locals()), on_event)


def _request(given: Mapping[str, Any]) -> Request:
    """The arguments of `search` as a request: but for `on_event` its fields bear their names."""
    fields = {name: value for name, value in given.items() if name != "on_event"}
    several = {name: _several(given[name]) for name in ("objectives", "constraints")}
    return Request(**fields | several | {"options": given["options"] or {}})


def _searched(request: Request, on_event: Callable[[Event], None] | None) -> Result:
    return run(prepare(request, make_parts(request)), on_event)


def _several(texts: Any) -> Any:
    """One text as a list of one."""
    return (texts,) if isinstance(texts, str) else texts


def plan(request: Request) -> Plan:
    """Say how a request's budget would be split, before anything is spent (but for timing one epoch)."""
    return prepare(request, make_parts(request)).plan
