"""The *command line*: one thin command for each thing the front door can do.

`main` parses, calls `searchitect.api` and prints. Nothing heavy is imported before a command needs it, so `--help`
answers at once. Exit codes are listed in `exits`, options of a run in `options`; both are documented in docs/cli.md.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: what was typed after `searchitect`; of this process by default.
    """
    from searchitect.cli.application import app

    try:
        app(arguments, prog_name="searchitect")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
