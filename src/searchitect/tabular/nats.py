"""The official NATS-Bench files, read without running code, as one compact table.

Dong, Liu, Musial and Gabrys, "NATS-Bench", TPAMI 2021. Two layouts: a folder (`NATS-tss-v1_0-3ffb9-simple`) with
`meta.pickle.pbz2` and one `000000.pickle.pbz2` for each architecture, or one file that holds everything. An
architecture has results by length of training ("12", "200"; "01", "12", "90" in the size space); results hold runs by
(data set, seed); a run holds accuracies by "x-valid@199".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from searchitect.errors import MissingExtraError, TaskError
from searchitect.tabular.plain_pickles import MAX_BYTES, read_pickle

__all__ = ["import_nats", "rows_of"]

ENDING = ".pickle.pbz2"
MOST_ARCHITECTURES = 100_000
WHOLE_FILE = 8 * MAX_BYTES

SETS = {
    "cifar10": {"valid": ("cifar10-valid", "x-valid"), "test": ("cifar10", "ori-test")},
    "cifar100": {"valid": ("cifar100", "x-valid"), "test": ("cifar100", "x-test")},
    "imagenet16_120": {"valid": ("ImageNet16-120", "x-valid"), "test": ("ImageNet16-120", "x-test")},
}
"""Which runs and which examples a figure is of: the CIFAR-10 search trains on half of the training set."""

CELL = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")
EDGES = ("op_edge_0_1", "op_edge_0_2", "op_edge_1_2", "op_edge_0_3", "op_edge_1_3", "op_edge_2_3")


def import_nats(source: Path, out: Path) -> int:
    """Write the table of an official file or folder, and its description beside it; return the number of rows.

    Args:
        out: a parquet file; the description gets its name with `.toml`.

    Raises:
        TaskError: the source is not of the documented layout, or would run code.
        MissingExtraError: pyarrow is not installed.
    """
    if out.suffix != ".parquet":
        raise TaskError(f"the table is written as parquet, got {out.name!r}", hint=f"--out {out.stem}.parquet")
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("writing parquet", "data") from error
    rows = list(rows_of(source))
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, out, compression="zstd")
    out.with_suffix(".toml").write_text(_description(out.name, names, source.name), "utf-8")
    return len(rows)


def rows_of(source: Path) -> Iterator[dict[str, Any]]:
    """Yield one row for each architecture that has results, means over its seeds.

    Raises:
        TaskError: the source is not of the documented layout, or would run code.
    """
    found = 0
    for index, text, results in _architectures(source):
        row: dict[str, Any] = {"arch_index": index, "arch": text, **_decisions(text)}
        lengths = sorted((key for key in results if str(key).isdecimal()), key=int)
        for key in lengths:
            suffix = "" if key == lengths[-1] else f"_{int(key)}_epochs"
            row |= _figures(_runs(results[key], source), suffix)
        found += 1
        yield row
    if not found:
        raise TaskError(
            f"{source.name} holds no results", hint=f"expected 000000{ENDING} and so on beside meta{ENDING}"
        )


def _architectures(source: Path) -> Iterator[tuple[int, str, Mapping[Any, Any]]]:
    """Yield index, text and results by length of training."""
    if source.is_dir():
        texts = _texts(read_pickle(source / f"meta{ENDING}"), source)
        for index, text in enumerate(texts):
            for path in (source / f"{index:06d}{ENDING}", source / f"{index}{ENDING}"):
                if path.is_file():
                    yield index, text, _mapping(read_pickle(path), path.name)
                    break
        return
    if not source.is_file():
        raise TaskError(f"there is no {source}", hint="the folder NATS-tss-v1_0-3ffb9-simple, unpacked")
    whole = _mapping(read_pickle(source, WHOLE_FILE), source.name)
    texts = _texts(whole, source)
    for index, results in sorted(_mapping(whole.get("arch2infos"), source.name).items()):
        if isinstance(index, int) and 0 <= index < len(texts):
            yield index, texts[index], _mapping(results, source.name)


def _texts(meta: Any, source: Path) -> Sequence[str]:
    texts = meta.get("meta_archs") if isinstance(meta, Mapping) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise TaskError(f"{source.name} names no architectures", hint="expected a dictionary with 'meta_archs'")
    if len(texts) > MOST_ARCHITECTURES or len(set(texts)) < len(texts):
        raise TaskError(f"{source.name} names {len(texts):,} architectures, too many or one of them twice")
    return texts


def _decisions(text: str) -> dict[str, Any]:
    match = CELL.fullmatch(text)
    if match is not None:
        return dict(zip(EDGES, match.groups(), strict=True))
    widths = text.split(":")
    if not all(width.isdecimal() for width in widths):
        raise TaskError(f"an architecture of neither space of NATS-Bench: {text[:80]!r}")
    return {f"width_{place}": int(width) for place, width in enumerate(widths)}


def _runs(results: Any, source: Path) -> dict[str, list[Mapping[str, Any]]]:
    """Return the runs of each data set."""
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for key, run in _mapping(_mapping(results, source.name).get("all_results"), source.name).items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise TaskError(f"{source.name}: runs are named (data set, seed), got {str(key)[:60]!r}")
        runs.setdefault(str(key[0]), []).append(_mapping(run, source.name))
    return runs


def _figures(runs: Mapping[str, Sequence[Mapping[str, Any]]], suffix: str) -> dict[str, float]:
    figures: dict[str, float] = {}
    for dataset, parts in SETS.items():
        for part, (trained_on, examples) in parts.items():
            found = [_last(run, examples) for run in runs.get(trained_on, ())]
            _put(figures, f"{dataset}_{part}_accuracy{suffix}_percent", found)
        searched = runs.get(parts["valid"][0], ())
        _put(figures, f"{dataset}_train_seconds{suffix}", [_seconds(run) for run in searched])
        if not suffix:
            _put(figures, f"params_million_{dataset}", [run.get("params") for run in searched])
            _put(figures, f"flops_million_{dataset}", [run.get("flop") for run in searched])
    return figures


def _last(run: Mapping[str, Any], examples: str) -> Any:
    """Return the accuracy after the last epoch."""
    epochs, accuracies = run.get("epochs"), run.get("eval_acc1es")
    return (
        accuracies.get(f"{examples}@{epochs - 1}") if isinstance(accuracies, dict) and isinstance(epochs, int) else None
    )


def _seconds(run: Mapping[str, Any]) -> float | None:
    times = run.get("train_times")
    known = [value for value in times.values() if isinstance(value, (int, float))] if isinstance(times, dict) else []
    return sum(known) if known and len(known) == run.get("epochs") else None


def _put(figures: dict[str, float], name: str, values: Sequence[Any]) -> None:
    """Keep the mean of the numbers among the values, if there are any."""
    known = [float(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if known:
        figures[name] = fmean(known)


def _mapping(value: Any, where: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TaskError(
            f"{where} is not of the layout of NATS-Bench: expected a dictionary, got {type(value).__name__}"
        )
    return value


def _description(table: str, names: Sequence[str], source: str) -> str:
    datasets = [dataset for dataset in SETS if f"{dataset}_valid_accuracy_percent" in names]
    decided = "op_edge_*" if EDGES[0] in names else "width_*"
    lines = [
        f'about = "NATS-Bench, imported from {source}"',
        f'table = "{table}"',
        f'decisions = ["{decided}"]',
        'truth = "test_accuracy_percent"',
        'cost = "{dataset}_train_seconds"',
        "",
        "[variants]",
        f"dataset = {datasets}".replace("'", '"'),
        "",
        "[signals]",
        'valid = "valid_accuracy_percent"',
        *(
            ['valid12 = "valid_accuracy_12_epochs_percent"']
            if f"{datasets[0]}_valid_accuracy_12_epochs_percent" in names
            else []
        ),
        'test = "test_accuracy_percent"',
        "",
        "[measurements]",
    ]
    for what in ("valid_accuracy_percent", "valid_accuracy_12_epochs_percent", "test_accuracy_percent"):
        lines += [f'{what} = "{{dataset}}_{what}"'] if f"{datasets[0]}_{what}" in names else []
    for what in ("params_million", "flops_million"):
        lines += [f'{what} = "{what}_{{dataset}}"'] if f"{what}_{datasets[0]}" in names else []
    return "\n".join(lines) + "\n"
