"""The proposal operator: architectures from the user's own function, a language model for instance.

What comes back is material, never trusted: it is read as JSON, bounded in size and time, checked against the space, the
limits of the study and what was tried. Whatever is wrong with it costs one warning; the caller falls back to a random
mutation. Evidence that tree edits in a typed space are what such models do well, and how many of their answers are
invalid: Nasir et al., "LLMatic", GECCO 2024; Chen et al., "EvoPrompting", NeurIPS 2023.
"""

from __future__ import annotations

import json
import random
import re
import threading
import warnings
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import MAX_DECISIONS, Architecture, Value
from searchitect.spaces.forms import DecisionForm
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

__all__ = ["ProposalOperator", "Proposer", "edited", "read_answer", "request_of"]

Json = Any
Proposer = Callable[[dict[str, Json]], object]
"""Receives a request (see `request_of`), returns JSON: text or a tree."""

LONGEST_ANSWER = 200_000
"""Longest text that is read, in characters."""

SHOWN = 3
"""Examples of each kind in a request; more do not help small models and cost tokens."""

INSTRUCTION = (
    'Propose one new architecture of the space. Answer with JSON only: {"set": {path: value, ...}} changes decisions '
    'of "parent" (decisions that become active and are not given are drawn at random), or {"decisions": {path: value, '
    "...}} gives all active decisions. Do not repeat an architecture that is shown."
)

_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)


class ProposalOperator:
    """Asks the user's function and returns a valid, new and feasible architecture, or None with a warning.

    Args:
        seconds: how long an answer may take; the function then runs on by itself, and is not asked again before it
            has returned. None waits for ever and calls it in this thread.
    """

    def __init__(self, setting: Setting, proposer: Proposer, seconds: float | None) -> None:
        self._setting, self._proposer, self._seconds = setting, proposer, seconds
        self._thread: threading.Thread | None = None

    def ask(
        self, request: dict[str, Json], parent: Architecture, seen: Container[str], rng: random.Random
    ) -> Architecture | None:
        """Return the function's proposal, or None where it failed in any way."""
        try:
            answer = self._answer(json.loads(json.dumps(request)))  # a copy: the function may do with it what it likes
            found = read_answer(self._setting.space, answer, parent, rng)
            problem = self._problem(found, seen)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign function may raise anything
            problem = f"{type(error).__name__}: {error}"
        if problem is None:
            return found
        text = " ".join(problem.split())[:300]
        warnings.warn(f"the proposal function was of no use, a random mutation takes its place: {text}", stacklevel=2)
        return None

    def _problem(self, found: Architecture, seen: Container[str]) -> str | None:
        if self._setting.space.key(found) in seen:
            return "it proposed an architecture that was tried before"
        broken = self._setting.check(found)
        return f"it proposed an architecture outside the limits: {broken[0]}" if broken else None

    def _answer(self, request: dict[str, Json]) -> object:
        if self._seconds is None:
            return self._proposer(request)
        if self._thread is not None and self._thread.is_alive():
            raise TimeoutError("it is still busy with an earlier request")
        outcome: dict[str, Any] = {}

        def call() -> None:
            try:
                outcome["answer"] = self._proposer(request)
            except BaseException as error:  # noqa: BLE001 - handed over to the thread that asked
                outcome["error"] = error

        self._thread = threading.Thread(target=call, name="proposal", daemon=True)
        self._thread.start()
        self._thread.join(self._seconds)
        if "error" in outcome:
            raise RuntimeError(f"it raised {type(outcome['error']).__name__}: {outcome['error']}")
        if "answer" not in outcome:
            raise TimeoutError(f"it did not answer within {self._seconds:g} seconds")
        return outcome["answer"]


def request_of(
    setting: Setting, number: int, parent: Trial, ranked: Sequence[Trial], failed: Sequence[Trial]
) -> dict[str, Json]:
    """Return what the function is told, as a tree of plain JSON.

    Args:
        parent: the trial whose architecture an edit changes.
        ranked: complete trials, best first.
        failed: trials without a result, the latest last.
    """
    objective = setting.objectives[0]

    def shown(trial: Trial) -> dict[str, Json]:
        decisions = trial.architecture.to_json()["decisions"]
        outcome = (
            {objective.name: trial.measurements[objective.name]} if trial.is_complete else {"reason": trial.reason}
        )
        return {"number": trial.number, "decisions": decisions, **outcome}

    worst = ranked[max(SHOWN, len(ranked) - SHOWN) :]
    return {
        "instruction": INSTRUCTION,
        "number": number,
        "objective": {"name": objective.name, "direction": objective.direction},
        "space": setting.space.describe(),
        "parent": shown(parent),
        "best": [shown(trial) for trial in ranked[:SHOWN]],
        "worst": [shown(trial) for trial in worst],
        "failed": [shown(trial) for trial in failed[-SHOWN:]],
    }


def read_answer(space: SearchSpace, answer: object, parent: Architecture, rng: random.Random) -> Architecture:
    """Return the architecture that an answer describes.

    Raises:
        SpaceError: it is no JSON of the two forms, or describes no architecture of the space.
    """
    document = _document(answer)
    if "decisions" in document:
        return space.read({"decisions": document["decisions"]})
    changes = document.get("set")
    if not isinstance(changes, Mapping) or not changes:
        raise SpaceError(f"it answered neither 'set' nor 'decisions' but {str(document)[:80]!r}")
    return edited(space, parent, changes, rng)


def edited(space: SearchSpace, parent: Architecture, changes: Mapping[str, Json], rng: random.Random) -> Architecture:
    """Return `parent` with some decisions changed; what thereby becomes active and is not given is drawn.

    Raises:
        SpaceError: a change names no active decision, gives it a value it cannot take, or breaks a condition.
    """
    left = dict(changes)

    def choose(path: str, decision: DecisionForm) -> Value:
        if path not in left:
            return parent[path] if path in parent else decision.domain.draw(rng)
        given = left.pop(path)
        value = decision.domain.normal(tuple(given) if isinstance(given, list) else given)
        problem = decision.domain.problem(value)
        if problem is not None:
            raise SpaceError(f"{path}: {problem}, got {given!r}")
        return value

    child = space.decide(choose)
    if left:
        raise SpaceError(f"no active decision {next(iter(left))!r}")
    problems = space.violations(child)
    if problems:
        raise SpaceError(problems[0])
    return child


def _document(answer: object) -> Mapping[str, Json]:
    if isinstance(answer, Architecture):
        answer = answer.to_json()
    if isinstance(answer, (str, bytes)):
        if len(answer) > LONGEST_ANSWER:
            raise SpaceError(f"it answered {len(answer):,} characters, at most {LONGEST_ANSWER:,} are read")
        text = answer.decode("utf-8") if isinstance(answer, bytes) else answer
        fenced = _FENCED.search(text)
        answer = json.loads(fenced[1] if fenced else text)
    if not isinstance(answer, Mapping):
        raise SpaceError(f"it answered {type(answer).__name__}, a JSON object was expected")
    if any(isinstance(part, Mapping) and len(part) > MAX_DECISIONS for part in answer.values()):
        raise SpaceError(f"it answered more than {MAX_DECISIONS:,} decisions")
    return answer
