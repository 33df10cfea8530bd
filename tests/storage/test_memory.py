from __future__ import annotations

import pytest

from searchitect.storage import MemoryStore, Store
from searchitect.testing.storage import StoreContract, store_machine

TestMachine = store_machine(MemoryStore).TestCase


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
