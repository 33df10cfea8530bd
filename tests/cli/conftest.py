"""A stand-in for `searchitect.api`, so that the command line is tested alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

import searchitect
from searchitect.cli import main
from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture
from searchitect.storage import StudyInfo
from searchitect.study.plan import Plan, Wishes, make_plan
from searchitect.trial import Proposal, Trial, TrialState

ARCHITECTURE = Architecture("digest", {"width": 16, "learning_rate": 0.0012345})


def make_trial(number: int, state: TrialState = TrialState.COMPLETE, reason: str | None = None) -> Trial:
    """A trial of phase "search"; a complete one has an accuracy of 0.9 and a little."""
    values = {"accuracy": 0.9 + number / 100, "parameters": 12345} if state is TrialState.COMPLETE else {}
    return Trial(
        number,
        Proposal(ARCHITECTURE),
        state,
        key=f"key{number}",
        seed=number,
        measurements=values,
        reason=reason,
        reports=((1, {"accuracy": 0.5}),),
        clock={"seconds": 1.25},
    )


@dataclass
class FakeResult:
    """What the command line reads of a `Result`."""

    study: str = "digits-plain_cnn"
    manifest: Mapping[str, Any] = field(default_factory=lambda: {"details": {}})
    best: Any = field(
        default_factory=lambda: SimpleNamespace(
            arm="search", trial=1, architecture=ARCHITECTURE, measurements={"accuracy": 0.91, "parameters": 12345}
        )
    )
    test: Mapping[str, float] = field(default_factory=lambda: {"accuracy": 0.905})
    trials: tuple[Trial, ...] = (make_trial(0), make_trial(1), make_trial(2, TrialState.FAILED, "the loss is NaN"))
    objectives: tuple[Objective, ...] = (Objective("accuracy", "maximize"),)
    constraints: tuple[Any, ...] = ()
    counts: Mapping[str, int] = field(default_factory=lambda: {"complete": 2, "failed": 1, "pruned": 0})
    seconds: float = 61.4
    stopped_by: str = "budget"
    verdict: Any = field(default_factory=lambda: SimpleNamespace(sentence="The search did not help."))
    warnings: tuple[str, ...] = ("no random search was run",)
    belief: Any = None
    costs: tuple[Any, ...] = ()
    energy: Any = None
    folder: Any = "runs/demo"
    files: tuple[str, ...] = ("model.onnx", "report.html")

    def document(self) -> dict[str, Any]:
        return {"study": self.study, "stopped_by": self.stopped_by}


class FakeApi:
    """Records every call; `search` plays a few events."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.result = FakeResult()
        self.events: list[dict[str, Any]] = []
        self.failure: BaseException | None = None
        self.kept = [StudyInfo("one", "2026-01-01T00:00:00Z", 1234)]

    def _record(self, command: str, /, *arguments: Any, **named: Any) -> None:
        self.calls.append((command, arguments, named))
        send: Callable[[Mapping[str, Any]], None] = named.get("on_event", lambda event: None)
        for event in self.events:
            send(event)
        if self.failure is not None:
            raise self.failure

    def search(self, **named: Any) -> FakeResult:
        self._record("search", **named)
        return self.result

    def Request(self, **named: Any) -> dict[str, Any]:
        return named

    def plan(self, request: dict[str, Any]) -> Plan:
        self._record("plan", request)
        return make_plan(Wishes(seconds=300.0, epochs=20, epoch_seconds=0.2))

    def resume(self, *arguments: Any, **named: Any) -> FakeResult:
        self._record("resume", *arguments, **named)
        return self.result

    def open_result(self, *arguments: Any, **named: Any) -> FakeResult:
        self._record("open_result", *arguments, **named)
        return self.result

    def export(self, *arguments: Any, **named: Any) -> tuple[str, ...]:
        self._record("export", *arguments, **named)
        return ("model.onnx", "model.safetensors")

    def report(self, *arguments: Any, **named: Any) -> str:
        self._record("report", *arguments, **named)
        return "runs/demo/report.html"

    def predict(self, *arguments: Any, **named: Any) -> list[Any]:
        self._record("predict", *arguments, **named)
        return [{"prediction": "seven", "probabilities": {"six": 0.25, "seven": 0.75}}]

    def migrate(self, *arguments: Any, **named: Any) -> Any:
        self._record("migrate", *arguments, **named)
        return SimpleNamespace(lines=lambda: ["study new: 2 trials carried over"], document=lambda: {"carried": 2})

    def doctor(self, *arguments: Any, **named: Any) -> Any:
        self._record("doctor", *arguments, **named)
        return SimpleNamespace(lines=["size 6", "no dead decisions"], document={"size": 6})

    def opened(self, *arguments: Any) -> Any:
        self._record("opened", *arguments)
        return SimpleNamespace(studies=lambda: self.kept, label="s.db")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """Replace the front door."""
    fake = FakeApi()
    monkeypatch.setattr(searchitect, "api", fake, raising=False)
    return fake


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Type a command line; returns its exit code and what it printed."""

    def type_it(*words: str) -> Answer:
        code = main(words)
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return type_it
