"""`model.onnx`: one file with preprocessing and weights, compared with PyTorch before it is called done."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from searchitect.errors import ExportError, MissingExtraError
from searchitect.tasks.task import RawInputs

__all__ = ["Parity", "graph_notes", "input_names", "make_onnx"]

TOLERANCE = 1e-4
SMALLEST_SCALE = 1e-6
MAX_BYTES = (2 << 30) - (1 << 20)  # protobuf's limit, with room for the graph


@dataclass(frozen=True, slots=True)
class Parity:
    """How well the ONNX file agrees with the PyTorch model.

    Attributes:
        examples: real inputs compared, all at once and the first one alone.
        max_abs_difference: the largest difference of two scores on them, in the unit of the scores.
        relative_difference: that divided by the range of the scores (largest minus smallest) on those examples.
        edge_difference: the largest difference on inputs at the edge (missing values, unknown categories, extreme
            pixels), divided by that range or the largest absolute score there.
        tolerance: the largest relative difference allowed.
    """

    examples: int
    max_abs_difference: float
    relative_difference: float
    edge_difference: float
    tolerance: float = TOLERANCE

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def input_names(raw: RawInputs) -> tuple[str, ...]:
    """Return the names of the inputs of the graph: "pixels", or "numeric" and "codes" as present."""
    if raw[0].ndim == 4:
        return ("pixels",)
    return tuple("codes" if np.issubdtype(array.dtype, np.integer) else "numeric" for array in raw)


def graph_notes(labels: Sequence[str], raw: RawInputs, digest: str) -> dict[str, str]:
    """Return the file's metadata: labels, a description of every input, the digest of the architecture."""
    described = {
        name: {"dtype": str(array.dtype), "shape": ["batch", *array.shape[1:]]}
        for name, array in zip(input_names(raw), raw, strict=True)
    }
    return {
        "labels": json.dumps(list(labels), ensure_ascii=False),
        "inputs": json.dumps(described),
        "architecture": digest,
        "producer": "searchitect",
    }


def make_onnx(
    model: nn.Module, sample: RawInputs, *, classification: bool, notes: Mapping[str, str]
) -> tuple[bytes, Parity]:
    """Return the whole model, from raw inputs to scores, as a file, and how it compares with PyTorch on `sample`.

    Outputs of the graph: "scores" and "probabilities" for a classification, "values" for a regression; the first
    dimension of every input and output is free.

    Args:
        model: takes raw inputs; on the CPU, in eval mode.
        sample: real raw inputs, at least one.
        notes: written into the file as its metadata.

    Raises:
        MissingExtraError: the packages of the extra `onnx` are absent.
        ExportError: the model cannot be exported, is too large for one file, or disagrees.
    """
    _require_packages()
    size = sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))
    if size > MAX_BYTES:
        raise ExportError(f"the model holds {size / 1e9:.1f} GB of weights, one ONNX file may hold 2 GB")
    data = _serialise(_graph(model, sample, classification), notes)
    return data, _compare(data, model, sample)


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise MissingExtraError("the ONNX file", "onnx") from None


class _Graph(nn.Module):
    """The model with as many named inputs as it has, and the outputs of the file."""

    def __init__(self, model: nn.Module, classification: bool) -> None:
        super().__init__()
        self.model, self.classification = model, classification

    def outputs(self, *raw: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        scores: torch.Tensor = self.model(*raw)
        return (scores, torch.softmax(scores, 1)) if self.classification else scores


class _OneInput(_Graph):
    def forward(self, first: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        return self.outputs(first)


class _TwoInputs(_Graph):
    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        return self.outputs(first, second)


def _graph(model: nn.Module, sample: RawInputs, classification: bool) -> Any:
    """Return the exporter's ModelProto."""
    graph = (_OneInput if len(sample) == 1 else _TwoInputs)(model, classification).eval()
    # Traced with two examples: a batch of one would be taken for a constant.
    example = tuple(torch.tensor(np.resize(array[:2], (2, *array.shape[1:]))) for array in sample)
    batch = torch.export.Dim("batch", min=1)
    try:
        with _silence():
            program = torch.onnx.export(
                graph,
                example,
                dynamo=True,
                input_names=list(input_names(sample)),
                output_names=["scores", "probabilities"] if classification else ["values"],
                dynamic_shapes=tuple({0: batch} for _ in sample),
                verbose=False,
            )
            return program.model_proto  # type: ignore[union-attr]
    except Exception as error:  # the exporter's errors have no common base
        raise ExportError(
            f"this model cannot be written as ONNX: {_reason(error)}",
            hint="forward may not depend on the values of its input; the other files hold the model",
        ) from error


def _reason(error: BaseException) -> str:
    """Return the first line of the error at the root: the exporter wraps it in advice about itself."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _serialise(proto: Any, notes: Mapping[str, str]) -> bytes:
    """Return the file, without what the exporter notes about this machine (stack traces hold its paths)."""
    _strip(proto.graph)
    for function in proto.functions:
        _strip(function)
    for part in (proto, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    proto.graph.ClearField("value_info")  # stored shapes stand in the way of onnxruntime's quantisation
    for name, value in notes.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = name, value
    return bytes(proto.SerializeToString())


def _strip(graph: Any) -> None:
    for part in (graph, *graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for node in graph.node:
        for attribute in node.attribute:  # the branches of an If, the body of a Loop
            for inner in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
                _strip(inner)


def _compare(data: bytes, model: nn.Module, sample: RawInputs) -> Parity:
    session = _session(data)
    expected = _answers(model, sample)
    first = tuple(array[:1] for array in sample)
    real = max(_difference(session, sample, expected), _difference(session, first, _answers(model, first)))
    edges = _edges(sample)
    extreme = _answers(model, edges)
    scale = _scale(expected)
    edge = _difference(session, edges, extreme) / max(scale, _largest(extreme))
    parity = Parity(len(sample[0]), real, real / scale, edge, TOLERANCE)
    worst = max(parity.relative_difference, parity.edge_difference)
    if worst > TOLERANCE:
        raise ExportError(
            f"the ONNX file disagrees with the model it was made from: relative difference {worst:.2g}, "
            f"allowed {TOLERANCE:g}",
            hint="it was not written; the other files hold the model as it was scored",
        )
    return parity


def _session(data: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no public base
        raise ExportError(f"onnxruntime refuses the exported model: {error}") from error


def _answers(model: nn.Module, raw: RawInputs) -> NDArray[np.float64]:
    with torch.inference_mode():
        scores: torch.Tensor = model(*map(torch.tensor, raw))
    return scores.numpy().astype(np.float64)


def _difference(session: Any, raw: RawInputs, expected: NDArray[np.float64]) -> float:
    """Return the largest absolute difference of the file's scores from those expected."""
    feed = dict(zip((entry.name for entry in session.get_inputs()), raw, strict=True))
    got = session.run(None, feed)[0].astype(np.float64)
    finite = np.isfinite(expected)
    if got.shape != expected.shape or not np.array_equal(finite, np.isfinite(got)):
        return float("inf")
    return _largest((got - expected)[finite])


def _scale(scores: NDArray[np.float64]) -> float:
    """Return what differences are measured by: how far the scores of the sample lie apart.

    Prices of about 250,000 that differ by 100 are not told apart by a file that is wrong by 25. The hundredth of the
    largest score leaves room for the rounding of float32.
    """
    largest = _largest(scores)
    apart = float(np.ptp(scores)) if len(scores) > 1 and np.isfinite(scores).all() else largest
    return max(apart, largest / 100, SMALLEST_SCALE)


def _largest(scores: NDArray[np.float64]) -> float:
    return float(np.abs(scores[np.isfinite(scores)]).max(initial=0.0))


def _edges(sample: RawInputs) -> RawInputs:
    """Two examples such as real ones may not show: all missing or unknown, all at the low and the high end."""
    return tuple(np.stack([_low(array), _high(array)]) for array in sample)


def _low(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind == "f" and array.ndim == 2:
        return np.full(array.shape[1:], np.nan, array.dtype)  # a table's missing numbers
    return np.full(array.shape[1:], -1 if array.dtype.kind == "i" else 0, array.dtype)


def _high(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype == np.uint8:
        return np.full(array.shape[1:], 255, array.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column that is missing everywhere
        top = np.nanmax(array, axis=0)
    return np.asarray(top, array.dtype)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporter's prints, warnings and logs off the terminal."""
    before = logging.root.manager.disable
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
