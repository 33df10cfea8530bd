"""Whatever a strategy believes can be asked at any time: the study writes it down when the search ends."""

import pytest

import searchitect as sa
from searchitect.errors import MissingExtraError
from searchitect.strategies import STRATEGIES, make_strategy
from searchitect.testing.strategies import StrategyContract, synthetic_search
from searchitect.trial import TrialState
from tests.strategies.quick import QUICK
from tests.strategies.spaces import Conditional

SPACE = sa.SearchSpace.of(Conditional)
CONTRACT = StrategyContract()


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "grid"])
@pytest.mark.parametrize("trials", [0, 1, 2, 12])
def test_a_belief_is_one_line_about_a_complete_trial(name, trials):
    setting = CONTRACT.setting(SPACE)
    try:
        strategy = make_strategy(name, setting, QUICK.get(name))
    except MissingExtraError as error:
        pytest.skip(str(error))
    if not hasattr(strategy, "belief"):
        pytest.skip("no model, no belief")
    told = synthetic_search(strategy, setting, lambda a: 1.0, trials)
    believed = strategy.belief()
    complete = {t.number for t in told if t.state is TrialState.COMPLETE}
    assert believed.incumbent is None or believed.incumbent in complete
    assert "\n" not in believed.note
    assert believed.rank_correlation is None or -1.0 <= believed.rank_correlation <= 1.0
