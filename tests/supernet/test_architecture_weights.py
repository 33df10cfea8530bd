"""Which decisions can be mixed, and what is said about those that cannot."""

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.nn import choose, number_for
from searchitect.supernet import open_build
from searchitect.supernet.architecture_weights import ArchitectureWeights, edge_groups, mixed_decisions
from tests.supernet.spaces import Open

SPEC = sa.TaskSpec((3, 8, 8), 5)
CELLS = sa.catalog.get("nasbench201", cells=2, channels=4)


def test_all_cells_share_the_decisions_of_one():
    supernet = open_build(CELLS, SPEC, check=False)
    decisions = mixed_decisions(supernet)
    assert [d.path for d in decisions] == ["edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3"]
    assert {len(d.mixed) for d in decisions} == {6}
    assert {d.options[place] for d in decisions for place in d.skips} == {"skip_connect"}
    assert {d.options[place] for d in decisions for place in d.zeros} == {"none"}


def test_edges_into_one_node_form_a_group():
    supernet = open_build(CELLS, SPEC, check=False)
    groups = edge_groups(supernet, mixed_decisions(supernet))
    assert groups == (("edge_0_2", "edge_1_2"), ("edge_0_3", "edge_1_3", "edge_2_3"))


FIXED = {
    "stem": 4,
    "expansion": 1,
    "blocks.length": 2,
    "extra": False,
    **{f"blocks.{n}.operation.{kind}.kernel": 3 for n in range(2) for kind in ("Plain", "Separable")},
}


@pytest.mark.parametrize(
    ("left", "kind"),
    [
        ("stem", "choice that the build reads as a number"),
        ("expansion", "integer"),
        ("blocks.length", "length"),
        ("extra", "optional"),
        ("blocks.0.operation.Plain.kernel", "choice that the build reads as a number"),
    ],
)
def test_a_decision_that_is_no_choice_among_modules_is_refused_with_the_remedy(left, kind):
    fixed = {path: value for path, value in FIXED.items() if path != left}
    supernet = open_build(Open, SPEC, fixed=fixed, check=False)
    with pytest.raises(SpaceError, match=rf"'{left}' is a {kind}.*\n.*fixed={{'{left}'"):
        mixed_decisions(supernet)


def test_choices_within_options_are_mixed_too():
    supernet = open_build(Open, SPEC, fixed=FIXED, check=False)
    paths = [d.path for d in mixed_decisions(supernet)]
    inside = [
        f"blocks.{n}.{rest}" for n in range(2) for rest in ("operation", "operation.Separable.norm", "activation")
    ]
    assert paths == inside
    supernet.selection.weights.update({d.path: torch.full((3,), 1 / 3) for d in mixed_decisions(supernet)})
    assert supernet(torch.randn(2, *SPEC.inputs)).shape == (2, 5)


def test_what_a_fixed_choice_rules_out_need_not_be_fixed():
    fixed = {path: value for path, value in FIXED.items() if "Separable" not in path and "Plain" not in path}
    fixed |= {"blocks.0.operation": "Skip", "blocks.1.operation": "Skip"}
    supernet = open_build(Open, SPEC, fixed=fixed, check=False)
    assert [d.path for d in mixed_decisions(supernet)] == ["blocks.0.activation", "blocks.1.activation"]


def test_a_choice_read_both_ways_is_refused():
    @sa.space
    class Both:
        how: str = sa.choice("pool", "stride")

        def build(self, task):
            stride = number_for(self.how, {"pool": 1, "stride": 2})
            return nn.Sequential(
                sa.nn.conv(3, 4, 3, stride=stride), choose(self.how, {"pool": nn.ReLU, "stride": nn.GELU})
            )

    with pytest.raises(SpaceError, match="'how' is a choice that the build reads as a number"):
        mixed_decisions(open_build(Both, SPEC, check=False))


def test_a_choice_that_the_built_model_does_not_have_is_told_from_one_that_is_read_as_a_number():
    @sa.space
    class Two:
        kind: str = sa.choice("relu", "gelu")
        later: str = sa.choice("relu", "gelu")
        last: str = sa.choice("relu", "gelu")

        def build(self, task):
            return nn.Sequential(sa.nn.conv(3, 4, 3), sa.nn.activation(self.kind))

    with pytest.raises(SpaceError, match=r"no module that Two.build made reads 'later' and 1 more") as refused:
        mixed_decisions(open_build(Two, SPEC, check=False))
    assert "fixed={'later': 'relu', …}" in str(refused.value)
    only = mixed_decisions(open_build(Two, SPEC, fixed={"later": "relu", "last": "gelu"}, check=False))
    assert [decision.path for decision in only] == ["kind"]


def test_nothing_to_search_is_refused():
    supernet = open_build(CELLS, SPEC, fixed={f"edge_{i}_{j}": "none" for j in range(4) for i in range(j)}, check=False)
    with pytest.raises(SpaceError, match="no open decision to search"):
        mixed_decisions(supernet)


def test_activations_have_no_skip_since_nothing_there_is_trained():
    decisions = mixed_decisions(open_build(Open, SPEC, fixed=FIXED, check=False))
    by_path = {d.path: d for d in decisions}
    assert [by_path["blocks.0.operation"].options[p] for p in by_path["blocks.0.operation"].skips] == ["Skip"]


def test_weights_go_back_to_what_was_copied():
    decisions = mixed_decisions(open_build(CELLS, SPEC, check=False))
    draw = torch.Generator().manual_seed(0)
    alphas = ArchitectureWeights(decisions, scale=1e-3, generator=draw)
    assert all(float(logits.detach().abs().max()) < 0.01 for _, logits in alphas)
    kept = alphas.copy()
    with torch.no_grad():
        for _, logits in alphas:
            logits += 1.0
    alphas.restore(kept)
    assert all(torch.equal(logits, kept[decision.path]) for decision, logits in alphas)
