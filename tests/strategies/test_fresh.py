from searchitect.seeding import stream
from searchitect.strategies import Setting
from searchitect.strategies.fresh import first_fresh
from tests.strategies.planted import SCORE, SPACE


def counted(check, seen=frozenset(), attempts=500):
    rng, draws = stream(0, "draws"), []

    def draw():
        draws.append(SPACE.sample(rng))
        return draws[-1]

    return first_fresh(Setting(SPACE, SCORE, check=check), seen, draw, attempts), draws


def test_the_first_draw_that_is_allowed_and_unknown_is_taken():
    found, draws = counted(lambda a: ["no"] if a["a"] else [])
    assert found == draws[-1]
    assert found["a"] == 0
    assert all(a["a"] for a in draws[:-1])


def test_where_hardly_anything_is_allowed_it_is_still_found():
    found, draws = counted(lambda a: ["no"] if any(a[p] for p in "abcd") else [])
    assert found is not None, "one in 1,296 is allowed"
    assert len(draws) > 500


def test_it_gives_up_sooner_on_what_is_known():
    class Everything:
        def __contains__(self, key):
            return True

    assert len(counted(lambda a: [], Everything(), 50)[1]) == 50
    found, draws = counted(lambda a: ["no"], attempts=50)
    assert (found, len(draws)) == (None, 500)
