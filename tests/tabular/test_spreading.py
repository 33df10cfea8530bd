"""Seeds spread over columns are the replicates that a seed column would make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from searchitect.errors import SearchitectError
from searchitect.trial import Fidelity
from tests.tabular.tables import at, opened

WIDE = """
table = "table.csv"
decisions = ["depth"]
signal = "valid_acc_seed{seed}"
truth = "test_acc_seed{seed}"
cost = "seconds"
"""


def wide() -> dict[str, list[Any]]:
    return {
        "depth": [1, 2],
        "valid_acc_seed0": [0.5, 0.6],
        "valid_acc_seed11": [0.4, 0.8],
        "test_acc_seed0": [0.5, 0.7],
        "test_acc_seed11": [0.3, 0.5],
        "seconds": [3, 4],
        "params": [10, 20],
    }


def test_columns_by_seed_are_replicates(tmp_path: Path) -> None:
    benchmark = opened(tmp_path, wide(), WIDE)
    member = at(benchmark, depth=2)
    assert benchmark.replicates == 2
    assert [benchmark.measure(member, replicate=n)["valid_acc"] for n in (0, 1)] == [0.6, 0.8]
    assert benchmark.truth == "test_acc_mean"
    assert benchmark.measure(member)["test_acc_mean"] == pytest.approx(0.6)
    assert set(benchmark.measure(member)) == {"valid_acc", "test_acc", "test_acc_mean", "seconds", "params"}
    assert benchmark.cost(member) == 4


def test_seeds_and_epochs_may_stand_in_one_name(tmp_path: Path) -> None:
    columns = {"depth": [1, 2]} | {
        f"acc_{epochs}_seed{seed}": [epochs / 100 + seed / 10] * 2 for epochs in (3, 9) for seed in (0, 1)
    }
    text = 'table = "table.csv"\ndecisions = ["depth"]\nsignal = "acc_{epochs}_seed{seed}"\n'
    benchmark = opened(tmp_path, columns, text)
    member = at(benchmark, depth=1)
    assert (benchmark.epochs, benchmark.fidelities) == (9, (3,))
    assert benchmark.measure(member, Fidelity(epochs=3), 1)["acc"] == pytest.approx(0.13)


def test_seeds_in_columns_and_epochs_in_rows_go_together(tmp_path: Path) -> None:
    columns = {"depth": [1, 1, 2, 2], "epoch": [1, 2] * 2, "acc_0": [0.1, 0.2, 0.3, 0.4], "acc_1": [0.5, 0.6, 0.7, 0.8]}
    text = 'table = "table.csv"\ndecisions = ["depth"]\nepochs = "epoch"\nsignal = "acc_{seed}"\n'
    benchmark = opened(tmp_path, columns, text)
    member = at(benchmark, depth=2)
    assert [benchmark.measure(member, Fidelity(epochs=1), n)["acc"] for n in (0, 1)] == [0.3, 0.7]
    assert benchmark.measure(member)["acc_mean"] == pytest.approx(0.6)


def test_a_seed_that_is_missing_can_be_dropped(tmp_path: Path) -> None:
    columns = wide() | {"valid_acc_seed11": [0.4, ""]}
    with pytest.raises(SearchitectError, match="valid_acc is missing in 1 of 4 rows"):
        opened(tmp_path, columns, WIDE)
    benchmark = opened(tmp_path, columns, WIDE + 'missing = "drop"')
    assert benchmark.measure(at(benchmark, depth=2))["test_acc_mean"] == 0.7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("valid_acc_seed{seed}", "valid_acc_sed{seed}", "no column like 'valid_acc_sed{seed}' with a seed"),
        ('cost = "seconds"', "replicates = true", "leave replicates out"),
        ("valid_acc_seed{seed}", "{seed}_{seed}", "it does so twice"),
    ],
)
def test_a_wrong_word_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SearchitectError) as caught:
        opened(tmp_path, wide(), WIDE.replace(old, new))
    assert message in str(caught.value)
