"""Every reader of what comes from outside, each with valid files to begin from."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import pickle
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["READERS", "Reader", "seeds"]

LIMIT = 1 << 20
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Reader:
    """How one kind of file is read.

    Attributes:
        file: its name.
        read: takes its path; raises `SearchitectError` for what it refuses.
        make: valid contents.
    """

    name: str
    file: str
    read: Callable[[Path], object]
    make: Callable[[], Iterator[bytes]]


READERS: dict[str, Reader] = {}


def reader(name: str, file: str, make: Callable[[], Iterator[bytes]]) -> Callable[[Any], Any]:
    def add(read: Callable[[Path], object]) -> Callable[[Path], object]:
        READERS[name] = Reader(name, file, read, make)
        return read

    return add


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    """Valid contents of a reader's files."""
    return tuple(READERS[name].make())


def _json(*documents: Any) -> Callable[[], Iterator[bytes]]:
    return lambda: (json.dumps(document).encode() for document in documents)


def _text(*texts: str) -> Callable[[], Iterator[bytes]]:
    return lambda: (text.encode() for text in texts)


# ---- documents

ARCHITECTURE = {
    "space": "1283",
    "decisions": {"width": 16, "rate": 0.001, "pool": "max", "inputs": [0, 2], "off": None},
}


@reader("architecture JSON", "a.json", _json(ARCHITECTURE, {"architecture": ARCHITECTURE}, ARCHITECTURE["decisions"]))
def _(path: Path) -> object:
    from searchitect.api.supernet_files import read_architecture

    return read_architecture(path)


def _documents() -> Iterator[bytes]:
    task = {
        "name": "iris",
        "kind": "classification",
        "spec": {"kind": "classification", "inputs": [4], "outputs": 3, "domain": "table"},
        "labels": ["a", "b", "c"],
        "preprocessing": {"kind": "table"},
    }
    known = {"format": "searchitect.architecture", "version": 1, "space": {"catalog": "mlp", "parameters": {}}}
    yield json.dumps(known | {"task": task, "recipe": {}, "architecture": ARCHITECTURE}).encode()


@reader("exported model's JSON", "architecture.json", _documents)
def _(path: Path) -> object:
    from searchitect.deploy.document import read_document

    return read_document(path)


LAYERS = [{"type": "Conv2D", "filters": [32, 64], "kernel_size": [3, 5]}, {"type": "Dense", "units": [10, 20]}]


@reader("layers JSON", "layers.json", _json({"layers": LAYERS}, LAYERS, {"layers": ["conv", "pool"], "length": [2, 6]}))
def _(path: Path) -> object:
    from searchitect.catalog.layer_files import read_layers

    return read_layers(path)


TOML_LAYERS = """
length = [2, 4]

[[layers]]
type = "Conv2D"
filters = [32, 64]
kernel_size = [3, 5]

[[layers]]
type = "Dropout"
rate = 0.5
"""


@reader("layers TOML", "layers.toml", _text(TOML_LAYERS, 'layers = ["conv", "pool", "fc"]\nlength = [2, 6]\n'))
def _(path: Path) -> object:
    from searchitect.catalog.layer_files import read_layers

    return read_layers(path)


SCENARIOS = """
[[scenario]]
name = "phone"
device = "phone"
limits = ["latency_ms<=20@0.9", "parameters<=1e6"]
weights = { accuracy = 1.0, latency_ms = 0.1 }
importance = 2

[[scenario]]
name = "night"
slice = "label == 'shirt' and age >= 60"
corruption = "noise"
severity = 3
confidence = 0.9
"""


@reader("scenarios TOML", "scenarios.toml", _text(SCENARIOS))
def _(path: Path) -> object:
    from searchitect.portfolio.scenario import objectives_of, scenarios_of

    return objectives_of(scenarios_of(path), "accuracy")


def _profiles() -> Iterator[bytes]:
    for path in sorted((ROOT / "src" / "searchitect" / "hardware" / "profiles").glob("*.toml")):
        yield path.read_bytes()


@reader("device TOML", "board.toml", _profiles)
def _(path: Path) -> object:
    from searchitect.hardware.devices import device

    return device(path)


def _calibrations() -> Iterator[bytes]:
    from searchitect.hardware.calibration import FEATURES
    from searchitect.hardware.devices import device

    known = device("phone").to_json()
    networks = [
        {
            "architecture": f"a{i}",
            "features": [1.0 + i] * len(FEATURES),
            "references_ms": [2.0 + i],
            "median_ms": 3.0 + i,
        }
        for i in range(10)
    ]
    calibration = {"features": list(FEATURES), "about": "x", "references": [known], "networks": networks}
    yield json.dumps(known | {"name": "board", "calibration": calibration}).encode()


@reader("device JSON", "board.json", _calibrations)
def _(path: Path) -> object:
    from searchitect.hardware.devices import device

    return device(path)


CONFIG = """
task = "digits"
space = "plain_cnn"
budget = "5min"
objective = ["accuracy", "minimize latency_ms"]
constraint = ["parameters<=100000", "latency_ms_phone<=20@0.9"]
workers = 2
seed = 7
deterministic = true

[recipe]
optimizer = "sgd"
learning_rate = 0.05

[option]
population_size = 20
"""


@reader("settings TOML", "run.toml", _text(CONFIG))
def _(path: Path) -> object:
    from searchitect.config import parse_budget, read_settings
    from searchitect.objectives import parse_constraint, parse_objective

    found = read_settings(path)
    parse_budget(found.budget)
    return [*map(parse_objective, found.objective), *map(parse_constraint, found.constraint)]


DESCRIPTION = """
table = "table.csv"
about = "six nets"
decisions = ["depth", "op"]
signal = "valid_accuracy"
truth = "test_accuracy"
cost = { column = "train_seconds", unit = "s" }
measurements = ["valid_accuracy", "*_accuracy"]
directions = { valid_accuracy = "maximize" }
missing = "drop"
where = { op = ["conv", "pool", "skip"] }
"""
PATTERN = """
table = "table.csv"
architecture = { column = "arch", pattern = "{depth}-{width}" }
signals = { valid = "valid_accuracy", test = "test_accuracy" }
epochs = 12
[variants]
dataset = ["one", "two"]
"""
TABLE = (
    b"depth,op,arch,valid_accuracy,test_accuracy,train_seconds,curve\n"
    + b"".join(
        b'%d,%b,%d-%d,0.%d,0.%d,%d,"[0.1, 0.2]"\n'
        % (i // 3 + 1, op, i // 3 + 1, 16 * (i % 3 + 1), i + 2, i + 3, 10 + i)
        for i, op in enumerate([b"conv", b"pool", b"skip"] * 2)
    )
)  # fmt: skip


@reader("table description TOML", "table.toml", _text(DESCRIPTION, PATTERN))
def _(path: Path) -> object:
    from searchitect.tabular.opening import open_benchmark

    table = path.with_name("table.csv")
    if not table.exists() or table.read_bytes() != TABLE:
        raise AssertionError("the table of this reader is missing")
    return open_benchmark(str(path))


@reader("benchmark table CSV", "table.csv", lambda: iter([TABLE]))
def _(path: Path) -> object:
    from searchitect.tabular.opening import open_benchmark

    return open_benchmark(str(path.with_name("fixed.toml")))


# ---- journals

JOURNAL = "journal"


def _journals() -> Iterator[bytes]:
    from searchitect.storage.events import encode
    from searchitect.storage.memory import MemoryStore
    from tests.study.parts import FakeExecutor, FakeJudge, Limit, make_study, run

    store = MemoryStore()
    study = make_study(store=store, recorded={"folder": None})
    run(study, FakeExecutor(), judge=FakeJudge(), search=Limit(trials=4), confirm_count=1, confirm_seeds=1)
    yield "\n".join(encode(event) for _, event in store.journal(study.name).read()).encode()


@reader("journal of a study", "journal.jsonl", _journals)
def _(path: Path) -> object:
    from searchitect.result import read_result
    from searchitect.storage.events import decode

    text = path.read_bytes().decode("latin-1")
    events = [decode(line, "one", position) for position, line in enumerate(text.split("\n"), start=1)]
    result = read_result(events)
    return result.document()


def _stores() -> Iterator[bytes]:
    import tempfile

    from searchitect.storage import open_store

    with tempfile.TemporaryDirectory() as folder:
        store = open_store(str(Path(folder) / "s.db"))
        journal = store.journal("one", create=True)
        for number in range(20):
            journal.append({"kind": "note", "number": number})
        store.close()
        yield (Path(folder) / "s.db").read_bytes()


@reader("store (SQLite)", "s.db", _stores)
def _(path: Path) -> object:
    from searchitect.storage import open_store

    for beside in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    store = open_store(str(path))
    try:
        return [list(store.journal(info.name).read()) for info in store.studies()]
    finally:
        store.close()


# ---- data


def _idx() -> Iterator[bytes]:
    images = struct.pack(">HBBIII", 0, 8, 3, 5, 4, 4) + bytes(range(80))
    yield images
    yield gzip.compress(images, mtime=0)
    yield struct.pack(">HBBI", 0, 8, 1, 5) + bytes(5)
    yield struct.pack(">HBBII", 0, 0x0E, 2, 3, 2) + np.arange(6, dtype=">f8").tobytes()


@reader("IDX", "train-images-idx3-ubyte", _idx)
def _(path: Path) -> object:
    from searchitect.tasks.idx import read_idx

    return read_idx(path, LIMIT)


def _npz() -> Iterator[bytes]:
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, X=np.arange(24.0).reshape(6, 4), y=np.arange(6) % 2, class_names=np.array(["a", "b"]))
        yield stream.getvalue()


@reader("npz", "data.npz", _npz)
def _(path: Path) -> object:
    from searchitect.tasks.examples import Reading
    from searchitect.tasks.npz import read_npz

    return read_npz({"train": path}, Reading(max_bytes=LIMIT))


CSV = "a,b,c,target\n1,2.5,x,yes\n3,,y,no\n4,1e3,x,yes\n" + "5,1,z,no\n" * 6


@reader(
    "CSV",
    "data.csv",
    lambda: iter([CSV.encode(), gzip.compress(CSV.encode(), mtime=0), b"\xef\xbb\xbf" + CSV.encode()]),
)
def _(path: Path) -> object:
    from searchitect.tasks.examples import Reading
    from searchitect.tasks.table_files import read_tables

    return read_tables({"train": path}, Reading(max_bytes=LIMIT))


def _parquet() -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"a": [1.0, None, 3.0], "b": ["x", "y", None], "c": [1, 2, 3], "target": ["u", "v", "u"]})
    for compression in ("snappy", "none", "gzip"):
        stream = io.BytesIO()
        pq.write_table(table, stream, compression=compression)
        yield stream.getvalue()


@reader("parquet", "data.parquet", _parquet)
def _(path: Path) -> object:
    from searchitect.tasks.table_files import read_columns

    return read_columns(path, LIMIT)


def _images() -> Iterator[bytes]:
    from PIL import Image

    picture = Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3))
    for form in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"):
        stream = io.BytesIO()
        picture.save(stream, form)
        yield stream.getvalue()


@reader("images", "one.png", _images)
def _(path: Path) -> object:
    from searchitect.tasks.images import ImageFiles

    return ImageFiles((path,), "RGB", (8, 8)).load()


LATENCIES = (
    "model,sha256,architecture,device,runtime,threads,median_ms,q1_ms,q3_ms,times_ms\n"
    f"a.onnx,{'0' * 64},abc,board,ORT,1,2.5,2.4,2.6,2.4 2.5 2.6\n"
    f"b.onnx,{'f' * 64},abd,board,ORT,1,1e-2,,,\n"
)


@reader("latency CSV", "latency.csv", _text(LATENCIES))
def _(path: Path) -> object:
    from searchitect.hardware.latency_file import read_latencies

    return read_latencies(path)


# ---- strings

NATS = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|"
DARTS = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], reduce_concat=[2, 3, 4, 5])"
)


@reader("cell strings", "cells.txt", _text(NATS, DARTS, "64-41414-1_02_333", "0 0 0 1 1 2 1 2 0 2 0 5 0"))
def _(path: Path) -> object:
    from searchitect.catalog.cell_strings import from_nats_string, from_transnas_string
    from searchitect.catalog.darts_strings import from_darts_string
    from searchitect.catalog.enas_strings import from_enas_string
    from searchitect.errors import SearchitectError

    text, refusals = path.read_bytes().decode("utf-8", "replace"), []
    for read in (from_nats_string, from_transnas_string, from_darts_string, from_enas_string):
        try:
            read(text)
        except SearchitectError as error:
            refusals.append(error)
    if len(refusals) == 4:
        raise refusals[0]
    return text


@reader("warm-start strings", "cells.txt", _text(f"{NATS}\t0.9\n# a note\n{NATS}\t0.8\n"))
def _(path: Path) -> object:
    from searchitect import catalog
    from searchitect.api import import_trials

    return import_trials(f"strings:{path}", catalog.nasbench201())


# ---- pickles and weights


def _pickles() -> Iterator[bytes]:
    plain = {"a": [1, 2.5, "x", None, True], ("cifar10", 777): {"b": {1: 0.5, 2: 0.25}}, "c": b"bytes"}
    for protocol in (0, 2, 4):
        yield pickle.dumps(plain, protocol)
    yield bz2.compress(pickle.dumps({"x": np.float64(0.5), "y": plain}, 2))
    yield gzip.compress(pickle.dumps(plain, 2), mtime=0)


@reader("pickle of a table", "meta.pickle.pbz2", _pickles)
def _(path: Path) -> object:
    from searchitect.tabular.plain_pickles import read_pickle

    return read_pickle(path, LIMIT)


def _model() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def _weights() -> Iterator[bytes]:
    from safetensors.torch import save

    state: Mapping[str, Any] = _model().state_dict()
    yield save(dict(state), metadata={"format": "pt"})
    yield save(dict(state), metadata={"format": "pt", "layout": "channels_last", "notes": "{}"})


@reader("weights (safetensors)", "model.safetensors", _weights)
def _(path: Path) -> object:
    from searchitect.deploy.weights import load_weights
    from searchitect.spaces import Architecture

    return load_weights(path, _model(), Architecture("", {"a": 1}))


def _checkpoints() -> Iterator[bytes]:
    import torch
    from safetensors.torch import save

    from searchitect.training.continuing import VERSION

    notes = {"version": VERSION, "decisions": "{}", "total_epochs": 3.0, "history": [], "optimizer": {}}
    yield save({"body/w": torch.zeros(3, 2)}, metadata={"format": "pt", "notes": json.dumps(notes)})


@reader("checkpoint (safetensors)", "checkpoint.safetensors", _checkpoints)
def _(path: Path) -> object:
    from searchitect.training.continuing import read_checkpoint

    return read_checkpoint(path)
