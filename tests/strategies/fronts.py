"""Spaces with several objectives whose front is known, and searches of them."""

import itertools
import math

import numpy as np

import searchitect as sa
from searchitect.pareto import front, hypervolume
from searchitect.seeding import stream
from searchitect.spaces import make_space
from searchitect.study import Study

STEPS = 6


class Problem:
    """`decisions` choices among `STEPS` options in an order of its own; the first ones place a point on the front."""

    def __init__(self, name, decisions, objectives):
        fields = {f"x{i}": sa.choice(*range(STEPS)) for i in range(decisions)}
        self.space = sa.SearchSpace.of(make_space(name, fields))
        self.names = [f"f{i}" for i in range(objectives)]
        self.decisions = decisions
        self._order = [stream(3, name, i).sample(range(STEPS), STEPS) for i in range(decisions)]

    def measure(self, architecture):
        x = [self._order[i][architecture[f"x{i}"]] / (STEPS - 1) for i in range(self.decisions)]
        return dict(zip(self.names, self.losses(x), strict=True))

    def all_losses(self):
        steps = [k / (STEPS - 1) for k in range(STEPS)]
        return np.array([self.losses(x) for x in itertools.product(steps, repeat=self.decisions)])

    def ceiling(self, reference):
        """Hypervolume of the exact front, by enumeration."""
        rows = self.all_losses()
        return hypervolume(rows[front(rows)], reference)


class ZDT1(Problem):
    """Zitzler, Deb & Thiele 2000: f2 = g·(1 − √(f1/g)), g = 1 on the front."""

    def __init__(self, decisions=5):
        super().__init__("Zdt1", decisions, 2)

    def losses(self, x):
        g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
        return [x[0], g * (1 - math.sqrt(x[0] / g))]


class DTLZ2(Problem):
    """Deb, Thiele, Laumanns & Zitzler 2005: the front is the part of the unit sphere with positive coordinates."""

    def __init__(self, objectives=3, decisions=5):
        super().__init__(f"Dtlz2x{objectives}", decisions, objectives)

    def losses(self, x):
        m = len(self.names)
        size = 1 + sum(value**2 for value in x[m - 1 :])
        angles = [value * math.pi / 2 for value in x[: m - 1]]
        found = []
        for place in range(m):
            value = size * math.prod(math.cos(angle) for angle in angles[: m - 1 - place])
            found.append(value if place == 0 else value * math.sin(angles[m - 1 - place]))
        return found


def search(problem, name, trials, seed=0, options=None, constraints=(), facts=None, measured=None):
    """Search in a study and return it, closed."""
    with Study(
        problem.space, strategy=name, options=options, objectives=[f"minimize {n}" for n in problem.names],
        constraints=constraints, seed=seed, budget=trials, facts=facts,
    ) as study:  # fmt: skip
        for _ in range(trials):
            trial = study.ask()
            if trial is None:
                break
            more = measured(trial.architecture) if measured else {}
            study.tell(trial, **problem.measure(trial.architecture), **more)
    return study


def volume(problem, study, reference):
    """Hypervolume of what a study has found."""
    rows = [[t.measurements[n] for n in problem.names] for t in study.trials if t.is_complete]
    return hypervolume(rows, reference)
