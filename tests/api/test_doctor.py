import pytest
from torch import nn

import searchitect as sa
from searchitect.api import doctor
from searchitect.errors import ConfigError

SPEC = sa.TaskSpec((1, 8, 8), 10)


@sa.space
class Troubled:
    width: int = sa.choice(4, 8)
    kernel: int = sa.choice(3, 11)
    forgotten: int = sa.choice(1, 2, 3)
    learning_rate: float = sa.real(1e-3, 1e-1, log=True, role="training")

    def build(self, task: sa.TaskSpec) -> nn.Module:
        convolution = nn.Conv2d(task.inputs[0], self.width, self.kernel)
        return nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(self.width, task.outputs))


@pytest.fixture(scope="module")
def diagnosis():
    return doctor(Troubled, SPEC, samples=60, constraints=["parameters<=100"])


def test_shape_errors_come_with_the_offending_architecture(diagnosis):
    document = diagnosis.document
    assert 0.3 < document["invalid"] < 0.7
    assert document["errors"][0]["architecture"]["kernel"] == 11
    assert any("cannot be built" in line for line in diagnosis.lines)


def test_a_decision_without_effect_is_called_dead(diagnosis):
    assert diagnosis.document["dead_decisions"] == ["forgotten"]


def test_sizes_costs_and_the_infeasible_share_are_counted(diagnosis):
    document = diagnosis.document
    assert document["size"] is None, "a learning rate is a continuum"
    assert document["size_without_reals"] == 12
    # Width 4 has 4·9+4 and 40+10 parameters, width 8 has 8·9+8 and 80+10: only the first is within the limit.
    assert document["costs"]["parameters"]["min"] == 90
    assert document["costs"]["parameters"]["max"] == 170
    assert 0.2 < document["infeasible"] < 0.8


def test_a_sound_space_has_nothing_to_say_against_it():
    document = doctor("mlp", sa.TaskSpec((4,), 3, domain="tabular"), samples=20).document
    assert document["invalid"] == 0.0
    assert document["errors"] == []


def test_an_unknown_space_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'plain_cnn'"):
        doctor("plain_cn")
