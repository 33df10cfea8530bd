"""Benchmarks open by name; a table that is absent is asked for by name and place. The published tables are whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from searchitect.catalog import vertex_cells
from searchitect.errors import ConfigError, TaskError
from searchitect.spaces import SearchSpace
from searchitect.tabular import benchmarks, open_benchmark
from searchitect.tabular.graph_cells import graph_of
from searchitect.tabular.pool import PoolSpace
from searchitect.tabular.table_benchmark import TableBenchmark
from searchitect.trial import Fidelity
from tests.shared_data import shared
from tests.tabular.tables import BRIEF, grid, opened


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No table on this machine."""
    monkeypatch.delenv("SEARCHITECT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_an_absent_table_says_where_it_was_looked_for(nowhere: Path) -> None:
    with pytest.raises(TaskError, match="looked for") as caught:
        open_benchmark("nasbench201/cifar10")
    assert str(nowhere / "cache" / "searchitect") in str(caught.value)
    assert "SEARCHITECT_DATA" in str(caught.value.hint)
    assert {one.name: one.available for one in benchmarks()}["nasbench201/cifar10"] is False


@pytest.mark.parametrize("place", ["benchmarks/small/table.csv", "small.csv", "benchmarks/small.csv"])
def test_tables_are_found_in_the_argument_the_variable_and_the_cache(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    made = nowhere / "made"
    made.mkdir()
    opened(made, grid())
    text = BRIEF.replace("table.csv", "small")
    (nowhere / "bench.toml").write_text(text, "utf-8")
    for folder in ("argument", "variable", "cache/searchitect"):
        target = nowhere / folder / place.replace("table.csv", "table.parquet")
        target.parent.mkdir(parents=True)
        if target.suffix == ".parquet":
            _as_parquet(made / "table.csv", target)
        else:
            target.write_bytes((made / "table.csv").read_bytes())
        if folder == "variable":
            monkeypatch.setenv("SEARCHITECT_DATA", str(nowhere / folder))
        data = nowhere / folder if folder == "argument" else None
        assert len(list(open_benchmark(str(nowhere / "bench.toml"), data).members())) == 6
        target.unlink()


def _as_parquet(source: Path, target: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet as pq

    pq.write_table(pyarrow.csv.read_csv(source), target)


def test_the_table_itself_may_be_named(nowhere: Path) -> None:
    opened(nowhere, grid())
    (nowhere / "table.csv").rename(nowhere / "moved.csv")
    assert len(list(open_benchmark(str(nowhere / "bench.toml"), nowhere / "moved.csv").members())) == 6


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nasbench202", "nasbench201"),
        ("nasbench201/cifar11", "cifar10"),
        ("nowhere.toml", None),
        ("../../etc/passwd", None),
        ("my_table.csv", "write a description"),
    ],
)
def test_a_wrong_name_gets_the_nearest(nowhere: Path, name: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        open_benchmark(name)
    assert hint is None or hint in str(caught.value.hint)


def test_every_packaged_description_is_listed_with_a_sentence() -> None:
    listed = benchmarks()
    names = [one.name for one in listed]
    assert len(set(names)) == len(names) > 80
    assert all(len(one.about) > 20 for one in listed)


# ---- the published tables

COUNTS = {
    "nasbench201/cifar10": (15_625, 94.373),
    "nasbench201/cifar100": (15_625, 73.513),
    "nasbench201/imagenet16_120": (15_625, 47.311),
    "nasbench201_hardware/cifar100": (15_625, 73.513),
    "nasbench201_latency/cifar10": (15_625, 94.373),
    "nasbench201_proxies/cifar10": (15_625, 94.373),
    "nasbench201_robustness": (15_625, 58.8),
    "nasbench101": (30_001, 94.912),
    "transnas_micro/jigsaw": (4_096, 95.273),
    "transnas_macro/class_scene": (3_256, 65.272),
    "transnas_macro/room_layout": (3_256, -0.516),
    "nasbench_graph/cora": (26_206, 83.133),
    "nasbench_graph/proteins": (2_021, 79.263),
    "nasbench_nlp": (340, 4.516),
    "accel": (5_125, 67.052),
    "digits_bench": (1_248, 0.993816),
    "ec_nas/5_vertices": (2_532, 76.252),
    "ec_nas/4_vertices": (91, 73.127),
    "help_fbnet/pixel2": (5_000, None),
    "help_ofa/v100_batch_1": (5_000, 6.763),
}


def published(name: str) -> TableBenchmark:
    found = open_benchmark(name, shared("benchmarks"))
    assert isinstance(found, TableBenchmark)
    return found


@pytest.mark.data
@pytest.mark.parametrize("name", COUNTS)
def test_a_published_table_has_its_size_and_its_best(name: str) -> None:
    benchmark = published(name)
    members, best = COUNTS[name]
    assert len(benchmark) == len(list(benchmark.members())) == members
    objective = benchmark.objective(benchmark.truth)
    truths = [benchmark.measure(a)[benchmark.truth] for a in benchmark.members()]
    if best is not None:
        assert min(truths, key=objective.loss) == pytest.approx(best, abs=6e-4)
    space, rng = SearchSpace.of(benchmark.space), random.Random(0)
    for _ in range(20):
        member = space.sample(rng)
        assert not benchmark.check(member)
        assert not benchmark.check(space.mutate(member, rng))
        assert benchmark.cost(member) > 0


@pytest.mark.data
def test_nasbench201_agrees_with_a_quoted_record() -> None:
    """Index 0 as committed by the benchmark's authors: 0.129306 M parameters, 15.64737 M FLOPs."""
    benchmark = published("nasbench201/cifar10")
    first = next(benchmark.members())
    measured = benchmark.measure(first)
    assert measured["params_million"] == pytest.approx(0.129306)
    assert measured["flops_million"] == pytest.approx(15.64737)
    assert benchmark.cost(first) == pytest.approx(200 * 15.64737)
    assert benchmark.cost(first, Fidelity(epochs=12)) == pytest.approx(12 * 15.64737)
    early = benchmark.measure(first, Fidelity(epochs=12))["valid_accuracy_percent"]
    assert early == measured[benchmark.signals["valid12"]] == pytest.approx(63.364, abs=1e-3)


@pytest.mark.data
def test_hardware_is_joined_row_by_row() -> None:
    """Cell 0 on CIFAR-10 as printed by the authors of HW-NAS-Bench."""
    measured = published("nasbench201_hardware/cifar10").measure(next(published("nasbench201/cifar10").members()))
    assert measured["edgegpu_latency_ms"] == pytest.approx(5.8074, abs=1e-4)
    assert measured["fpga_energy_mj"] == pytest.approx(18.01072, abs=1e-4)
    assert published("nasbench201_hardware/cifar10").objective("raspi4_latency_ms").direction == "minimize"


@pytest.mark.data
def test_a_vertex_order_of_nasbench101_does_not_matter() -> None:
    benchmark = published("nasbench101")
    space = SearchSpace.of(benchmark.space)
    assert isinstance(space, PoolSpace)
    found = 0
    for member in list(benchmark.members())[:400]:
        swapped = _swapped(dict(member.items()))
        if swapped is None:
            continue
        from searchitect.spaces import Architecture

        other = Architecture(space.digest, swapped)
        if other == member:
            continue
        found += 1
        assert benchmark.check(other) == ()
        assert benchmark.measure(other) == benchmark.measure(member)
        assert space.key(other) == space.key(member)
    assert found > 50


def _swapped(values: dict[str, Any]) -> dict[str, Any] | None:
    """Exchange the vertices 1 and 2 where no edge joins them: the same graph, written in another order."""
    last = 6
    if values["edge_1_2"]:
        return None
    names = {1: 2, 2: 1}
    edges = {(names.get(i, i), names.get(j, j)) for i, j in graph_of(values, last).edges}
    out = {path: (int(path.split("_")[1]), int(path.split("_")[2])) in edges for path in values if path[:4] == "edge"}
    return {**out, **{p: v for p, v in values.items() if p[:2] == "op"}, "op_1": values["op_2"], "op_2": values["op_1"]}


@pytest.mark.data
def test_the_cells_of_nasbench1shot1_are_rows_of_nasbench101() -> None:
    part, pool = published("nasbench1shot1/1"), published("nasbench101")
    assert 500 < len(part) < 14_580
    rng = random.Random(0)
    members = list(part.members())
    for member in rng.sample(members, 20):
        cell = vertex_cells.from_vertex_strings(*vertex_cells.to_vertex_strings(member.decisions))
        assert part.measure(member)["params"] > 0
        first, second = vertex_cells.graph_of(cell, 7), vertex_cells.graph_of(member.decisions, 6)
        assert vertex_cells.module_hash(*first) == vertex_cells.module_hash(*second)
    best = max(part.measure(member)[part.truth] for member in members)
    assert best <= max(pool.measure(member)[pool.truth] for member in pool.members())
    space = SearchSpace.of(part.space)
    assert sum(not part.check(space.sample(rng)) for _ in range(300)) > 5


@pytest.mark.data
def test_a_part_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="nasbench1shot1 has no part '4'"):
        published("nasbench1shot1/4")
