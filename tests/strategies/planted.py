"""A flat space with a planted optimum, and searches of it."""

import dataclasses

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import Trial, TrialState


@sa.space
class Wide:
    a: int = sa.choice(*range(6))
    b: int = sa.choice(*range(6))
    c: int = sa.choice(*range(6))
    d: int = sa.choice(*range(6))
    e: int = sa.choice(*range(6))
    f: int = sa.choice(*range(6))


SPACE = sa.SearchSpace.of(Wide)
SCORE = (Objective("score", "maximize"),)


def best_found(name, seed, trials=250, options=None, workers=1):
    """The best score of a search for a planted architecture; 0 at the optimum, else minus the wrong decisions."""
    planted = SPACE.sample(stream(seed, "planted optimum"))
    setting = Setting(SPACE, SCORE, seed, budget=trials)
    strategy = make_strategy(name, setting, options)
    told = synthetic_search(strategy, setting, lambda a: -planted_loss(SPACE, planted, a), trials, workers=workers)
    return max(t.measurements["score"] for t in told if t.state is TrialState.COMPLETE)


def evaluate(strategy, setting, score, trials):
    """Run a search in which nothing fails; `score(proposal)` sees the replicate. Return the finished trials."""
    done = []
    for number in range(trials):
        proposal = strategy.ask(number)
        if proposal is None:
            break
        trial = Trial(number, proposal, TrialState.RUNNING, setting.space.key(proposal.architecture), seed=number)
        strategy.tell(trial)
        ended = dataclasses.replace(trial, state=TrialState.COMPLETE, measurements={"score": score(proposal)})
        strategy.tell(ended)
        done.append(ended)
    return done
