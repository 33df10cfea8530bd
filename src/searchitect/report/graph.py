"""A concrete model as a graph of its leaf modules and of the functions between them.

One example is run through the model. Hooks see the leaf modules, a torch-function mode sees what is called
between them (`add`, `cat`, `flatten` …), and the identity of the tensors gives the edges. Unlike symbolic
tracing this follows ordinary Python control flow and gives exact shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from searchitect.report.naming import function_kind, label, module_kind

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["Edge", "Graph", "Node", "graph_of"]

# Functions that move or relabel values: the tensor passes through them, no node is drawn.
_TRANSPARENT = frozenset(
    {
        "to",
        "float",
        "double",
        "half",
        "contiguous",
        "clone",
        "detach",
        "view",
        "reshape",
        "view_as",
        "unsqueeze",
    }
    | {
        "squeeze",
        "permute",
        "transpose",
        "movedim",
        "expand",
        "expand_as",
        "chunk",
        "split",
        "unbind",
        "type_as",
    }
    | {"__get__", "__getitem__", "requires_grad_", "cpu", "cuda", "alias", "type", "nan_to_num"}
)
_ALIASES = {"iadd": "add", "radd": "add", "imul": "mul", "rmul": "mul", "concat": "cat", "concatenate": "cat"}


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of a model.

    Attributes:
        name: unique: the path of the module, or the function with a count ("add_1"); "input" and "output" at
            the ends; a module used twice is "path" and "path:2".
        label: what a person reads, such as "Conv2d 3×3, 16 → 32".
        kind: "input", "convolution", "linear", "pooling", "normalisation", "activation", "regularisation",
            "attention", "reshape", "preprocess", "merge", "function", "layer" or "output".
        shape: of what comes out, for one example (the batch is left out); empty where it is unknown.
        parameters: trainable values held by the module; a module used twice counts once.
    """

    name: str
    label: str
    kind: str
    shape: tuple[int, ...] = ()
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """Values flow from the node named `source` to the node named `target`."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order in which they ran; every edge points forward.

    Attributes:
        traced: false where the model could not be followed; the nodes are then its leaf modules as a chain, in
            the order in which they were made.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    traced: bool = True


def graph_of(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Graph:
    """Run `inputs` (one example with its batch axis is enough) through `model` in eval mode and record it.

    The model is left as it was. A model that does not run on these inputs is never an error: its leaf modules
    are listed as a chain instead (`traced` is false).
    """
    recorder = _Recorder(model)
    try:
        recorder.run(inputs)
    except Exception:  # noqa: BLE001 - a user's model may raise anything, and a drawing must never end a report
        return _chain(model)
    graph = recorder.graph()
    return graph if any(n.kind not in ("input", "output") for n in graph.nodes) else _chain(model)


class _Recorder:
    """Collects nodes and edges while a model runs."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.nodes: dict[str, Node] = {}
        self.edges: dict[tuple[str, str], None] = {}
        self._source: dict[int, str] = {}  # identity of a tensor -> the node it came from
        self._alive: list[Any] = []  # keeps identities from being used again
        self._counted: set[int] = set()
        self._depth = 0  # > 0 while a leaf module runs: what happens inside it is its own affair

    def run(self, inputs: tuple[torch.Tensor, ...]) -> None:
        import torch

        from searchitect.nn.shapes import evaluating

        for i, tensor in enumerate(inputs):
            name = "input" if len(inputs) == 1 else f"input_{i + 1}"
            self._add(
                Node(name, "input" if len(inputs) == 1 else f"input {i + 1}", "input", _shape(tensor)),
                [],
                [tensor],
            )
        with ExitStack() as stack:
            stack.enter_context(evaluating(self.model))
            stack.enter_context(torch.no_grad())
            stack.enter_context(torch.random.fork_rng(devices=[]))
            for path, module in _leaves(self.model):
                stack.callback(module.register_forward_pre_hook(lambda *_: self._enter()).remove)
                hook = self._leaving(path)
                stack.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
            stack.enter_context(_watching(self))
            output = self.model(*inputs)
        found = list(_tensors(output))
        self._add(Node("output", "output", "output", _shape(found[0]) if found else ()), self._sources(found), [])

    def graph(self) -> Graph:
        return Graph(tuple(self.nodes.values()), tuple(Edge(a, b) for a, b in self.edges))

    def function(self, called: Any, arguments: Any, result: Any) -> None:
        """A function between modules returned `result`."""
        if self._depth:
            return
        sources, outputs = self._sources(_tensors(arguments)), list(_tensors(result))
        if not sources or not outputs:
            return
        raw = str(getattr(called, "__name__", called))
        name = raw if raw in _TRANSPARENT else raw.strip("_")
        name = _ALIASES.get(name, name)
        if name in _TRANSPARENT and len(sources) == 1:
            for tensor in outputs:
                self._remember(tensor, sources[0])
            return
        node = Node(self._unique(name, "_"), name, function_kind(name, len(sources)), _shape(outputs[0]))
        self._add(node, sources, outputs)

    def _enter(self) -> None:
        self._depth += 1

    def _leaving(self, path: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            self._depth -= 1
            if self._depth == 0:
                self._module(path, module, (args, kwargs), result)

        return hook

    def _module(self, path: str, module: nn.Module, arguments: Any, result: Any) -> None:
        sources, outputs = self._sources(_tensors(arguments)), list(_tensors(result))
        if type(module).__name__ == "Identity" and len(sources) == 1:
            for tensor in outputs:
                self._remember(tensor, sources[0])
            return
        shape = _shape(outputs[0]) if outputs else ()
        parameters = 0 if id(module) in self._counted else _count(module)
        self._counted.add(id(module))
        self._add(
            Node(self._unique(path, ":"), label(module), module_kind(module, path), shape, parameters),
            sources,
            outputs,
        )

    def _add(self, node: Node, sources: list[str], outputs: list[Any]) -> None:
        self.nodes[node.name] = node
        for source in sources:
            self.edges[source, node.name] = None
        for tensor in outputs:
            self._remember(tensor, node.name)

    def _remember(self, tensor: Any, name: str) -> None:
        self._alive.append(tensor)
        self._source[id(tensor)] = name

    def _sources(self, tensors: Any) -> list[str]:
        names = (self._source.get(id(tensor)) for tensor in tensors)
        return list(dict.fromkeys(name for name in names if name is not None))

    def _unique(self, stem: str, separator: str, number: int = 1) -> str:
        name = stem if number == 1 and separator == ":" else f"{stem}{separator}{number}"
        return name if name not in self.nodes else self._unique(stem, separator, number + 1)


def _watching(recorder: _Recorder) -> Any:
    """A mode that shows the recorder every torch function called from Python."""
    from torch.overrides import TorchFunctionMode

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            recorder.function(func, (args, kwargs), result)
            return result

    return Watch()


def _leaves(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Modules that count as one operation, with their paths; a module registered twice comes once."""
    seen: list[str] = []
    for path, module in model.named_modules():
        if any(path.startswith(f"{leaf}.") for leaf in seen):
            continue
        if path and _is_leaf(module, path, model):
            seen.append(path)
            yield path, module
    if not seen:
        yield type(model).__name__.lower(), model


def _is_leaf(module: nn.Module, path: str, model: nn.Module) -> bool:
    if path == "preprocess" and hasattr(model, "body"):
        return True
    if not any(True for _ in module.children()):
        return type(module).__name__ not in ("Sequential", "ModuleList", "ModuleDict")
    own = type(module).__module__
    return own.startswith("torch.nn.") and not own.endswith(".container")


def _chain(model: nn.Module) -> Graph:
    nodes = [
        Node(path, label(module), module_kind(module, path), (), _count(module))
        for path, module in _leaves(model)
        if type(module).__name__ != "Identity"
    ]
    nodes = [Node("input", "input", "input"), *nodes, Node("output", "output", "output")]
    edges = (Edge(a.name, b.name) for a, b in pairwise(nodes))
    return Graph(tuple(nodes), tuple(edges), traced=False)


def _tensors(value: Any) -> Iterator[Any]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(side) for side in tensor.shape[1:])


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
