"""`write_tensorboard`: a study as TensorBoard reads it: curves, best so far, hyper-parameters, the model's graph, maps.

The folder holds one run for the search (`search`), one for random search (`random`), and one per trial
(`trials/00042`), so that TensorBoard's own tables and parallel coordinates compare trials. The graph is ours
(`report.graph_of`): no tracing, which fails on ordinary control flow.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, MissingExtraError
from searchitect.report.facts import finite
from searchitect.report.tables import is_feasible, ranked

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.report.graph import Graph
    from searchitect.result import Result
    from searchitect.trial import Trial

__all__ = ["MAX_TRIALS", "write_tensorboard"]

MAX_TRIALS = 200
"""Trials that get a run of their own: TensorBoard becomes slow with many. The best are kept."""

EVENTS = "events.out.tfevents."


def write_tensorboard(
    result: Result,
    folder: Path,
    *,
    graph: Graph | None = None,
    maps: Mapping[str, npt.NDArray[np.float64]] | None = None,
) -> tuple[str, ...]:
    """Write the runs below `folder` and return the notes on what was left out, one sentence each.

    Args:
        graph: of the handed-over model, from `graph_of`.
        maps: name to an image of shape (height, width) or (height, width, 3) with values in 0..1.

    Raises:
        MissingExtraError: tensorboard is not installed.
        ConfigError: the folder holds runs already; TensorBoard would draw both as one.
        OSError: a file cannot be written.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingExtraError("the TensorBoard sink", "tensorboard")
    if folder.is_dir() and any(folder.rglob(EVENTS + "*")):
        raise ConfigError(f"{folder} holds TensorBoard runs already", hint="name another folder, or delete it")
    notes = []
    for phase in ("search", "random"):
        _write_phase(result, phase, folder / phase)
    _write_model(folder / "search", graph, maps or {})
    finished = [t for t in ranked(result.trials, result) if t.is_complete and t.reused is None]
    for trial in finished[:MAX_TRIALS]:
        _write_trial(result, trial, folder / "trials" / f"{trial.number:05d}")
    if len(finished) > MAX_TRIALS:
        notes.append(f"the best {MAX_TRIALS} of {len(finished):,} complete trials have runs of their own")
    if graph is None:
        notes.append("the model's graph was left out: the study kept no trained model, or its class is not known here")
    return tuple(notes)


def _write_phase(result: Result, phase: str, folder: Path) -> None:
    """Values and best so far against the number of evaluations."""
    objective = result.objectives[0]
    told = [t for t in result.trials if t.phase == phase and t.is_complete and t.reused is None]
    values = [(t, finite(t.measurements.get(objective.name))) for t in told]
    if not values:
        return
    best: float | None = None
    with _writer(folder) as writer:
        for count, (trial, value) in enumerate(values, 1):
            if value is None:
                continue
            writer.add_scalar(f"trials/{objective.name}", value, count)
            if is_feasible(trial, result) and (best is None or objective.better(value, best)):
                best = value
            if best is not None:
                writer.add_scalar(f"best/{objective.name}", best, count)


def _write_trial(result: Result, trial: Trial, folder: Path) -> None:
    """Learning curves, and the decisions as hyper-parameters with all measurements."""
    from torch.utils.tensorboard.summary import hparams

    decisions = {path: _plain(value) for path, value in trial.architecture.items()}
    measured = {f"measured/{k}": v for k, v in trial.measurements.items() if math.isfinite(v)}
    with _writer(folder) as writer:
        for step, values in trial.reports:
            for name, value in values.items():
                if math.isfinite(value):
                    writer.add_scalar(f"curves/{name}", value, step)
        for name, value in measured.items():
            writer.add_scalar(name, value, 0)
        for summary in hparams(decisions, measured):  # type: ignore[no-untyped-call]
            writer.file_writer.add_summary(summary)


def _plain(value: object) -> bool | float | str:
    """Hyper-parameters are numbers, truth values or texts."""
    return value if isinstance(value, bool | int | float | str) else str(value)


def _write_model(folder: Path, graph: Graph | None, maps: Mapping[str, npt.NDArray[np.float64]]) -> None:
    if graph is None and not maps:
        return
    with _writer(folder) as writer:
        if graph is not None:
            from tensorboard.compat.proto.config_pb2 import RunMetadata

            writer.file_writer.add_graph((_definition(graph), RunMetadata()))
        for name, image in maps.items():
            writer.add_image(name, image, 0, dataformats="HW" if image.ndim == 2 else "HWC")


def _definition(graph: Graph) -> Any:
    """Our graph as TensorBoard's own message; only names, kinds, edges and shapes are told."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.node_def_pb2 import NodeDef

    sources: dict[str, list[str]] = {}
    for edge in graph.edges:
        sources.setdefault(edge.target, []).append(_name(edge.source))
    return GraphDef(
        node=[
            NodeDef(
                name=_name(node.name),
                op=node.kind,
                input=sources.get(node.name, []),
                attr={
                    "label": AttrValue(s=node.label.encode()),
                    "shape": AttrValue(s="×".join(map(str, node.shape)).encode()),
                    "parameters": AttrValue(i=node.parameters),
                },
            )
            for node in graph.nodes
        ]
    )


def _name(path: str) -> str:
    """A name that TensorBoard takes; the modules of a model become folders of its picture."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-/") else "_" for c in path.replace(".", "/"))


def _writer(folder: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))
