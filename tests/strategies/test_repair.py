import searchitect as sa
from searchitect.errors import EvaluationError
from searchitect.objectives import parse_constraint
from searchitect.seeding import stream
from searchitect.strategies import Setting
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.repair import overrun, repaired
from tests.strategies.planted import SCORE, SPACE


def size(architecture):
    return float(sum(10 ** architecture[path] for path in "abcdef"))


def facts(architecture, names):
    return {"parameters": size(architecture)}


LIMITS = (parse_constraint("parameters<=60"),)


def check(architecture):
    return () if size(architecture) <= 60 else ("too large",)


SETTING = Setting(SPACE, SCORE, check=check, facts=facts, constraints=LIMITS)
LARGEST = SPACE.compose(dict.fromkeys("abcdef", 5))


def test_the_overrun_is_the_share_of_the_limit_that_is_too_much():
    small = SPACE.compose(dict.fromkeys("abcdef", 0))
    assert overrun(SETTING, small) == 0
    assert overrun(SETTING, LARGEST) == (600_000 - 60) / 60
    assert overrun(Setting(SPACE, SCORE), LARGEST) == 0


def test_the_worst_architecture_is_repaired_and_the_least_changed_on_the_way():
    found = repaired(SETTING, LARGEST)
    assert size(found) <= 60
    one_wrong = SPACE.compose({"a": 4, **dict.fromkeys("bcdef", 0)})
    mended = repaired(SETTING, one_wrong)
    assert [path for path in "abcdef" if mended[path] != one_wrong[path]] == ["a"]


def test_the_same_architecture_is_always_repaired_in_the_same_way():
    assert repaired(SETTING, LARGEST) == repaired(SETTING, LARGEST)


def test_where_drawing_finds_next_to_nothing_a_repair_does_without_thousands_of_draws():
    drawn = []

    def draw():
        drawn.append(SPACE.sample(stream(len(drawn), "draw")))
        return LARGEST if len(drawn) < 10_000 else drawn[-1]

    found = first_fresh(SETTING, set(), draw, 50)
    assert size(found) <= 60
    assert len(drawn) == 50


def test_an_impossible_limit_is_given_up():
    impossible = Setting(
        SPACE,
        SCORE,
        check=lambda a: ("too large",),
        facts=facts,
        constraints=(parse_constraint("parameters<=1"),),
    )
    assert repaired(impossible, LARGEST) is None


def test_what_cannot_be_built_counts_as_infinitely_far():
    def fails(architecture, names):
        if architecture["a"] == 5:
            raise EvaluationError("no such model")
        return facts(architecture, names)

    setting = Setting(SPACE, SCORE, check=check, facts=fails, constraints=LIMITS)
    assert overrun(setting, LARGEST) == float("inf")
    assert size(repaired(setting, LARGEST)) <= 60


def test_a_study_proposes_within_limits_that_one_architecture_in_a_thousand_keeps():
    limits = ["parameters<=33"]  # 42 of 46,656: at most three options above the least
    with sa.Study(SPACE, strategy="nsga2", constraints=limits, facts=facts, budget=10) as study:
        for _ in range(6):
            trial = study.ask()
            assert size(trial.architecture) <= 33
            study.tell(trial, 1.0)
    assert all(trial.is_complete for trial in study.trials)
