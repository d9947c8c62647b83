"""From recordings to a model of the ONNX format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._version import __version__
from ..backends.registry import backend_of
from ._context import Context
from ._graph import Graph, tensor_type
from ._recording import Constant, Recording
from ._sizes import Dim, Merged, Symbol, merge, merge_calls
from ._traced import Value
from .errors import DynamicSizeError, OnnxExporterError, UnsupportedOperatorError
from .translate import TRANSLATIONS

IR_VERSIONS = {18: 8, 19: 9, 20: 9}
"""Version of the operators -> version of the format that came with it."""


def written_model(
    recordings: Sequence[Recording],
    symbols: list[Symbol],
    input_names: list[str],
    output_names: Sequence[str] | None,
    opset: int,
    export_params: bool = True,
    initializers_as_inputs: bool = False,
) -> Any:
    """The model of one recording, or of several with different sizes."""
    from onnx import helper

    first = recordings[0]
    graph = Graph(opset, symbols)
    for name in input_names:
        graph.fresh(name)
    for i, (value, name) in enumerate(zip(first.inputs, input_names, strict=True)):
        graph.define(value, name, merge([r.inputs[i].shape for r in recordings]))
    for name, (value, _) in first.state.items():
        graph.define(value, graph.fresh(name), value.shape)
    _translate(graph, recordings)
    results = _outputs(graph, recordings, output_names)
    nodes = _used(graph.nodes, [name for name, _, _ in results])
    read = {name for node in nodes for name in node.input}
    inputs = [
        helper.make_tensor_value_info(name, tensor_type(value.dtype), _axes(graph, value, symbols, i))
        for i, (value, name) in enumerate(zip(first.inputs, input_names, strict=True))
    ]
    initializers = [_tensor(name, array) for name, array in graph.initializers.items() if name in read]
    for value, array in first.state.values():
        name = graph.names[value.key]
        if name in read:
            if not export_params or initializers_as_inputs:
                inputs.append(helper.make_tensor_value_info(name, tensor_type(value.dtype), value.shape))
            if export_params:
                initializers.append(_tensor(name, backend_of(array).to_host(array)))
    outputs = [helper.make_tensor_value_info(name, tensor_type(kind), shape) for name, kind, shape in results]
    made = helper.make_graph(nodes, "main_graph", inputs, outputs, initializers)
    return helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=IR_VERSIONS[opset],
        producer_name="nnlite",
        producer_version=__version__,
    )


def _translate(graph: Graph, recordings: Sequence[Recording]) -> None:
    makers: dict[Any, Merged] = {}
    for merged in merge_calls(recordings):
        translation = TRANSLATIONS.get(merged.name)
        call = merged.calls[0]
        if translation is None or any(kind.kind == "c" for kind in merged.dtypes):
            raise UnsupportedOperatorError(
                f"nnlite.onnx.export(): the operation {merged.name!r} has no counterpart in ONNX opset {graph.opset} "
                f"({call.place()}). Compute it from operations that have one (arithmetic, products of matrices, "
                "reductions, indexing, the layers of nnlite.nn), or leave it out of the model and do it before or after"
            )
        graph.prefix = "".join(f"/{part}" for part in (call.scope[-1][1].split(".") if call.scope else ()) if part)
        before = len(graph.nodes)
        try:
            found = translation(Context(graph, merged, makers))
        except OnnxExporterError as error:
            raise type(error)(f"nnlite.onnx.export(): {merged.name}: {error} ({call.place()})") from None
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise OnnxExporterError(
                f"nnlite.onnx.export(): {merged.name} cannot be written with these arguments ({call.place()}): {error}"
            ) from error
        for node in graph.nodes[before:]:
            node.metadata_props.add(key="operation", value=merged.name)
        names = [found] if isinstance(found, str) else found
        for out, name, shape in zip(call.outs, names, merged.shapes, strict=False):
            graph.define(out, name, shape)
            makers[out.key] = merged


def _outputs(graph: Graph, recordings: Sequence[Recording], wanted: Sequence[str] | None) -> list[tuple[str, Any, Any]]:
    """Name, dtype and shape of each result; nodes that make it are renamed."""
    counts = {len(r.outputs) for r in recordings}
    if len(counts) > 1:
        raise DynamicSizeError("nnlite.onnx.export(): the number of results depends on a dynamic dimension")
    found = [merge([r.outputs[i] for r in recordings]) for i in range(counts.pop())]
    if not found:
        raise OnnxExporterError("nnlite.onnx.export(): the model returns no tensor")
    names = list(wanted) if wanted is not None else _default_names(len(found))
    if len(names) > len(found):
        raise ValueError(
            f"number of output names provided ({len(names)}) exceeded number of outputs ({len(found)}): {names}"
        )
    names += _default_names(len(found))[len(names) :]
    graph.prefix = ""
    made_by_node = {name for node in graph.nodes for name in node.output}
    renamed: dict[str, str] = {}
    results = []
    for operand, asked in zip(found, names, strict=True):
        own = graph.fresh(asked)
        if own != asked and wanted is not None and asked in wanted:
            raise ValueError(f"nnlite.onnx.export(): the output name {asked!r} is that of something else in the model")
        if isinstance(operand, Value):
            name, kind, shape = graph.names[operand.key], operand.dtype, graph.shapes[operand.key]
        else:
            context = Context(graph, _NoCall(), {})  # type: ignore[arg-type]
            name, kind, shape = context.name_of(operand), context_dtype(operand), context.shape_of(operand)
        if name in made_by_node and name not in renamed:
            renamed[name] = own
        else:
            _identity(graph, renamed.get(name, name), own)
        results.append((own, kind, _named(own, shape, graph.symbols)))
    for node in graph.nodes:
        for part in (node.input, node.output):
            for i, name in enumerate(part):
                if name in renamed:
                    part[i] = renamed[name]
    return results


class _NoCall:
    """Stands for the call where a result is a constant."""

    args: tuple[Any, ...] = ()


def context_dtype(operand: Any) -> Any:
    """The dtype of a constant."""
    return operand.array.dtype if isinstance(operand, Constant) else operand.arrays[0].dtype


def _identity(graph: Graph, name: str, own: str) -> None:
    from onnx import helper

    graph.nodes.append(helper.make_node("Identity", [name], [own], name=graph.fresh("/Identity")))


def _named(own: str, shape: tuple[Any, ...], symbols: list[Symbol]) -> list[Any]:
    """Dynamic sizes by the names of the inputs' dimensions, where they are the same."""
    known = {s.values: s.name for s in reversed(symbols)}
    return [known.get(n.values, f"{own}_dim_{i}") if isinstance(n, Dim) else int(n) for i, n in enumerate(shape)]


def _default_names(count: int) -> list[str]:
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def _axes(graph: Graph, value: Value, symbols: list[Symbol], position: int) -> list[Any]:
    named = {s.axis: s.name for s in symbols if s.input == position}
    return [named.get(axis, n) for axis, n in enumerate(graph.shapes[value.key])]


def _used(nodes: list[Any], outputs: list[str]) -> list[Any]:
    """The nodes that the outputs need."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _tensor(name: str, array: np.ndarray) -> Any:
    from onnx import numpy_helper

    if array.nbytes >= 2**31:
        raise OnnxExporterError(f"nnlite.onnx.export(): {name} has {array.nbytes} bytes; ONNX takes tensors below 2 GB")
    return numpy_helper.from_array(np.asarray(array, order="C"), name)
