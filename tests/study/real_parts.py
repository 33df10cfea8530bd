"""What worker processes evaluate in `test_real_messages.py`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from searchitect.evaluation import Context
from searchitect.trial import Proposal
from tests.study.parts import score

__all__ = ["Counted"]


class Counted:
    """The score of `parts`, after a moment; each run leaves the number of its trial in a file."""

    def __init__(self, folder: Path) -> None:
        self.ran = str(folder / "ran")

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        time.sleep(0.005 * (context.number % 4))
        context.report(1, score=0.1)
        with Path(self.ran).open("ab", buffering=0) as file:
            file.write(b"%d\n" % context.number)
        return {"score": score(proposal.architecture, context.seed)}
