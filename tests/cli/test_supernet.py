"""`supernet train|search|rank|extract`, typed for real on a small space."""

import json
import signal
import subprocess
import sys
import time

import pytest

import searchitect as sa
from searchitect.cli.probabilities import headline, strongest
from searchitect.cli.supernet import GRADIENT, SAMPLED
from searchitect.supernet.checkpoints import WEIGHTS
from searchitect.supernet.gradient_methods import GRADIENT_METHODS
from searchitect.supernet.gradient_result import SearchEpoch
from searchitect.supernet.methods import METHODS

NET = """
from torch import nn
import searchitect as sa

@sa.space
class Wide:
    width: int = sa.choice(4, 8, 16, 32)
    activation: str = sa.choice("relu", "tanh", "gelu")
    learning_rate: float = sa.real(1e-3, 1e-1, log=True, role="training")

    def build(self, task):
        first = sa.nn.fully_connected(task.features, self.width)
        last = sa.nn.fully_connected(self.width, task.outputs)
        return nn.Sequential(nn.Flatten(), first, sa.nn.activation(self.activation), last)

@sa.space
class Linear:
    def build(self, features):
        return nn.Linear(features, features)

@sa.space
class Skip:
    def build(self, features):
        return nn.Identity()

@sa.space
class Mixing:
    operation: Linear | Skip = sa.choice(Linear, Skip)

    def build(self, task):
        return nn.Sequential(nn.Flatten(), self.operation.build(task.features), nn.Linear(task.features, task.outputs))
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("spaces") / "net.py"
    path.write_text(NET, "utf-8")
    return path


@pytest.fixture(scope="module")
def folder(net, tmp_path_factory):
    """A supernet trained for a moment."""
    from searchitect.cli import main

    folder = tmp_path_factory.mktemp("trained") / "wide"
    words = ["supernet", "train", "iris", "--space", f"{net}:Wide", "--epochs", "3", "--out", str(folder), "-q"]
    assert main(words) == 0
    return folder


def test_the_methods_are_those_there_are():
    assert set(SAMPLED) == set(METHODS)
    assert set(GRADIENT) == set(GRADIENT_METHODS)


def test_training_tells_every_epoch_and_where_the_weights_are(typed, net, tmp_path):
    words = ("supernet", "train", "iris", "--space", f"{net}:Wide", "--epochs", "2", "--out", str(tmp_path / "a"))
    answer = typed(*words, "--method", "fairnas", "--fix", "width=8")
    assert answer.code == 0
    assert answer.err.count("epoch ") == 2
    assert "train_loss" in answer.err
    assert "fairnas: Wide on iris, 2 epochs" in answer.out
    assert (tmp_path / "a" / WEIGHTS).is_file()
    again = typed(*words, "--method", "fairnas", "--fix", "width=8", "--json")
    assert again.code == 0
    document = json.loads(again.out)
    assert document["fixed"]["width"] == 8
    assert len(document["history"]) == 2


def test_the_default_folder_is_found_again(typed, net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert typed("supernet", "train", "iris", "--space", f"{net}:Wide", "--epochs", "1", "-q").code == 0
    assert (tmp_path / "runs/supernets/iris-Wide-spos-seed0" / WEIGHTS).is_file()


def test_ranks_are_printed_and_kept(typed, folder):
    answer = typed("supernet", "rank", str(folder), "--architectures", "5", "--epochs", "2")
    assert answer.code == 0
    assert "Kendall's τ" in answer.out
    assert "discretised" in answer.out
    assert "5 of 5 trained alone" in answer.err
    document = json.loads(typed("supernet", "rank", str(folder), "--architectures", "5", "--json", "-q").out)
    assert len(document["pairs"]) == 5
    assert document["interval"][0] <= document["tau"] <= document["interval"][1]


def test_a_search_by_shared_weights_hands_over_a_model_and_extract_takes_its_best(typed, folder, tmp_path):
    words = ("supernet", "search", str(folder), "--strategy", "random", "--trials", "5", "--epochs", "2")
    answer = typed(
        *words, "--trust", "anyway", "--store", f"{tmp_path}/s.db", "--out", str(tmp_path / "model"),
        "--workers", "0", "--no-random", "--json",
    )  # fmt: skip
    assert answer.code == 0
    document = json.loads(answer.out)
    assert any("shared in a supernet" in warning for warning in document["warnings"])
    extracted = typed("supernet", "extract", str(folder), "--best", "--out", str(tmp_path / "best"))
    assert extracted.code == 0
    assert "model.safetensors" in extracted.out
    trained = sa.TrainedSupernet.open(folder)
    loaded = sa.load(tmp_path / "best", space=trained.space)
    assert loaded.architecture.decisions == document["best"]["architecture"]


def test_extract_reads_plain_decisions(typed, folder, tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"width": 8, "activation": "tanh"}')
    answer = typed("supernet", "extract", str(folder), "--architecture", str(file), "--out", str(tmp_path / "m"))
    assert answer.code == 0, answer.err
    loaded = sa.load(tmp_path / "m", space=sa.TrainedSupernet.open(folder).space)
    assert loaded.architecture["width"] == 8


def test_gradients_show_operation_probabilities_as_they_move(typed, net, tmp_path):
    words = ("supernet", "train", "iris", "--space", f"{net}:Mixing", "--method", "darts", "--epochs", "2")
    answer = typed(*words, "--seeds", "1", "--out", str(tmp_path / "g"))
    assert answer.code == 0, answer.err
    assert answer.err.count("operation=") == 2
    assert "run 1 epoch" in answer.err
    assert "1. hold-out" in answer.out
    assert "retrained" in answer.out
    document = json.loads((tmp_path / "g" / "gradients.json").read_text())
    assert document["options"] == {"operation": ["Linear", "Skip"]}
    again = typed(*words, "--seeds", "1", "--out", str(tmp_path / "g"), "--json", "-q")
    assert json.loads(again.out)["best"] == document["best"]


def test_what_gradients_found_is_trained_alone_by_search(typed, net, tmp_path):
    words = ("iris", "--space", f"{net}:Mixing", "--method", "darts", "--epochs", "1", "--seeds", "1", "-q")
    answer = typed("supernet", "train", *words, "--out", str(tmp_path / "g"))
    assert f"next: searchitect supernet search {tmp_path / 'g'}" in answer.out
    words = ("supernet", "search", str(tmp_path / "g"), "--store", f"sqlite:///{tmp_path}/s.db", "--workers", "0")
    answer = typed(*words, "--trials", "5")
    assert answer.code == 1
    assert "without --trials" in answer.err
    answer = typed(*words, "--epochs", "1", "--out", str(tmp_path / "m"), "--json", "-q")
    assert answer.code == 0, answer.err
    assert any("too short to compare" in warning for warning in json.loads(answer.out)["warnings"])


def test_an_epoch_of_gradients_is_one_line():
    entry = SearchEpoch(0, 3, 1.25, None, {"a": (0.25, 0.75), "b": (0.5, 0.5)}, 0.5, 0.9, None, 1.0)
    assert strongest(entry, {"a": ("conv", "skip")}) == "a=skip 0.75 b=#0 0.50"
    assert headline(entry) == "run 1 epoch 3: train loss 1.250, entropy 0.90, skips 50%"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train", "iris", "--method", "sposs"), "no way to train a supernet is called 'sposs'"),
        (("train", "iriss"), "iriss"),
        (("train", "iris", "--cost", "flops=1e6"), "costs enter a search by gradients, and 'spos' samples"),
        (("train", "iris", "--method", "gdas", "--cost", "flop=1e6"), "no cost is called 'flop'"),
        (("train", "iris", "--device", "cudaa"), "torch cannot use the device 'cudaa'"),
        (("rank", "nowhere"), "no trained supernet in 'nowhere'"),
        (("search", "nowhere"), "no trained supernet in 'nowhere'"),
        (("extract", "nowhere", "--out", "x"), "which architecture?"),
        (("extract", "nowhere", "--best", "--out", "x"), "no trained supernet"),
    ],
)
def test_errors_are_one_sentence(typed, words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = typed("supernet", *words)
    assert answer.code == 1
    assert told in answer.err
    assert "Traceback" not in answer.err


def test_another_training_in_the_same_folder_is_refused(typed, net, folder):
    words = ("supernet", "train", "iris", "--space", f"{net}:Wide", "--epochs", "4", "--out", str(folder), "-q")
    answer = typed(*words)
    assert answer.code == 1
    assert "epochs" in answer.err


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_an_epoch_loses_nothing(net, tmp_path):
    """The weights of an interrupted and resumed training are those of one that was left alone."""
    words = [
        sys.executable, "-m", "searchitect", "supernet", "train", "digits", "--space", f"{net}:Wide",
        "--epochs", "15", "--save-every", "5",
    ]  # fmt: skip
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run([*words, "--out", str(whole), "-q"], check=True, timeout=300)
    process = subprocess.Popen([*words, "--out", str(cut)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (cut / WEIGHTS).is_file() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "the same command again" in told
    assert not (cut / "trained.json").exists()
    subprocess.run([*words, "--out", str(cut), "-q"], check=True, timeout=300)
    assert sa.TrainedSupernet.open(whole).digest == sa.TrainedSupernet.open(cut).digest
