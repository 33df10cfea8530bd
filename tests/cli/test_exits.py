"""How commands end."""

from __future__ import annotations

import signal
import threading

import pytest
import typer

from searchitect.cli.exits import ExitCode, Terminated, boundary, stoppable
from searchitect.errors import SpaceError


def _code_of(error: BaseException) -> int:
    with pytest.raises(typer.Exit) as caught, boundary():
        raise error
    return int(caught.value.exit_code)


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (SpaceError("bad space", hint="try X"), 1, "error: bad space\n  hint: try X\n"),
        (
            OSError(28, "No space left on device", "runs/a"),
            1,
            "error: No space left on device: runs/a\n  hint: free some space and run it again: nothing is lost\n",
        ),
        (PermissionError(13, "Permission denied", "runs"), 1, "error: Permission denied: runs\n"),
        (BrokenPipeError(), 1, ""),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C.\n"),
        (Terminated(), 143, "stopped by SIGTERM.\n"),
    ],
)
def test_each_error_has_its_code_and_one_sentence(
    error: BaseException, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _code_of(error) == code
    assert capsys.readouterr().err == sentence


def test_an_unforeseen_error_is_ours_and_names_debug(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code_of(ZeroDivisionError("division by zero\nsecond line")) == ExitCode.OUR_FAULT
    said = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in said
    assert "second line" not in said
    assert "--debug" in said


def test_with_debug_the_traceback_stays() -> None:
    with pytest.raises(SpaceError), boundary(debug=True):
        raise SpaceError("bad space")


def test_an_exit_code_passes_through() -> None:
    assert _code_of(typer.Exit(3)) == 3


def test_sigterm_unwinds_like_ctrl_c_and_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    done: list[bool] = []

    def work() -> None:
        with stoppable():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
