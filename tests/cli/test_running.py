"""`run`, `plan`, `resume`, `doctor` hand everything to the front door and print what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from searchitect.errors import ConfigError
from tests.cli.conftest import Answer, FakeApi

Typed = Callable[..., Answer]

MANIFEST = {
    "kind": "manifest",
    "study": "digits-7",
    "space": {"name": "Net"},
    "strategy": {"name": "random"},
    "settings": {"objectives": ["maximize accuracy"], "constraints": ["parameters<=20000"]},
}


def test_every_option_reaches_the_search(api: FakeApi, typed: Typed) -> None:
    words = """run digits --group patient --time day --space mlp --strategy random --trials 5 --budget 5min
    --until accuracy>=0.95 --workers 2 --memory 2GB --seed 7 --objective accuracy --objective parameters
    --constraint parameters<=1e5 --device cpu --store s.db --out runs/x --name mine --epochs 3 --deterministic
    --no-random --profile --allow-changed-code --option startup=5 --option model=trees --option exact=true
    --warm-start old --warm-start @s.db --devices phone --confidence 0.9 --proxies nwot,flops --stopping median
    --prune-space --scenarios places.toml --size 2 --reference runs/old --executor ray --ray-address auto
    --trial-cpus 2 --trial-gpus 0.25 --trial-seconds 60 --hang-seconds 30 --retries 1 --max-failures 0.5 --disk 1GB
    --ranks 4 --artifacts s3://bucket/runs"""
    assert typed(*words.split()).code == 0
    [(name, _, given)] = api.calls
    recipe = given.pop("recipe")
    del given["on_event"]
    assert name == "search"
    assert recipe.epochs == 3
    assert given == {
        "data": "digits",
        "target": None,
        "groups": "patient",
        "time": "day",
        "space": "mlp",
        "strategy": "random",
        "options": {"startup": 5, "model": "trees", "exact": True},
        "warm_start": ["old", "@s.db"],
        "objectives": ("accuracy", "parameters"),
        "constraints": ("parameters<=1e5",),
        "trials": 5,
        "budget": "5min",
        "until": "accuracy>=0.95",
        "workers": 2,
        "memory": "2GB",
        "seed": 7,
        "device": "cpu",
        "store": "s.db",
        "name": "mine",
        "folder": "runs/x",
        "artifacts": "s3://bucket/runs",
        "random_search": False,
        "confirm_seeds": 3,
        "deterministic": True,
        "profile": True,
        "allow_changed_code": True,
        "devices": ("phone",),
        "confidence": 0.9,
        "proxies": "nwot,flops",
        "stopping": "median",
        "prune_space": True,
        "scenarios": "places.toml",
        "size": 2,
        "reference": "runs/old",
        "executor": "ray",
        "ray_address": "auto",
        "trial_cpus": 2.0,
        "trial_gpus": 0.25,
        "trial_seconds": 60.0,
        "hang_seconds": 30.0,
        "retries": 1,
        "max_failures": 0.5,
        "disk": "1GB",
        "ranks": 4,
    }


def test_the_command_line_wins_over_the_settings_file(api: FakeApi, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('task = "wine"\ntrials = 9\nseed = 4\n')
    assert typed("run", "digits", "--config", str(tmp_path / "run.toml"), "--trials", "2").code == 0
    [(_, _, given)] = api.calls
    assert (given["data"], given["trials"], given["seed"]) == ("digits", 2, 4)


def test_json_prints_the_document_alone(api: FakeApi, typed: Typed) -> None:
    api.events = [MANIFEST]
    answer = typed("run", "digits", "--json")
    assert json.loads(answer.out) == {"study": "digits-plain_cnn", "stopped_by": "budget"}
    assert answer.err.startswith("study digits-7: space Net, random")


def test_quiet_says_nothing_on_the_way(api: FakeApi, typed: Typed) -> None:
    api.events = [MANIFEST]
    answer = typed("run", "digits", "--quiet")
    assert answer.err == ""
    assert "verdict    The search did not help." in answer.out


def test_a_study_without_a_winner_has_its_own_exit_code(api: FakeApi, typed: Typed) -> None:
    api.result.best = None
    answer = typed("run", "digits")
    assert answer.code == 3
    assert "none: no trial was complete" in answer.out


@pytest.mark.parametrize("words", [("run",), ("plan",)])
def test_without_data_a_run_says_what_to_type(api: FakeApi, typed: Typed, words: tuple[str, ...]) -> None:
    answer = typed(*words)
    assert (answer.code, answer.out, api.calls) == (1, "", [])
    assert "searchitect run digits" in answer.err


def test_a_wrong_budget_is_refused_before_anything_starts(api: FakeApi, typed: Typed) -> None:
    answer = typed("run", "digits", "--budget", "soon")
    assert (answer.code, api.calls) == (1, [])
    assert (
        answer.err
        == "error: cannot read the budget 'soon'\n  hint: write 90s, 5min or 1h30m; 500trials; 2kWh, 500Wh or 300kJ\n"
    )


def test_after_ctrl_c_the_command_to_go_on_is_named(api: FakeApi, typed: Typed) -> None:
    api.events, api.failure = [MANIFEST], KeyboardInterrupt()
    answer = typed("run", "digits", "--store", "my.db")
    assert answer.code == 130
    assert answer.err.endswith("To go on: searchitect resume digits-7 --store my.db\n")


def test_ctrl_c_before_the_first_event_says_that_nothing_had_started(api: FakeApi, typed: Typed) -> None:
    api.failure = KeyboardInterrupt()
    assert typed("run", "digits").err == "stopped by Ctrl-C. Nothing had started.\n"


def test_resume_goes_on_with_the_study_of_that_name(api: FakeApi, typed: Typed) -> None:
    answer = typed("resume", "digits-7", "--store", "my.db", "--json")
    assert json.loads(answer.out)["study"] == "digits-plain_cnn"
    [(name, arguments, _)] = api.calls
    assert (name, arguments) == ("resume", ("digits-7", "my.db"))


def test_an_interrupted_resume_still_knows_its_name(api: FakeApi, typed: Typed) -> None:
    api.failure = KeyboardInterrupt()
    assert "searchitect resume digits-7" in typed("resume", "digits-7").err


def test_the_plan_is_printed_as_lines_or_as_json(api: FakeApi, typed: Typed) -> None:
    lines = typed("plan", "digits").out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["search", "random", "confirmation", "baselines,"]
    document = json.loads(typed("plan", "digits", "--json").out)
    search, random, confirmation, rest = document["rows"]
    assert [row["what"] for row in document["rows"]][:3] == ["search", "random search", "confirmation"]
    assert search["evaluations"] == {"about": document["expected_trials"]} == random["evaluations"]
    assert confirmation["evaluations"] == {"at_most": 18}
    assert rest["evaluations"] is None
    assert all(isinstance(row["seconds"], float) for row in document["rows"])
    assert sum(row["seconds"] for row in document["rows"]) == pytest.approx(300.0)
    assert document["search_fidelity"]["epochs"] > 0
    assert api.calls[0][1][0]["data"] == "digits"


def test_the_doctor_prints_its_lines_or_its_document(api: FakeApi, typed: Typed) -> None:
    assert typed("doctor", "mlp", "digits").out == "size 6\nno dead decisions\n"
    assert json.loads(typed("doctor", "mlp", "--json").out) == {"size": 6}
    assert [call[1] for call in api.calls] == [("mlp", "digits"), ("mlp", None)]


def test_an_error_of_the_search_is_one_sentence(api: FakeApi, typed: Typed) -> None:
    api.failure = ConfigError("no such thing", hint="type this")
    answer = typed("run", "digits")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "error: no such thing\n  hint: type this\n"


def test_debug_lets_the_error_through(api: FakeApi, typed: Typed) -> None:
    api.failure = ConfigError("no such thing")
    with pytest.raises(ConfigError, match="no such thing"):
        typed("run", "digits", "--debug")
