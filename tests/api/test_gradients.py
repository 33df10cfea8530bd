"""The front door of gradient search: ranked architectures, the gap, checkpoints, and the method as published."""

import json

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SearchitectError


@sa.space
class Chosen:
    first: str = sa.choice("identity", "relu", "tanh")
    second: str = sa.choice("relu", "tanh")

    def build(self, task):
        return nn.Sequential(
            nn.Linear(task.features, 8), sa.nn.activation(self.first), nn.Linear(8, 8), sa.nn.activation(self.second),
            nn.Linear(8, task.outputs),
        )  # fmt: skip


@sa.space
class Wide:
    width: int = sa.choice(4, 8)
    kind: str = sa.choice("relu", "tanh")

    def build(self, task):
        return nn.Sequential(
            sa.nn.fully_connected(task.features, self.width),
            sa.nn.activation(self.kind),
            sa.nn.fully_connected(self.width, task.outputs),
        )


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def test_it_gives_an_architecture_of_the_space_with_its_gap_and_can_be_run_again(tmp_path):
    epochs = []
    found = sa.gradient_search(
        "iris", Chosen, method="darts", epochs=2, seeds=2, folder=tmp_path, report=lambda e, o: epochs.append(e.epoch)
    )
    assert found.best in found.architectures
    assert len(found.architectures) == 2
    assert all(0.0 <= value <= 1.0 for value in (found.gap.supernet, found.gap.discretised, found.gap.retrained))
    assert epochs == [1, 2, 1, 2]
    written = json.loads((tmp_path / "gradients.json").read_text("utf-8"))
    assert written["best"] == found.best.to_json()
    epochs.clear()
    again = sa.gradient_search("iris", Chosen, method="darts", epochs=2, seeds=2, folder=tmp_path, report=epochs.append)
    assert again.best == found.best
    assert not epochs


def test_without_guards_a_method_selects_by_magnitude_as_it_was_published(monkeypatch):
    asked = {}
    import searchitect.supernet.gradient_search as room

    real = room.gradient_search

    def noted(*arguments, **settings):
        asked.update(settings)
        return real(*arguments, **settings)

    monkeypatch.setattr(room, "gradient_search", noted)
    sa.gradient_search("iris", Chosen, method="darts", epochs=1, seeds=1, guards=False)
    assert (asked["selection"], asked["guards"]) == ("magnitude", None)


def test_a_number_cannot_be_mixed_and_the_remedy_is_named():
    with pytest.raises(SearchitectError, match=r"width.*\n.*fixed"):
        sa.gradient_search("iris", Wide, epochs=1, seeds=1)
    assert "width" in sa.gradient_search("iris", Wide, epochs=1, seeds=1, fixed={"width": 8}).best
