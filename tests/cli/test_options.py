"""The options of `run` and `plan` and the keys of a settings file are one list."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from searchitect.cli.options import _SETTINGS
from searchitect.config import RunSettings
from tests.cli.conftest import Answer, FakeApi

Typed = Callable[..., Answer]


def test_every_setting_has_an_option_and_the_rest_are_for_files_only() -> None:
    assert set(_SETTINGS) <= set(RunSettings.names())
    assert set(RunSettings.names()) - set(_SETTINGS) == {"confirm_seeds", "recipe"}


@pytest.mark.parametrize("command", ["run", "plan"])
def test_help_names_every_option(typed: Typed, command: str) -> None:
    answer = typed(command, "--help")
    assert answer.code == 0
    for name in set(_SETTINGS) - {"task", "random"}:
        assert f"--{name.replace('_', '-')}" in answer.out
    assert "--no-random" in answer.out


def test_what_is_not_given_keeps_its_default(api: FakeApi, typed: Typed) -> None:
    assert typed("run", "digits").code == 0
    [(_, _, given)] = api.calls
    assert given["random_search"] is True
    assert given["deterministic"] is False
    assert given["objectives"] is None
    assert given["strategy"] == "auto"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "digits", "--bugdet", "5min"), "--budget"),
        (("rnu",), "run"),
        (("run", "digits", "--trials", "many"), "'--trials'"),
        (("resume",), "STUDY"),
        (("list", "spacess"), "spaces"),
    ],
)
def test_a_wrong_command_line_is_exit_code_two(typed: Typed, words: tuple[str, ...], expected: str) -> None:
    answer = typed(*words)
    assert (answer.code, answer.out) == (2, "")
    assert expected in answer.err


def test_zero_trials_are_refused(api: FakeApi, typed: Typed) -> None:
    answer = typed("run", "digits", "--trials", "0")
    assert answer.code == 1
    assert answer.err == "error: trials must be a positive whole number, got 0\n"


def test_version_is_printed(typed: Typed) -> None:
    answer = typed("--version")
    assert answer.code == 0
    assert answer.out.startswith("searchitect 0.")
