"""Every strategy searches by real training, on a space with a conditional and a training decision."""

import pytest
from torch import nn

import searchitect as sa
from searchitect.errors import MissingExtraError
from searchitect.strategies import STRATEGIES
from tests.strategies.quick import QUICK


@sa.space
class Narrow:
    width: int = sa.choice(2, 4)

    def build(self, inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Linear(inputs, self.width), nn.Tanh(), nn.Linear(self.width, outputs))


@sa.space
class Wide:
    width: int = sa.integer(8, 12)
    activation: str = sa.choice("relu", "gelu")

    def build(self, inputs: int, outputs: int) -> nn.Module:
        hidden = [nn.Linear(inputs, self.width), sa.nn.activation(self.activation)]
        return nn.Sequential(*hidden, nn.Linear(self.width, outputs))


@sa.space
class Either:
    body: Narrow | Wide = sa.choice(Narrow, Wide)
    learning_rate: float = sa.choice(0.001, 0.01, 0.1, role="training")

    def build(self, task: sa.TaskSpec) -> nn.Module:
        return nn.Sequential(nn.Flatten(), self.body.build(task.features, task.outputs))


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_searches_by_real_training(name, tmp_path):
    quiet = {"workers": 0, "confirm_seeds": 1, "random_search": False, "store": "memory:", "name": name}
    recipe = sa.Recipe(epochs=1)
    try:
        result = sa.search(
            "iris", Either, strategy=name, options=QUICK.get(name), trials=8, recipe=recipe, folder=tmp_path, **quiet
        )
    except MissingExtraError as error:
        pytest.skip(error.message)
    assert sum(trial.phase == "search" and trial.is_complete for trial in result.trials) == 8
    assert result.stopped_by == "trials"
    assert result.best is not None
    assert 0 <= result.best.measurements["accuracy"] <= 1
    assert isinstance(result.best.model, nn.Module)
