from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small models gain nothing by threads, which wait for one another on a busy machine."""
    torch.set_num_threads(1)
