"""The front door of gradient search: ranked architectures, the gap, checkpoints, and the method as published."""

import dataclasses
import json

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.api import open_gradients
from searchitect.errors import ConfigError, SearchitectError
from searchitect.study import plan


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


def quick(folder, **words):
    return sa.gradient_search("iris", Chosen, method="darts", epochs=1, seeds=2, folder=folder, **words)


def longer(found, seconds):
    return dataclasses.replace(found, facts={**found.facts, "seconds": seconds})


def confirmed(found, folder):
    recipe, store = sa.Recipe(epochs=2), f"sqlite:///{folder}/s.db"
    return found.confirm(recipe=recipe, workers=0, store=store, folder=folder, confirm_seeds=2)


def test_what_was_found_is_trained_alone_with_random_search_at_equal_cost_beside_it(tmp_path, monkeypatch):
    found = quick(tmp_path / "search")
    assert found.facts["seconds"] > 0.0
    monkeypatch.setattr(plan, "SHORTEST_COMPARED", 0.5)
    result = confirmed(longer(found, 1.0), tmp_path)
    trials = {phase: [t for t in result.trials if t.phase == phase] for phase in ("search", "random")}
    assert [t.architecture for t in trials["search"]] == list(found.architectures)
    assert {t.architecture["first"] for t in trials["random"]} <= {"identity", "relu", "tanh"}
    assert result.verdict.kind in ("search_helped", "no_difference", "random_better", "baseline_better")
    assert json.loads((tmp_path / "search" / "best.json").read_text("utf-8"))["decisions"]


def test_after_a_search_of_seconds_there_is_no_random_search_and_the_result_says_why(tmp_path):
    result = confirmed(longer(quick(tmp_path / "search"), 3.0), tmp_path)
    assert not [t for t in result.trials if t.phase == "random"]
    assert any("a search of 3 s is too short to compare" in warning for warning in result.warnings)
    assert "Whether the search helped is not known" in result.verdict.sentence


def test_a_search_is_opened_again_from_its_folder(tmp_path):
    found = quick(tmp_path)
    again = open_gradients(tmp_path, space=Chosen)
    assert again.search == found.search
    assert (again.gap, again.facts["seconds"]) == (found.gap, found.facts["seconds"])
    with pytest.raises(SearchitectError, match="class of your own program"):
        open_gradients(tmp_path)
    with pytest.raises(SearchitectError, match="no gradients"):
        open_gradients(tmp_path / "elsewhere", space=Chosen)


@pytest.mark.parametrize("part", ["runs", "gap", "facts", "options"])
def test_a_damaged_search_is_named(tmp_path, part):
    quick(tmp_path)
    document = json.loads((tmp_path / "gradients.json").read_text("utf-8"))
    del document[part]
    (tmp_path / "gradients.json").write_text(json.dumps(document))
    with pytest.raises(SearchitectError, match=r"damaged: KeyError.*\n.*search again"):
        open_gradients(tmp_path, space=Chosen)


def test_seconds_of_a_search_that_was_interrupted_add_up(tmp_path):
    first = quick(tmp_path)
    (tmp_path / "seconds.json").write_text(json.dumps({"seconds": 100.0}))
    assert quick(tmp_path).facts["seconds"] > 100.0
    assert first.facts["seconds"] < 100.0


def test_a_device_that_is_not_here_is_refused_with_those_that_are():
    with pytest.raises(ConfigError, match=r"torch cannot use the device 'cudaa' here[\s\S]*one of: cpu"):
        sa.gradient_search("iris", Chosen, epochs=1, device="cudaa")


@sa.space
class Sized:
    kind: str = sa.choice("small", "large")

    def build(self, task):
        small, large = (
            lambda width=width: nn.Sequential(nn.Linear(8, width), nn.Linear(width, 8)) for width in (2, 256)
        )
        middle = sa.nn.choose(self.kind, {"small": small, "large": large})
        return nn.Sequential(nn.Linear(task.features, 8), middle, nn.Linear(8, task.outputs))


def test_a_search_may_aim_at_an_expected_cost(tmp_path):
    words = {"method": "darts", "epochs": 3, "seeds": 1, "guards": False}
    plain = sa.gradient_search("iris", Sized, **words)
    found = sa.gradient_search("iris", Sized, costs={"parameters": 100}, folder=tmp_path, **words)

    def share(search):
        return search.search.runs[0].progress[-1].probabilities["kind"][0]

    assert share(found) > share(plain)
    assert json.loads((tmp_path / "gradients.json").read_text())["facts"]["costs"] == {"parameters": 100}
    with pytest.raises(SearchitectError, match="another search"):
        sa.gradient_search("iris", Sized, costs={"parameters": 200}, folder=tmp_path, **words)


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        ({"parameter": 10}, r"no cost is called 'parameter'[\s\S]*parameters"),
        ({"flops": 0}, "the target of flops is above 0"),
        ({"latency_ms": "20ms"}, "the target of latency_ms is a number, got '20ms'"),
    ],
)
def test_a_cost_that_cannot_be_aimed_at_is_refused(costs, told):
    with pytest.raises(ConfigError, match=told):
        sa.gradient_search("iris", Chosen, epochs=1, costs=costs)
