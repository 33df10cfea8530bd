"""Searches by rungs on a planted space: what a rung tells is the truth with an error that shrinks with the epochs."""

import dataclasses

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.testing.strategies import planted_loss
from searchitect.trial import Fidelity, Trial, TrialState


@sa.space
class Wide:
    a: int = sa.choice(*range(6))
    b: int = sa.choice(*range(6))
    c: int = sa.choice(*range(6))
    d: int = sa.choice(*range(6))
    e: int = sa.choice(*range(6))


SPACE = sa.SearchSpace.of(Wide)
SCORE = (Objective("score", "maximize"),)


def setting_of(epochs=27, seed=0, objectives=SCORE, **more):
    return Setting(SPACE, objectives, seed, fidelity=Fidelity(epochs=epochs), **more)


def play(
    strategy,
    setting,
    trials,
    score=None,
    *,
    failing=lambda number: False,
    workers=1,
    first=0,
    enough=lambda done: False,
):
    """Run a search; `score(proposal)` or the planted one. Trials end in the order in which they began."""
    score = score or planted(setting.seed)
    done, running = [], []
    for number in range(first, first + trials):
        if enough(done):
            break
        proposal = strategy.ask(number)
        if proposal is None and not running:
            break
        if proposal is not None:
            key = setting.space.key(proposal.architecture)
            running.append(Trial(number, proposal, TrialState.RUNNING, key, seed=number))
            strategy.tell(running[-1])
        if proposal is None or running:
            trial = running.pop(0)
            ended = dataclasses.replace(trial, state=TrialState.FAILED, reason="planted")
            if not failing(trial.number):
                found = score(trial.proposal)
                found = found if isinstance(found, dict) else {"score": found}
                ended = dataclasses.replace(trial, state=TrialState.COMPLETE, measurements=found)
            strategy.tell(ended)
            done.append(ended)
    return done


def planted(seed, error=2.0):
    """Minus the wrong decisions, and an error of that deviation at one epoch, less at more."""
    best = SPACE.sample(stream(seed, "planted optimum"))

    def score(proposal):
        luck = stream(seed, "error", proposal.architecture.text, proposal.fidelity.epochs)
        epochs = proposal.fidelity.epochs
        lucky = luck.gauss(0.0, error) / epochs if epochs < 27 else 0.0
        return -planted_loss(SPACE, best, proposal.architecture) + lucky

    return score


def spent(trials):
    """Epochs of a search, where what continues pays for the increment alone."""
    of = {trial.number: trial.proposal.fidelity.epochs for trial in trials}
    return sum(t.proposal.fidelity.epochs - of.get(t.proposal.continues, 0) for t in trials)


def best_at(name, seed, epochs, options=None, full=27):
    """The true score of the best of the highest rung, after so many epochs."""
    setting = setting_of(full, seed)
    strategy = make_strategy(name, setting, options)
    truth, score = planted(seed, error=0.0), planted(seed)
    kept = play(strategy, setting, epochs, score, enough=lambda done: spent(done) >= epochs)
    top = max(t.proposal.fidelity.epochs for t in kept)
    winner = max((t for t in kept if t.proposal.fidelity.epochs == top), key=lambda t: t.measurements["score"])
    return truth(dataclasses.replace(winner.proposal, fidelity=Fidelity(epochs=full)))


def rungs_of(trials):
    """Number of trials by epochs."""
    counts = {}
    for trial in trials:
        counts[trial.proposal.fidelity.epochs] = counts.get(trial.proposal.fidelity.epochs, 0) + 1
    return dict(sorted(counts.items()))
