"""From a trained relaxation to one architecture: by the size of the architecture weights, or by what is missed.

Magnitude takes the strongest operation of each decision, zeros apart (Liu et al. 2019, section 2.4). It is the known
weak point: a large weight is no large part in the result. Perturbation (Wang, Cheng, Chen, Tang & Hsieh, "Rethinking
architecture selection in differentiable NAS", 2021, algorithm 1) masks each operation and keeps the one without which
the supernet loses most, decision by decision, training in between.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from searchitect.errors import SpaceError
from searchitect.seeding import stream
from searchitect.spaces import Architecture, SearchSpace, Value
from searchitect.spaces.forms import DecisionForm
from searchitect.supernet.architecture_weights import MixedDecision
from searchitect.supernet.relaxation import Batch, Quality, Relaxation, judge
from searchitect.supernet.samplers import Weights

__all__ = ["Chosen", "by_magnitude", "by_perturbation", "chosen_architecture"]

DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a selection gives.

    Attributes:
        taken: path to the place of the option.
        strengths: path to how much the supernet needs what the decision gives: the weight of the option taken
            (magnitude), or the accuracy, else the loss, that is missing without it (perturbation).
    """

    taken: Mapping[str, int]
    strengths: Mapping[str, float]


def by_magnitude(relaxation: Relaxation, most_skips: float = 1.0) -> Chosen:
    """Take the strongest operation of every decision that is no zero.

    Where more than `most_skips` of the decisions would skip, those least sure of it take their second best (P-DARTS,
    section 3.3).
    """
    shares = {path: share.detach() for path, share in relaxation.by_path().items()}
    decisions = [decision for decision, _ in relaxation.alphas]
    taken = {d.path: _strongest(shares[d.path], d.zeros) for d in decisions}
    skipping = [d for d in decisions if taken[d.path] in d.skips]
    able = sum(bool(d.skips) for d in decisions)
    excess = len(skipping) - int(most_skips * able)
    if excess > 0:
        skipping.sort(key=lambda d: float(shares[d.path][taken[d.path]]))
        for decision in skipping[:excess]:
            taken[decision.path] = _strongest(shares[decision.path], (*decision.zeros, *decision.skips))
    strengths = {
        path: float(shares[path][place]) * float(relaxation.edges.get(path, 1.0)) for path, place in taken.items()
    }
    return Chosen(taken, strengths)


def by_perturbation(
    relaxation: Relaxation, batches: Sequence[Batch], tune: Callable[[int], None], rng: random.Random
) -> Chosen:
    """Decide one decision after the other, in random order, by what the supernet misses most.

    Args:
        batches: examples that trained no shared weights.
        tune: trains the shared weights a little after a decision was taken; receives how many are.
    """
    decisions = [decision for decision, _ in relaxation.alphas]
    rng.shuffle(decisions)
    decisions.sort(key=lambda d: len(_enclosing(d.path, relaxation)))
    for number, decision in enumerate(decisions):
        if all(relaxation.taken[path] == place for path, place in _enclosing(decision.path, relaxation)):
            relaxation.taken[decision.path] = _most_missed(relaxation, decision, batches)
            tune(number + 1)
        else:  # below an option that was not taken: nothing reads it
            relaxation.taken[decision.path] = 0
    whole = _judge(relaxation, {}, batches)
    strengths = {}
    for decision in decisions:
        without = _judge(relaxation, {decision.path: [0.0] * len(decision.options)}, batches)
        # The loss breaks ties of accuracies, which are whole numbers of examples.
        strengths[decision.path] = whole.score - without.score + 1e-6 * (whole.gain - without.gain)
    return Chosen(dict(relaxation.taken), strengths)


def chosen_architecture(
    space: SearchSpace, relaxation: Relaxation, taken: Mapping[str, int], seed: int
) -> Architecture:
    """Return the architecture of these options; where conditions forbid it, the most probable of 1,000 drawn ones.

    Raises:
        SpaceError: none of those is allowed either.
    """
    options = {decision.path: decision.options for decision, _ in relaxation.alphas}
    fixed = relaxation.supernet.fixed

    def made(places: Mapping[str, int]) -> Architecture:
        def choose(path: str, decision: DecisionForm) -> Value:
            if path in places:
                return options[path][places[path]]
            return fixed.get(path, next(iter(decision.domain.values())))

        return space.decide(choose)

    architecture = made(taken)
    if space.contains(architecture):
        return architecture
    shares = {path: share.detach().cpu() for path, share in _open_shares(relaxation).items()}
    rng = stream(seed, "conditions")
    drawn: list[tuple[float, dict[str, int]]] = []
    for _ in range(DRAWS):
        places = {path: rng.choices(range(len(share)), share.tolist())[0] for path, share in shares.items()}
        drawn.append((sum(float(shares[p][i].clamp_min(1e-12).log()) for p, i in places.items()), places))
    for _, places in sorted(drawn, key=lambda pair: -pair[0]):
        architecture = made(places)
        if space.contains(architecture):
            return architecture
    raise SpaceError(
        f"no architecture near the probabilities satisfies the conditions of {space.name}",
        hint="fix the decisions that the conditions tie together",
    )


def _open_shares(relaxation: Relaxation) -> dict[str, Tensor]:
    return {decision.path: relaxation.sampler.probabilities(logits) for decision, logits in relaxation.alphas}


def _most_missed(relaxation: Relaxation, decision: MixedDecision, batches: Sequence[Batch]) -> int:
    """The place of the option whose removal leaves the worst supernet."""
    share = relaxation.by_path()[decision.path].detach()
    left: dict[int, Quality] = {}
    for place in range(len(decision.options)):
        if place in decision.zeros and len(decision.zeros) < len(decision.options):
            continue
        kept: Weights = [0.0 if other == place else share[other] for other in range(len(share))]
        left[place] = _judge(relaxation, {decision.path: kept}, batches)
    return min(left, key=lambda place: left[place])


def _judge(relaxation: Relaxation, instead: Mapping[str, Weights], batches: Sequence[Batch]) -> Quality:
    with torch.no_grad():
        weights = relaxation.draw("mean")
        relaxation.put({**weights, **instead})
    return judge(relaxation.supernet, batches, relaxation.supernet.spec)


def _strongest(share: Tensor, barred: Sequence[int]) -> int:
    allowed = [place for place in range(len(share)) if place not in barred] or list(range(len(share)))
    return max(allowed, key=lambda place: float(share[place]))


def _enclosing(path: str, relaxation: Relaxation) -> list[tuple[str, int]]:
    """The decisions that this one lies below, and which option each of them must take for it to be read."""
    found = []
    for decision, _ in relaxation.alphas:
        for place, option in enumerate(decision.options):
            if path.startswith(f"{decision.path}.{option}."):
                found.append((decision.path, place))
    return found
