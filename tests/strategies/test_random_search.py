import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.testing.strategies import synthetic_search
from tests.strategies.planted import SCORE, evaluate
from tests.strategies.spaces import Conditional, Flat


@sa.space
class Mirrored:
    left: int = sa.choice(*range(6))
    right: int = sa.choice(*range(6))

    def canonical(self):
        return Mirrored(min(self.left, self.right), max(self.left, self.right))


def test_isomorphic_architectures_are_tried_once():
    space = sa.SearchSpace.of(Mirrored)
    for name in ("random", "grid", "sobol", "local_search"):
        setting = Setting(space, SCORE, 0)
        done = evaluate(
            make_strategy(name, setting, {"replicates": 1} if name == "local_search" else {}),
            setting,
            lambda p: float(p.architecture["left"]),
            100,
        )
        assert len(done) == len({t.key for t in done}) == 21, name


def test_every_architecture_of_a_finite_space_is_found():
    space = sa.SearchSpace.of(Flat)
    setting = Setting(space, SCORE, 0)
    told = synthetic_search(make_strategy("random", setting), setting, lambda a: 0.0, 1_000)
    assert {trial.architecture for trial in told} == set(space.enumerate())


def test_draws_follow_the_prior_of_the_space():
    space = sa.SearchSpace.of(Conditional)
    setting = Setting(space, SCORE, 0)
    done = evaluate(make_strategy("random", setting), setting, lambda p: 0.0, 2_000)
    large = sum(t.architecture["block"] == "Large" for t in done)
    assert abs(large / 2_000 - 0.5) < 0.04
    assert abs(sum(t.architecture["learning_rate"] < 1e-2 for t in done) / 2_000 - 2 / 3) < 0.04


def test_a_trial_depends_on_its_number_and_not_on_what_came_before():
    setting = Setting(sa.SearchSpace.of(Conditional), SCORE, 0)
    fresh, used = make_strategy("random", setting), make_strategy("random", setting)
    evaluate(used, setting, lambda p: 0.0, 20)
    assert fresh.ask(20) == used.ask(20)
    assert fresh.ask(20).architecture == setting.space.sample(stream(0, "random", 20))
