"""A predictor that attends to decisions, and what its weights say, beside what other methods call important.

One token per decision, embedded by its level; one layer of self-attention with two heads (Vaswani et al. 2017) and a
residual path; one learned question pools the tokens; a line on top. Two readings: the *weights*, rolled out through the
layer (Abnar and Zuidema 2020), and the *contributions*, how much of the answer each token's weighted value moves from
row to row (after Kobayashi et al. 2020, "Attention is not only a weight").

Caution, printed with every reading: attention is not explanation (Jain and Wallace 2019). A model may attend to what it
does not use and use what it hardly attends to. So both readings come with the rank correlation of the model on rows it
had not seen, and with Kendall's τ between them and the importances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from searchitect.explain.searches.evidence import Evidence
from searchitect.explain.searches.sufficient import check_sufficient
from searchitect.predictors.adam import Adam
from searchitect.predictors.gaussian_process import evenly
from searchitect.predictors.quiet import generator, one_thread
from searchitect.predictors.targets import normal_scores, rank_correlation
from searchitect.seeding import derive, stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    Vector = npt.NDArray[np.float64]
    Weights = dict[str, torch.Tensor]

__all__ = ["CAUTION", "FEWEST_ATTENDED", "AttentionReading", "kendall", "read_attention"]

FEWEST_ATTENDED, MOST_ROWS = 30, 400
WIDTH, HEADS, FOLDS, STEPS, BATCH = 16, 2, 3, 150, 64
RATE, DECAY = 0.02, 1e-3

CAUTION = (
    "attention is not explanation (Jain and Wallace 2019): a model may attend to what it does not use; believe these "
    "weights only where they agree with the importances"
)


@dataclass(frozen=True, slots=True)
class AttentionReading:
    """What the predictor attended to.

    Attributes:
        weights: decision to its mean share of attention; they sum to 1, the largest first.
        contributions: decision to its share of what moves the answer; they sum to 1.
        rank_correlation: Spearman's ρ on rows that the model had not seen, mean of the folds.
        tau_weights, tau_contributions: Kendall's τ of either with the importances; None without them, or where fewer
            than three decisions are in both.
    """

    weights: Mapping[str, float]
    contributions: Mapping[str, float]
    rank_correlation: float
    rows: int
    tau_weights: float | None = None
    tau_contributions: float | None = None
    caution: str = field(default=CAUTION)

    @property
    def text(self) -> str:
        looked, moved = next(iter(self.weights)), next(iter(self.contributions))
        tau = self.tau_contributions
        agreed = "" if tau is None else f", which agrees with the importances by τ = {tau:.2f}"
        return (
            f"A predictor with attention (rank correlation {self.rank_correlation:.2f} on unseen trials) is moved most "
            f"by {moved} ({self.contributions[moved]:.0%}){agreed}, and looks most at {looked} "
            f"({self.weights[looked]:.0%}); {self.caution}"
        )

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"text": self.text, "caution": self.caution, "rows": self.rows}
        told |= {"weights": dict(self.weights), "contributions": dict(self.contributions)}
        told |= {"rank_correlation": self.rank_correlation, "tau_weights": self.tau_weights}
        return told | {"tau_contributions": self.tau_contributions}


def read_attention(
    evidence: Evidence, importances: Mapping[str, float] | None = None, *, seed: int = 0
) -> AttentionReading:
    """Fit the predictor on parts of the rows and read it on the others.

    Args:
        importances: decision to its share, of another method, to compare with.
        seed: of first weights and folds.

    Raises:
        ConfigError: fewer than `FEWEST_ATTENDED` rows, or a constant objective.
    """
    import numpy as np

    check_sufficient(evidence, FEWEST_ATTENDED, "attention")
    chosen = evenly(len(evidence), MOST_ROWS)
    stream(seed, "attention folds").shuffle(chosen)
    codes, targets = evidence.codes[chosen], normal_scores(evidence.targets[chosen])
    levels = [len(factor.levels) for factor in evidence.factors]
    weights, parts, ranks = np.zeros(len(levels)), np.zeros(len(levels)), []
    with one_thread():
        for fold in range(FOLDS):
            out = np.arange(len(chosen)) % FOLDS == fold
            made = _fitted(codes[~out], targets[~out], levels, derive(seed, "attention", fold))
            answers, attended, moved = _read(made, codes[out], levels)
            weights, parts = weights + attended / FOLDS, parts + moved / FOLDS
            ranks.append(rank_correlation(answers, targets[out]) or 0.0)
    names = [factor.name for factor in evidence.factors]
    shares, contributed = _shares(names, weights), _shares(names, parts)
    compared = importances or {}
    return AttentionReading(
        shares,
        contributed,
        float(np.mean(ranks)),
        len(chosen),
        kendall(shares, compared),
        kendall(contributed, compared),
    )


def kendall(first: Mapping[str, float], second: Mapping[str, float]) -> float | None:
    """Return Kendall's τ over the names that both hold; None for fewer than three, or where one side is constant."""
    from scipy.stats import kendalltau

    names = [name for name in first if name in second]
    one, other = [first[name] for name in names], [second[name] for name in names]
    if len(names) < 3 or len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return float(kendalltau(one, other).statistic)


def _shares(names: Sequence[str], sizes: Vector) -> dict[str, float]:
    total = float(sizes.sum()) or 1.0
    return dict(sorted(((n, float(s) / total) for n, s in zip(names, sizes, strict=True)), key=lambda pair: -pair[1]))


def _first_weights(levels: Sequence[int], seed: int) -> Weights:
    import torch

    luck = generator(seed)

    def drawn(*shape: int) -> torch.Tensor:
        weights: torch.Tensor = torch.randn(*shape, generator=luck) * shape[-1] ** -0.5
        return weights.requires_grad_()

    square = {name: drawn(WIDTH, WIDTH) for name in ("asks", "keys", "values", "joins")}
    ends = {"question": drawn(WIDTH), "line": drawn(WIDTH), "offset": torch.zeros(1, requires_grad=True)}
    return {"tokens": drawn(sum(levels), WIDTH)} | square | ends


def _forward(w: Weights, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return answers (n,), weights of the tokens rolled out (n, d), and what each token adds to the answer (n, d)."""
    import torch

    tokens = w["tokens"][places]
    rows, count, _ = tokens.shape

    asks, keys, values = (
        (tokens @ w[name]).reshape(rows, count, HEADS, WIDTH // HEADS).transpose(1, 2)
        for name in ("asks", "keys", "values")
    )
    attended = torch.softmax(asks @ keys.transpose(2, 3) / (WIDTH // HEADS) ** 0.5, dim=-1)
    mixed = tokens + (attended @ values).transpose(1, 2).reshape(rows, count, WIDTH) @ w["joins"]
    pooled = torch.softmax(mixed @ w["question"], dim=-1)
    through = pooled[:, None, None, :] @ attended  # (rows, heads, 1, count)
    # The answer as a sum over the tokens it came from: each on the residual path, and through either head.
    ahead = (w["joins"] @ w["line"]).reshape(HEADS, WIDTH // HEADS, 1)
    added = pooled * (tokens @ w["line"]) + (through[:, :, 0] * (values @ ahead)[..., 0]).sum(dim=1)
    return added.sum(dim=1) + w["offset"], 0.5 * pooled + 0.5 * through[:, :, 0].mean(dim=1), added


def _fitted(codes: npt.NDArray[np.int64], targets: Vector, levels: Sequence[int], seed: int) -> Weights:
    import torch

    weights = _first_weights(levels, seed)
    wanted = torch.tensor(targets, dtype=torch.float32)
    places = _places(codes, levels)
    adam = Adam(list(weights.values()), RATE, weight_decay=DECAY, longest=5.0)
    for step in range(STEPS):
        chosen = (torch.arange(min(BATCH, len(wanted))) + step * BATCH) % len(wanted)  # rows come shuffled
        adam.step(((_forward(weights, places[chosen])[0] - wanted[chosen]) ** 2).mean())
    return weights


def _read(weights: Weights, codes: npt.NDArray[np.int64], levels: Sequence[int]) -> tuple[Vector, Vector, Vector]:
    """Answers of rows, mean weight of each decision, and the spread over rows of what each adds."""
    import numpy as np
    import torch

    with torch.no_grad():
        answers, attended, added = _forward(weights, _places(codes, levels))
    told = answers.numpy().astype(np.float64)
    return told, attended.mean(dim=0).numpy().astype(np.float64), added.std(dim=0).numpy().astype(np.float64)


def _places(codes: npt.NDArray[np.int64], levels: Sequence[int]) -> torch.Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(codes + np.cumsum([0, *levels[:-1]]))
