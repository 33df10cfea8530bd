"""Any sampler of Optuna as a strategy.

Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019. Decisions are suggested by
their paths in the order of the space, define-by-run, so that a conditional decision is suggested where it is active.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError, MissingExtraError, did_you_mean
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture, Value
from searchitect.spaces.domains import Domain
from searchitect.spaces.forms import DecisionForm
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.optuna_dimensions import dimensions, raw_values, suggested, value_of
from searchitect.strategies.strategy import Setting
from searchitect.trial import Proposal, Trial

__all__ = ["OptunaSampler"]

FORGETFUL = frozenset({"RandomSampler", "TPESampler", "GPSampler"})
"""Samplers that know nothing but the finished and running trials. All others keep notes in Optuna's storage, which are
restored by asking them again for everything they were asked for."""

ONE_SEQUENCE = frozenset({"QMCSampler", "GridSampler"})
"""Samplers whose seed names one sequence: it must not change with the trial."""

REPEATS = 3
REPEATS_NOTED = 50
"""How often a sampler may come up with what is known or forbidden before its wish is mutated; the second number is for
samplers that take note of repeats, and so get over them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the sampler was asked for last: not yet part of the fold."""

    number: int
    architecture: Architecture | None
    trial: Any  # Optuna's, where the architecture is just what it suggested


class OptunaSampler:
    """Ask a sampler of Optuna, in memory.

    The sampler is made anew for each trial, seeded by the study's seed and the trial's number. An architecture that
    is known or forbidden is not asked for again: the sampler gets another chance, then its wish is mutated.

    Args:
        sampler: a name from `optuna.samplers`.
        sampler_options: its keyword arguments; the seed is given.

    Raises:
        MissingExtraError: Optuna is not installed.
        ConfigError: there is no such sampler, or it refuses its options.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        sampler: str = "TPESampler",
        sampler_options: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import optuna
        except ImportError as error:
            raise MissingExtraError("the strategy 'optuna'", "optuna") from error
        names = [name for name in dir(optuna.samplers) if name.endswith("Sampler") and not name.startswith("Base")]
        if sampler not in names:
            raise ConfigError(f"Optuna has no sampler {sampler!r}", hint=did_you_mean(sampler, names))
        self._optuna, self._setting = optuna, setting
        self._name, self._options = sampler, dict(sampler_options or {})
        self._told: list[Trial] = []
        self._study: Any = None
        self._applied = 0  # of what was told
        self._asked: _Asked | None = None
        self._numbers: dict[int, int] = {}  # ours to Optuna's
        self._results: dict[str, list[float] | None] = {}  # by canonical key; None: without result so far
        self._sampler(0)

    def ask(self, number: int) -> Proposal | None:
        with self._quiet():
            self._catch_up()
            if self._asked is None or self._asked.number != number:
                if self._asked is not None and not self._forgetful:
                    self._forget()
                    self._catch_up()
                self._asked = self._draw(number)
        architecture = self._asked.architecture
        return None if architecture is None else Proposal(architecture, self._setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._told.append(trial)

    # ---- Optuna's study: a cache of what was told

    @property
    def _forgetful(self) -> bool:
        return self._name in FORGETFUL

    def _forget(self) -> None:
        """Start with an empty study; the next `ask` rebuilds it from what was told."""
        self._study, self._applied, self._asked = None, 0, None
        self._numbers, self._results = {}, {}

    def _catch_up(self) -> None:
        if self._study is None:
            directions = [objective.direction for objective in self._setting.objectives]
            self._study = self._optuna.create_study(directions=directions, sampler=self._sampler(0))
        news = self._told[self._applied :]
        if self._asked is not None and news and news[0].number != self._asked.number and not self._forgetful:
            self._forget()  # it was asked for a trial that never came to be
            self._catch_up()
            return
        for trial in news:
            self._applied += 1
            if trial.number not in self._numbers:
                self._begin(trial)
            if trial.state.is_finished:
                self._end(trial)

    def _begin(self, trial: Trial) -> None:
        if not self._forgetful and (self._asked is None or self._asked.number != trial.number):
            self._asked = self._draw(trial.number)
        asked, self._asked = self._asked, None
        own = None if asked is None else asked.trial
        if asked is not None and own is not None and asked.architecture == trial.architecture:
            self._numbers[trial.number] = own.number
        else:
            if own is not None:
                self._record(own, None)
            self._numbers[trial.number] = self._add(trial.architecture)
        self._results.setdefault(trial.key, None)

    def _end(self, trial: Trial) -> None:
        number = self._numbers[trial.number]
        if not trial.is_complete:
            self._record(number, None)
            return
        values = [trial.measurements[objective.name] for objective in self._setting.objectives]
        self._record(number, values)
        self._results[trial.key] = values

    def _add(self, architecture: Architecture) -> int:
        params: dict[str, Any] = {}
        distributions: dict[str, Any] = {}

        def note(path: str, decision: DecisionForm) -> Value:
            named = dimensions(path, decision.domain)
            distributions.update(named)
            params.update(zip(named, raw_values(decision.domain, architecture[path]), strict=True))
            return architecture[path]

        self._setting.space.decide(note)
        running = self._optuna.trial.TrialState.RUNNING
        made = self._optuna.trial.create_trial(state=running, params=params, distributions=distributions)
        self._study.add_trial(made)
        return int(self._study.get_trials(deepcopy=False)[-1].number)

    def _record(self, trial: Any, values: list[float] | None) -> None:
        # Brute force stops an optimisation that is done, and there is none to stop; the end is recorded all the same.
        with suppress(RuntimeError):
            state = self._optuna.trial.TrialState
            self._study.tell(trial, values, state=state.FAIL if values is None else state.COMPLETE)

    # ---- asking the sampler

    def _draw(self, number: int) -> _Asked:
        setting, space = self._setting, self._setting.space
        wish = space.default()
        for attempt in range(REPEATS if self._forgetful else REPEATS_NOTED):
            self._study.sampler = self._sampler(number, attempt)
            trial, wish = self._suggested()
            sound = space.contains(wish)
            key = space.key(wish) if sound else ""
            if sound and key not in self._results and not setting.check(wish):
                if not self._forgetful:
                    return _Asked(number, wish, trial)
                self._record(trial, None)
                return _Asked(number, wish, None)
            self._record(trial, None if self._forgetful else self._results.get(key))
        rng = stream(setting.seed, "optuna", number)
        found = first_fresh(setting, self._results, lambda: space.mutate(wish, rng)) if space.contains(wish) else None
        if found is None:
            found = first_fresh(setting, self._results, lambda: space.sample(rng))
        return _Asked(number, found, None)

    def _suggested(self) -> tuple[Any, Architecture]:
        space = self._setting.space
        try:
            trial = self._study.ask()
            return trial, space.decide(lambda path, form: _chosen(trial, path, form.domain))
        except (TypeError, ValueError, ImportError, NotImplementedError) as error:
            raise ConfigError(f"Optuna's {self._name} cannot search {space.name}: {error}") from error

    def _sampler(self, number: int, attempt: int = 0) -> Any:
        kind = getattr(self._optuna.samplers, self._name)
        path: tuple[int, ...] = () if self._name in ONE_SEQUENCE else (number, attempt)
        seed = derive(self._setting.seed, "optuna", *path) % 2**32
        seeded = {"seed": seed} if "seed" in inspect.signature(kind).parameters else {}
        try:
            with self._quiet():
                return kind(**{**seeded, **self._options})
        except (TypeError, ValueError, ImportError) as error:
            raise ConfigError(f"Optuna's {self._name} refused its options: {error}") from error

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Keep Optuna's log and its warnings about experimental samplers from the user's terminal."""
        logging = self._optuna.logging
        before = logging.get_verbosity()
        logging.set_verbosity(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
                yield
        finally:
            logging.set_verbosity(before)


def _chosen(trial: Any, path: str, domain: Domain) -> Value:
    named = dimensions(path, domain)
    return value_of(domain, [suggested(trial, name, distribution) for name, distribution in named.items()])
