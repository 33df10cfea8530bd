"""A benchmark as an evaluator: the same study that trains networks can search a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Context
from searchitect.seeding import stream
from searchitect.spaces import Architecture
from searchitect.strategies.strategy import Scores
from searchitect.tabular.benchmark import Benchmark, recorded_epochs
from searchitect.tabular.naming import is_static
from searchitect.trial import Fidelity, Proposal

__all__ = ["TableEvaluator"]


class TableEvaluator:
    """Answers from a table; what the table does not hold is infeasible (`allowed`) before anything is spent.

        benchmark = tabular.open_benchmark("nasbench201/cifar10")
        sa.search(space=benchmark.space, evaluate=tabular.TableEvaluator(benchmark), objectives=[benchmark.truth])

    Args:
        noise: standard deviation of normal noise that is added to the signals, in their own unit. It depends on `seed`,
            the architecture, the fidelity and the replicate alone, so a repeat of the same evaluation is the same.
        seed: of the noise.
        signal: the one that gets the noise, by the benchmark's word for it; all of them by default.
        curves: report what the table recorded after fewer epochs, as a training would, so that a stopping rule can
            read it. The whole curve is told, also where the figures of fewer epochs are of trainings of their own.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        *,
        noise: float = 0.0,
        seed: int = 0,
        signal: str | None = None,
        curves: bool = False,
    ) -> None:
        if not 0 <= noise < float("inf"):
            raise ConfigError(f"noise is a standard deviation of at least 0, got {noise!r}")
        if signal is not None:
            benchmark.objective(benchmark.signals.get(signal, signal))
        self.benchmark, self.noise, self.seed, self.curves = benchmark, noise, seed, curves
        chosen = [benchmark.signals.get(signal, signal)] if signal is not None else list(benchmark.signals.values())
        self._noisy = frozenset(chosen)

    @property
    def recorded_epochs(self) -> tuple[int, ...]:
        """Numbers of epochs that a search by rungs may ask for, the full training last; empty without others."""
        return recorded_epochs(self.benchmark)

    @property
    def continues(self) -> bool:
        """Whether a longer training is the shorter one carried on, as in a curve, not another one."""
        return bool(getattr(self.benchmark, "continues", False))

    @property
    def scores(self) -> Scores | None:
        """Zero-cost scores by architecture, for `sa.search(…, proxies=…)`; None where the table holds none."""
        return getattr(self.benchmark, "scores", None) if getattr(self.benchmark, "proxies", None) else None

    def allowed(self, architecture: Architecture) -> Sequence[str]:
        """Return why the table has no answer for this architecture; nothing where it has one."""
        return self.benchmark.check(architecture)

    def check(self, architecture: Architecture, names: frozenset[str]) -> Mapping[str, float]:
        """Return those of `names` that training does not change: parameters, FLOPs, latency.

        Raises:
            EvaluationError: the table does not hold this architecture; it counts as infeasible.
        """
        problems = self.benchmark.check(architecture)
        if problems:
            raise EvaluationError(problems[0])
        static = [name for name in names if is_static(name)]
        measured = self.benchmark.measure(architecture) if static else {}
        return {name: measured[name] for name in static if name in measured}

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        """Return the recorded measurements.

        Raises:
            EvaluationError: the table does not hold this architecture or fidelity.
        """
        if self.curves:
            self._report(proposal, context)
        return self._answer(proposal.architecture, proposal.fidelity, proposal.replicate)

    def __call__(self, instance: object, context: Context) -> Mapping[str, float]:
        """Serve as `evaluate` of `sa.search`, which hands over typed instances; another seed is another replicate.

        All rungs of one architecture are answered from one training.
        """
        by_rungs = context.continues is not None or context.fidelity != Fidelity()
        replicate = context.replicate if by_rungs else context.seed
        return self._answer(Architecture.of(instance), context.fidelity, replicate)

    def _report(self, proposal: Proposal, context: Context) -> None:
        """Tell the recorded epochs up to those of the proposal, as they would come in a training."""
        epochs = recorded_epochs(self.benchmark)
        last = proposal.fidelity.epochs or max(epochs, default=1)
        for epoch in (e for e in epochs if e <= last):
            fidelity = Fidelity() if epoch == max(epochs) else Fidelity(epochs=epoch)
            told = self._answer(proposal.architecture, fidelity, proposal.replicate)
            moving = {name: value for name, value in told.items() if not is_static(name)}
            context.report(epoch, **moving, progress=epoch / last)

    def _answer(self, architecture: Architecture, fidelity: Fidelity, replicate: int) -> Mapping[str, float]:
        measured = dict(self.benchmark.measure(architecture, fidelity, replicate))
        if self.noise:
            for name in sorted(self._noisy & set(measured)):
                measured[name] += self._draw(architecture, fidelity, replicate, name)
        return measured

    def _draw(self, architecture: Architecture, fidelity: Fidelity, replicate: int, name: str) -> float:
        rng = stream(self.seed, "table noise", architecture.text, str(fidelity.to_json()), replicate, name)
        return rng.gauss(0.0, self.noise)
