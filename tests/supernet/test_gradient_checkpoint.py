"""What a killed search left behind; that it goes on is tested with the search."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from searchitect.errors import StorageError
from searchitect.supernet.gradient_checkpoint import finished
from searchitect.supernet.gradient_methods import GRADIENT_METHODS
from searchitect.supernet.gradient_search import gradient_search
from tests.supernet.killed_gradient_search import EPOCHS, SAVE_EVERY, run, steps_of_an_epoch
from tests.supernet.planted import Planted, planted
from tests.supernet.test_gradient_search import QUICK

ROOT = Path(__file__).parents[2]


class KilledError(Exception):
    pass


def kill(entry):
    raise KilledError


def test_weights_are_written_as_safetensors_after_every_epoch(tmp_path):
    with pytest.raises(KilledError):
        gradient_search(Planted, planted(0).task, settings=QUICK, seeds=1, folder=tmp_path, report=kill)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["run-0-progress.json", "run-0.safetensors"]
    tensors = load_file(tmp_path / "run-0.safetensors")
    assert int(tensors["epoch"]) == 1
    assert {name.split(".")[0] for name in tensors} == {
        "epoch", "model", "searched", "trail", "weights", "alphas", "losses",
    }  # fmt: skip
    assert all(torch.isfinite(tensor.float()).all() for tensor in tensors.values())


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"method": "gdas"},
        {"guards": None},
        {"fixed": {"edge_0": "line"}},
        {"settings": dataclasses.replace(QUICK, rate=0.1)},
    ],
)
@pytest.mark.parametrize("killed", [True, False])
def test_the_checkpoint_of_another_search_is_refused(tmp_path, other, killed):
    words = {"settings": QUICK, "seeds": 1, "folder": tmp_path}
    if killed:
        with pytest.raises(KilledError):
            gradient_search(Planted, planted(0).task, report=kill, **words)
    else:
        gradient_search(Planted, planted(0).task, **words)
    with pytest.raises(StorageError, match="another search.*\n.*a folder of its own"):
        gradient_search(Planted, planted(0).task, **(words | other))


def test_weights_that_do_not_fit_are_refused(tmp_path):
    words = {"settings": QUICK, "seeds": 1, "folder": tmp_path}
    with pytest.raises(KilledError):
        gradient_search(Planted, planted(0).task, report=kill, **words)
    tensors = load_file(tmp_path / "run-0.safetensors")
    save_file({name: t for name, t in tensors.items() if not name.startswith("model.")}, tmp_path / "run-0.safetensors")
    with pytest.raises(StorageError, match="another search"):
        gradient_search(Planted, planted(0).task, **words)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"progress": []}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "run-0.json").write_text(text)
    with pytest.raises(StorageError, match=r"run-0\.json is no checkpoint of a gradient search"):
        finished(tmp_path, 0, 1)


def test_no_folder_means_no_checkpoint():
    assert finished(None, 0, 1) is None


def after_the_last_epoch(method, folder):
    """A search that goes on in a folder to its end: what it found, and all weights and moments at the end."""
    folder.mkdir(exist_ok=True)
    weights = {}

    def keep(entry):
        if entry.epoch == EPOCHS:
            weights.update(load_file(folder / "run-0.safetensors"))

    return run(method, folder, report=keep), weights


def killed(method, folder, step):
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.supernet.killed_gradient_search", method, str(folder), str(step)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL
    return load_file(folder / "run-0.safetensors")


def assert_equal(first, second):
    (found, weights), (expected, whole) = first, second
    assert found.runs == expected.runs
    assert weights.keys() == whole.keys()
    assert all(torch.equal(weights[name], whole[name]) for name in whole)


def test_a_search_killed_twice_within_an_epoch_ends_with_the_same_weights_and_probabilities(tmp_path):
    steps = steps_of_an_epoch()
    first = killed("gdas", tmp_path / "killed", steps + SAVE_EVERY + 1)
    assert (int(first["epoch"]), len(first["losses.weights"])) == (1, SAVE_EVERY)
    second = killed("gdas", tmp_path / "killed", 2 * SAVE_EVERY + 1)  # counted from the start of the second epoch
    assert (int(second["epoch"]), len(second["losses.alphas"])) == (1, 2 * SAVE_EVERY)
    assert_equal(after_the_last_epoch("gdas", tmp_path / "killed"), after_the_last_epoch("gdas", tmp_path / "whole"))


@pytest.mark.slow
@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_a_search_killed_at_any_step_ends_with_the_same_weights_and_probabilities(tmp_path, method):
    whole = after_the_last_epoch(method, tmp_path / "whole")
    rng = random.Random(f"kill {method}")
    for number, step in enumerate(rng.sample(range(SAVE_EVERY + 1, EPOCHS * steps_of_an_epoch()), 3)):
        killed(method, tmp_path / str(number), step)
        assert_equal(after_the_last_epoch(method, tmp_path / str(number)), whole)


def test_a_damaged_checkpoint_is_named(tmp_path):
    with pytest.raises(KilledError):
        gradient_search(Planted, planted(0).task, settings=QUICK, seeds=1, folder=tmp_path, report=kill)
    (tmp_path / "run-0.safetensors").write_bytes(b"nothing")
    with pytest.raises(StorageError, match=r"run-0\.safetensors is damaged.*\n.*begins anew"):
        gradient_search(Planted, planted(0).task, settings=QUICK, seeds=1, folder=tmp_path)
