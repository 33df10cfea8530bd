"""Expected costs are exact: counted on extracted models, and as sums over all architectures."""

import itertools

import pytest
import torch

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.hardware.counting import count_flops, count_parameters
from searchitect.supernet import open_build
from searchitect.supernet.architecture_weights import mixed_decisions
from searchitect.supernet.costs import CostTerm, cost_table, penalised
from tests.supernet.spaces import Open
from tests.supernet.test_architecture_weights import FIXED

SPEC = sa.TaskSpec((3, 8, 8), 5)
COUNT = {"parameters": count_parameters, "flops": lambda model: count_flops(model, SPEC.inputs)}


@pytest.fixture(scope="module")
def nested():
    """A choice among spaces, one of which has a choice of its own."""
    fixed = FIXED | {"blocks.length": 1}
    supernet = open_build(Open, SPEC, fixed=fixed, check=False)
    return supernet, mixed_decisions(supernet)


@pytest.mark.parametrize("name", COUNT)
def test_a_decided_cost_is_that_of_the_extracted_model(nested, name):
    supernet, decisions = nested
    table = cost_table(supernet, decisions, name)
    for places in itertools.product(*(range(len(d.options)) for d in decisions)):
        taken = {d.path: d.options[place] for d, place in zip(decisions, places, strict=True)}
        architecture = supernet.space.decide(
            lambda path, form, taken=taken: taken.get(path, supernet.fixed.get(path, next(iter(form.domain.values()))))
        )
        shares = {d.path: torch.eye(len(d.options))[place] for d, place in zip(decisions, places, strict=True)}
        assert float(table.expected(shares)) == COUNT[name](supernet.extract(architecture))


@pytest.mark.parametrize("name", COUNT)
def test_the_expectation_is_the_mean_over_all_architectures(nested, name):
    supernet, decisions = nested
    table = cost_table(supernet, decisions, name)
    draw = torch.Generator().manual_seed(0)
    shares = {d.path: torch.rand(len(d.options), generator=draw).softmax(0) for d in decisions}
    mean = 0.0
    for places in itertools.product(*(range(len(d.options)) for d in decisions)):
        one = {d.path: torch.eye(len(d.options))[place] for d, place in zip(decisions, places, strict=True)}
        weight = torch.stack([shares[d.path][place] for d, place in zip(decisions, places, strict=True)]).prod()
        mean += float(weight) * float(table.expected(one))
    assert float(table.expected(shares)) == pytest.approx(mean, rel=1e-5)


def test_gradients_lower_the_share_of_what_costs_most():
    supernet = open_build(sa.catalog.get("nasbench201", cells=1, channels=4), SPEC, check=False)
    decisions = mixed_decisions(supernet)
    table = cost_table(supernet, decisions, "flops")
    logits = {d.path: torch.zeros(5, requires_grad=True) for d in decisions}
    table.expected({path: alpha.softmax(0) for path, alpha in logits.items()}).backward()
    for decision in decisions:
        gradient = logits[decision.path].grad
        assert decision.options[int(gradient.argmax())] == "nor_conv_3x3"
        assert gradient[decision.options.index("none")] < 0


def test_latency_is_measured_operation_by_operation():
    supernet = open_build(sa.catalog.get("nasbench201", cells=1, channels=4), SPEC, check=False)
    decisions = mixed_decisions(supernet)[:1]
    everything = mixed_decisions(supernet)
    table = cost_table(supernet, everything, "latency_ms")
    assert len(table.terms) == 30
    assert all(cost > 0 for cost in table.terms.values())
    assert {path for conditions in table.terms for path, _ in conditions} >= {decisions[0].path}


def test_costs_enter_the_loss_by_a_power_or_a_logarithm():
    loss, cost = torch.tensor(2.0), torch.tensor(300.0)
    power = penalised(loss, [(CostTerm("flops", 100.0, 0.5, "power"), cost)])
    assert float(power) == pytest.approx(2.0 * 3.0**0.5)
    log = penalised(loss, [(CostTerm("flops", 100.0, 0.5, "log"), cost)])
    assert float(log) == pytest.approx(2.0 + 0.5 * float(torch.tensor(3.0).log()))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"name": "flop", "target": 1.0}, "no cost is called 'flop'.*\n.*flops"),
        ({"name": "flops", "target": 0.0}, "the target of flops is above 0, got 0.0"),
        ({"name": "flops", "target": 1.0, "form": "sum"}, "'power' or 'log', got 'sum'"),
    ],
)
def test_what_makes_no_cost_term_is_refused(words, told):
    with pytest.raises(ConfigError, match=told):
        CostTerm(**words)
