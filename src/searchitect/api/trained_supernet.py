"""`TrainedSupernet`: shared weights of all architectures of a space, and what can be asked of them.

They judge architectures in a moment; what they say is trusted only as far as a rank report shows, and what a search
hands over was trained alone.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from searchitect.api.supernet_files import read_best, read_ranks, reopened, write_best, write_ranks
from searchitect.errors import ConfigError, EvaluationError
from searchitect.spaces import Architecture, Recipe, SearchSpace
from searchitect.tasks import Task

if TYPE_CHECKING:
    from searchitect.deploy import LoadedModel
    from searchitect.result import Result
    from searchitect.storage.journal import Event
    from searchitect.supernet.open_build import Supernet
    from searchitect.supernet.ranks import RankReport
    from searchitect.supernet.scoring import SharedScores

__all__ = ["TrainedSupernet"]

RANK_EPOCHS = 10
"""Epochs of each training alone in a rank report."""

Trust = Literal["measured", "anyway"]


class TrainedSupernet:
    """Shared weights of all architectures of a space on a task. Made by `train_supernet`, or opened from its folder.

    Attributes:
        supernet: the module; `supernet.space` is the space with its training decisions fixed.
        method, recipe, seed: how it was trained.
        history: one mapping per epoch.
        seconds: that its training took.
        facts: all of it as JSON.
        folder: where it lies; None where it was kept in no folder.
        trust: "measured": a search refuses shared weights that rank no better than chance; "anyway": it does not.
    """

    def __init__(
        self,
        supernet: Supernet,
        task: Task,
        facts: Mapping[str, Any],
        folder: Path | None = None,
        trust: Trust = "measured",
    ) -> None:
        if trust not in ("measured", "anyway"):
            raise ConfigError(f"trust is 'measured' or 'anyway', got {trust!r}")
        self.supernet, self.task, self.folder, self.trust = supernet, task, folder, trust
        self.facts = dict(facts)
        self.method: str = facts["method"]
        self.recipe = Recipe(**facts["recipe"])
        self.seed, self.seconds = int(facts["seed"]), float(facts["seconds"])
        self.history: tuple[Mapping[str, float], ...] = tuple(facts["history"])
        self._ranks = None if folder is None else read_ranks(folder, self.digest)

    def __repr__(self) -> str:
        what = f"{self.supernet.space.name} on {self.task.name}"
        return f"TrainedSupernet({what}, {self.method}, {len(self.history)} epochs)"

    @property
    def space(self) -> type:
        """The space, its training decisions fixed to what the supernet was trained with."""
        return self.supernet.space.source

    @property
    def digest(self) -> str:
        """32 hexadecimal characters of the weights."""
        found = hashlib.blake2b(digest_size=16)
        for name, tensor in sorted(self.supernet.state_dict().items()):
            found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    # ---- asking

    def evaluate(self, architecture: Any) -> dict[str, float]:
        """Return the task's metrics on validation data, and costs, of one architecture; nothing is trained.

        Args:
            architecture: an `Architecture`, or an instance of the space's class.
        """
        from searchitect.evaluation import Context
        from searchitect.evaluators.supernet_evaluator import SHARED, SupernetEvaluator
        from searchitect.trial import Proposal

        evaluator = SupernetEvaluator(self.supernet, self.task, self.recipe)
        return dict(evaluator.evaluate(Proposal(self.own(architecture), SHARED), Context(seed=0)))

    def extract(self, architecture: Any) -> LoadedModel:
        """Return one architecture as a model of its own, with the shared weights and statistics made anew."""
        from searchitect.deploy import LoadedModel

        own = self.own(architecture)
        return LoadedModel.of(self.scores.model(own), own, self.task.describe())

    def export(self, architecture: Any, folder: str | Path) -> tuple[str, ...]:
        """Write the extracted model's files into a folder, as a search does; `sa.load` reads them."""
        import numpy as np

        from searchitect.deploy import write_files

        own, split = self.own(architecture), self.task.validation
        written = write_files(
            folder,
            space=self.space,
            architecture=own,
            task_description=self.task.describe(),
            model=self.scores.model(own),
            sample=split.read(np.arange(min(64, len(split)))),
            measurements={"validation": self.evaluate(own), "weights": f"inherited from a supernet ({self.method})"},
            recipe=self.recipe,
            warnings=("these weights were shared with other architectures; train the model alone before you use it",),
        )
        return tuple(written.files)

    @property
    def best(self) -> Architecture:
        """What the last search by these weights found; known in the folder only.

        Raises:
            StorageError: none has ended yet.
        """
        if self.folder is None:
            raise ConfigError("this supernet lies in no folder", hint="result.best.architecture of the search has it")
        return read_best(self.folder)

    def own(self, architecture: Any) -> Architecture:
        """The architecture in this supernet's space; training decisions take the values that it was trained with."""
        whole = SearchSpace.of(type(architecture)) if not isinstance(architecture, Architecture) else None
        asked = architecture if whole is None else whole.architecture(architecture)
        known = {**asked.decisions, **self.supernet.fixed}
        space = self.supernet.space
        own = space.decide(lambda path, decision: known.get(path, next(iter(decision.domain.values()))))
        strange = [path for path in asked if path not in own or own[path] != known[path]]
        if strange or not set(own) <= set(known):
            missing = strange or sorted(set(own) - set(known))
            raise ConfigError(
                f"the architecture is none of {space.name}: {missing[0]!r} does not fit",
                hint="an architecture of this space, or an instance of its class",
            )
        if not space.contains(own):
            raise ConfigError("; ".join(space.violations(own)))
        return own

    # ---- trusting

    def ranks(
        self,
        architectures: int = 12,
        *,
        epochs: int = RANK_EPOCHS,
        recipe: Recipe | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> RankReport:
        """Train some random subnets alone and compare their order with that of the shared weights; kept in the folder.

        Args:
            architectures: 8 to 20 as a rule; more narrow the interval.
            epochs: of each training alone; `recipe` (by default the supernet's) says the rest.
            report: called with (trained, of how many) after each training.
        """
        from searchitect.supernet.ranks import rank_report

        start = time.monotonic()
        alone = (recipe or self.recipe).updated({"epochs": epochs})
        found = rank_report(
            self.supernet,
            self.task,
            architectures=architectures,
            recipe=alone,
            shared=self.scores,
            seed=self.seed,
            report=report,
        )
        self._ranks = found, time.monotonic() - start
        if self.folder is not None:
            write_ranks(self.folder, found, self._ranks[1], self.digest)
        return found

    @property
    def ranked(self) -> RankReport | None:
        """The last rank report; None where there is none yet."""
        return None if self._ranks is None else self._ranks[0]

    def require_trust(self) -> None:
        """Make a rank report where there is none, and refuse shared weights that rank no better than chance.

        Raises:
            EvaluationError: the interval of Kendall's τ includes 0 and `trust` is "measured".
        """
        found = self.ranked or self.ranks()
        if self.trust == "anyway" or found.trusted:
            return
        low, high = found.interval
        raise EvaluationError(
            f"shared weights may not select here: Kendall's τ against training alone is {found.tau:.2f}, and its 95 % "
            f"interval ({low:.2f} to {high:.2f}, {len(found.pairs)} architectures) includes 0",
            hint="train longer (epochs=…) or with method='fairnas', search a smaller space, narrow the interval with "
            "ranks(20), or search all the same with trust='anyway' (rank --architectures 20, search --trust anyway)",
        )

    # ---- searching

    def search(
        self,
        strategy: Any = "regularized_evolution",
        trials: int | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        objectives: Any = None,
        constraints: Any = (),
        budget: str | float | None = None,
        recipe: Recipe | None = None,
        workers: int | None = None,
        seed: int = 0,
        store: Any = None,
        name: str | None = None,
        folder: str | Path | None = None,
        random_search: bool = True,
        confirm_seeds: int = 3,
        trust: Trust | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Result:
        """Search by shared weights; confirm by training alone. The arguments are those of `sa.search`.

        Args:
            trials: evaluations by shared weights; by default 200.
            trust: "anyway" searches although the rank report says that shared weights rank no better than chance.

        Raises:
            EvaluationError: they do, and trust is "measured".
        """
        from searchitect.api.searching import search

        result = search(
            supernet=self if trust is None else self.with_trust(trust),
            strategy=strategy, trials=trials, options=options, objectives=objectives, constraints=constraints,
            budget=budget, recipe=recipe, workers=workers, seed=seed, store=store, name=name, folder=folder,
            random_search=random_search, confirm_seeds=confirm_seeds, on_event=on_event,
        )  # fmt: skip
        if self.folder is not None and result.best is not None:
            write_best(self.folder, result.best.architecture)
        return result

    def with_trust(self, trust: Trust) -> TrainedSupernet:
        """The same supernet, trusted otherwise."""
        other = TrainedSupernet(self.supernet, self.task, self.facts, self.folder, trust)
        other._ranks = self._ranks
        return other

    @property
    def cost_seconds(self) -> float:
        """What the shared weights have cost: their training and the rank report."""
        return self.seconds + (0.0 if self._ranks is None else self._ranks[1])

    @property
    def scores(self) -> SharedScores:
        """How the shared weights score."""
        from searchitect.supernet.scoring import SharedScores

        return SharedScores(self.supernet, self.task, self.recipe)

    # ---- keeping

    @classmethod
    def open(
        cls, folder: str | Path, *, data: Any = None, space: Any = None, trust: Trust = "measured"
    ) -> TrainedSupernet:
        """Open what `train_supernet` left in a folder.

        Args:
            data, space: needed where they were objects that only your program has.

        Raises:
            StorageError: there is no trained supernet, or it is damaged.
            ConfigError: data or space are needed, or others.
        """
        supernet, task, facts = reopened(Path(folder), data, space)
        return cls(supernet, task, facts, Path(folder), trust)
