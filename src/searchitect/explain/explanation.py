"""`Explanation`: everything that is told of a search or a table, and the five sentences that open it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.objectives import Objective

if TYPE_CHECKING:
    from searchitect.explain.models.explaining import ModelExplanation
    from searchitect.explain.searches.attention import AttentionReading
    from searchitect.explain.searches.behaviour import Behaviour
    from searchitect.explain.searches.counterfactuals import Counterfactual
    from searchitect.explain.searches.drift import Drift
    from searchitect.explain.searches.importance import Importances
    from searchitect.explain.searches.motifs import MotifEffects
    from searchitect.explain.searches.neighbourhood import Neighbourhood
    from searchitect.explain.searches.paths import AblationPath
    from searchitect.explain.searches.rules import Rules

__all__ = ["Explanation", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is explained, in figures.

    Attributes:
        name: of the study or the table.
        strategy: of the search; None for a table.
        rows: complete trials, or architectures of a table, that the explanation rests on.
        uniform: how many of them were drawn at random.
        trial: number of the trial that is explained; None for a table.
        value: of the best row.
        mean, std, seeds: of the handed-over architecture over fresh seeds; None where it was not confirmed.
        verdict: kind of the study's verdict, such as "search_helped"; None for a table.
        tried, members: different architectures among the rows, and those that there are, where nearly all were tried.
    """

    name: str
    strategy: str | None
    rows: int
    uniform: int
    trial: int | None
    value: float
    mean: float | None = None
    std: float | None = None
    seeds: int | None = None
    verdict: str | None = None
    tried: int | None = None
    members: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Plain data; what could not be explained is None or empty, and `refused` says why.

    Attributes:
        language: of its sentences: "en" or "zh".
        importances: which decisions matter.
        path: from a baseline to the winner; `path_trust` is the rank correlation of the model that it rests on.
        around: what single changes of the winner cost.
        otherwise: what must change for another limit.
        search: how the search went; None for a table.
        drift: how the best run of a gradient search made up its mind; None where none was named.
        attention, motifs: what a predictor attends to; what patterns of cells do.
        model: what the trained model looks at.
        refused: name of a part to the reason why it is missing.
    """

    outcome: Outcome
    objective: Objective
    language: str = "en"
    importances: Importances | None = None
    rules: Rules | None = None
    path: AblationPath | None = None
    path_trust: float | None = None
    around: Neighbourhood | None = None
    otherwise: tuple[Counterfactual, ...] = ()
    search: Behaviour | None = None
    drift: Drift | None = None
    attention: AttentionReading | None = None
    motifs: MotifEffects | None = None
    model: ModelExplanation | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Five sentences: what was found, what matters, where it is best, what changed, how far to believe it."""
        from searchitect.explain.sentences import five_sentences

        return five_sentences(self)

    def document(self) -> dict[str, Any]:
        """Everything as plain JSON."""
        parts = {
            name: part.to_json()
            for name in ("importances", "rules", "path", "around", "search", "drift", "attention", "motifs", "model")
            if (part := getattr(self, name)) is not None
        }
        outcome = {name: getattr(self.outcome, name) for name in self.outcome.__dataclass_fields__}
        return {
            "outcome": outcome,
            "objective": {"name": self.objective.name, "direction": self.objective.direction},
            "language": self.language,
            "sentences": list(self.sentences),
            **parts,
            "otherwise": [one.to_json() for one in self.otherwise],
            "refused": dict(self.refused),
        }

    def write(self, page: str | Path) -> Path:
        """Write the page, and the document as JSON beside it; returns the page's path.

        Raises:
            MissingExtraError: plotly or jinja2 is not installed.
            OSError: a file cannot be written.
        """
        # The pages live in a higher room: a registry string, resolved when called.
        writer = importlib.import_module("searchitect.report.explanation_page").write_explanation
        path: Path = writer(self, Path(page))
        return path
