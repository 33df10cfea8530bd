"""The seam between the study, which knows no torch, and the rooms that evaluate: records and protocols only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from searchitect.spaces.architecture import Architecture
from searchitect.trial import Fidelity, Proposal, TrialState

__all__ = [
    "CHECKPOINT",
    "CLOCK_MEASUREMENTS",
    "WATTS",
    "Artifacts",
    "Cause",
    "Check",
    "Checker",
    "Context",
    "Energy",
    "Evaluator",
    "Executor",
    "Facts",
    "Job",
    "Listener",
    "LiveExecutor",
    "Meter",
    "Outcome",
    "Reports",
    "trial_folder",
]

Reports = tuple[tuple[int, Mapping[str, float]], ...]


CLOCK_MEASUREMENTS = frozenset(
    {"train_seconds", "latency_ms", "latency_onnx_ms", "energy_joules", "energy_error_joules"}
)
"""Measurements that the wall clock decides: they differ between two runs with the same seed, all others are equal."""


CHECKPOINT = "checkpoint.safetensors"
"""Name of the file in a trial's folder from which another trial can go on."""


def trial_folder(number: int) -> str:
    """Name of the folder of a trial's files; those of one study stand beside one another."""
    return f"trial-{number:05d}"


WATTS: Mapping[str, float] = {"cpu": 10.0, "cuda": 250.0}
"""Power of one busy processor core, and of one busy GPU, that an estimate of energy assumes where none is given."""


@dataclass(frozen=True, slots=True)
class Energy:
    """An amount of energy and how well it is known.

    Attributes:
        joules: the best value.
        error: half the width of the band around it, joules.
        source: "rapl" or "nvml" for a counter of the machine; "model" for power times time, an estimate.
    """

    joules: float
    error: float
    source: str

    @classmethod
    def estimated(cls, seconds: float, device: str = "cpu", watts: float | None = None) -> Energy:
        """Power times busy seconds, ± 40 %: what such estimates were found to be off by against meters."""
        joules = seconds * (watts if watts is not None else WATTS.get(device.partition(":")[0], WATTS["cpu"]))
        return cls(joules, 0.4 * joules, "model")

    @classmethod
    def metered(cls, joules: float, source: str) -> Energy:
        """What a counter says, ± 5 %: Khan et al., "RAPL in Action", 2018; NVIDIA states the same of its boards."""
        return cls(joules, 0.05 * joules, source)

    @property
    def amount(self) -> str:
        """Two digits and the unit: "1.3 kJ"."""
        return _in_joules(self.joules)

    def __str__(self) -> str:
        """Two digits and the band: "1.3 kJ ± 40 % (estimated: power × time)"."""
        share = f"± {100 * self.error / self.joules:.0f} %" if self.joules else "± 0 %"
        how = "estimated: power × time" if self.source == "model" else f"metered by {self.source.upper()}"
        return f"{_in_joules(self.joules)} {share} ({how})"


def _in_joules(joules: float) -> str:
    """The value with two digits and its unit: 0.012 J, 1.3 kJ, 0.15 kWh from there."""
    if joules >= 3.6e5:
        return f"{float(f'{joules / 3.6e6:.2g}'):g} kWh"
    return f"{float(f'{joules / 1e3:.2g}'):g} kJ" if joules >= 1e3 else f"{float(f'{joules:.2g}'):g} J"


class Meter(Protocol):
    """Counts the energy that the machine uses."""

    @property
    def source(self) -> str:
        """What counts: "rapl" or "nvml"."""
        ...

    def joules(self) -> float:
        """Used since the meter was made."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What an evaluator is given beside the proposal.

    Attributes:
        seed: the only source of randomness of this evaluation.
        device: a torch device, as text.
        deadline: seconds this evaluation may take, from its start; None for no limit.
        folder: an existing folder for weights and checkpoints of this trial; None where nothing is kept.
        number: number of the trial.
        fidelity: what this evaluation may spend; set for a function of the user's own, which sees no proposal.
        continues, replicate: as in the proposal; the same.
        send: receives (step, measurements); `report` is the friendly form.
    """

    seed: int
    device: str = "cpu"
    deadline: float | None = None
    folder: Path | None = None
    number: int = 0
    send: Callable[[int, Mapping[str, float]], None] | None = None
    fidelity: Fidelity = Fidelity()
    continues: int | None = None
    replicate: int = 0

    def report(self, step: int, **measurements: float) -> None:
        """Record intermediate measurements, such as one validation result per epoch.

        A stopping rule (`sa.search(stopping=…)`) reads those that bear an objective's name, and `progress`, the share
        of the training that is done, in (0, 1]; without it the steps are compared.

        Raises:
            TrialStopped: the study ends this trial early. Let it pass, or catch it and return the measurements so far.
        """
        if self.send is not None:
            self.send(step, measurements)


class Evaluator(Protocol):
    """Turns an architecture into measurements."""

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        """Return finite measurements by name.

        Raises:
            EvaluationError: this candidate cannot be evaluated; the trial fails with the message as reason.
        """
        ...


class Artifacts(Protocol):
    """Keeps the files that trials leave where no folder is seen by all workers; travels to them with each job."""

    def fetch(self, number: int, folder: Path) -> None:
        """Bring what a trial left into a local folder; nothing where it left nothing.

        Raises:
            EvaluationError: what lies there is not what was kept.
            StorageError: the place cannot be reached.
        """
        ...

    def keep(self, number: int, folder: Path) -> None:
        """Take over the files of a local folder as what this trial left; they count once all are there.

        Raises:
            StorageError: they cannot be kept.
        """
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One evaluation to run.

    Attributes:
        number: number of the trial; comes back with the outcome.
        seconds: wall time after which the job is stopped and counts as failed; None for no limit.
        folder: where the evaluation may leave files; created by the executor.
        artifacts: where they are kept instead, from a folder of the machine that runs it; None where `folder` is it.
        attempt: how often this trial was lost before, with its worker or its machine.
    """

    number: int
    proposal: Proposal
    seed: int
    device: str = "cpu"
    seconds: float | None = None
    folder: Path | None = None
    artifacts: Artifacts | None = None
    attempt: int = 0


class Cause(StrEnum):
    """What ended an evaluation other than its own error; journals keep it, and the study acts on it.

    The last two are nobody's fault that is known: such a trial is run again a few times.
    """

    MEMORY = "memory"
    """It needed more memory than there was, or than it may take."""
    TIME = "time"
    """It took longer than it may."""
    HANG = "hang"
    """It gave no sign of life any more."""
    CRASH = "crash"
    """It brought its worker down: a segmentation fault, an exit."""
    KILLED = "killed"
    """Its worker was killed, by whom nobody knows: a person, the system for lack of memory, or the trial itself."""
    LOST = "lost"
    """The machine, or the connection to it, is gone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. `state` is complete, failed or pruned; never running.

    Attributes:
        halt: the machine failed, not the candidate, as with a full disk: nothing is written about the trial and the
            study stops, so that a resumed study runs it again.
        cause: what ended it, where that was not an ordinary error.
        attempt: that of the job. An executor says it of trials that were lost, so that such news that comes twice does
            not run the trial twice; None where it cannot come twice.
    """

    number: int
    state: TrialState
    measurements: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    reports: Reports = ()
    seconds: float = 0.0
    halt: bool = False
    cause: Cause | None = None
    attempt: int | None = None


class Checker(Protocol):
    """An evaluator that knows some measurements without training. The study tests limits on them before it spends."""

    def check(self, architecture: Architecture, names: frozenset[str]) -> Mapping[str, float]:
        """Return those of `names` that are known without training (`parameters`, `flops`, …). Costs milliseconds.

        Raises:
            EvaluationError: no model can be built of this architecture; it counts as infeasible.
        """
        ...


class Executor(Protocol):
    """Runs jobs. Owns the evaluator; whatever a candidate does, an outcome comes back for every job submitted."""

    @property
    def capacity(self) -> int:
        """How many more jobs can be submitted now."""
        ...

    @property
    def workers(self) -> int:
        """How many jobs run at the same time when it is full."""
        ...

    def submit(self, job: Job) -> None: ...

    def collect(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Wait until at least one job has ended (or `timeout` seconds passed) and return all that ended."""
        ...

    def close(self) -> None:
        """Stop workers; jobs still running are abandoned without an outcome. Safe to call twice."""
        ...


Listener = Callable[[int, int, Mapping[str, float]], None]
"""Receives (trial number, step, measurements) of a running job, inside `collect`."""


class LiveExecutor(Executor, Protocol):
    """An executor that hands over reports while jobs run, and stops a job. Without it a study stops no trial early."""

    def follow(self, listener: Listener | None, *, exact: bool = False) -> None:
        """Call `listener` for every report from now on; None ends it. To be called while no job runs.

        Args:
            exact: a job waits at each report until the listener has returned, so that `stop` from within it ends the
                job at this very report. Otherwise the job ends at one of its next reports.
        """
        ...

    def stop(self, number: int, reason: str) -> None:
        """Let the running job of this trial end at a report, as pruned, with this reason; unknown numbers are ignored.

        Its outcome carries what the evaluator returned after `TrialStopped`, or else what it reported last.
        """
        ...


Check = Callable[[Architecture], Sequence[str]]
"""Returns the violated limits of an architecture as sentences; empty where it is feasible."""

Facts = Callable[[Architecture, frozenset[str]], Mapping[str, float]]
"""Returns those of the named measurements that are known without training; raises EvaluationError where nothing can be
built."""
