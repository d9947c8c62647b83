"""``nnlite.onnx.export``."""

from __future__ import annotations

import enum
import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.op import TensorBase
from ..autograd._pytree import is_leaf
from ..nn.modules.module import Module
from ._program import ONNXProgram

OPSETS = (18, 19, 20)
DEFAULT_OPSET = 18


class TrainingMode(enum.IntEnum):
    """Whether the model is exported as in evaluation (the default), as it stands, or as in training."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(enum.IntEnum):
    """Which operators a file may have; only ``ONNX``."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


_exporting = False


def is_in_onnx_export() -> bool:
    """Whether an export is running; for a forward pass that does something else in it."""
    return _exporting


_WITHOUT = {
    "custom_translation_table": None,
    "custom_opsets": None,
    "export_modules_as_functions": False,
    "dump_exported_program": False,
    "profile": False,
    "report": False,
}
"""Parameters of PyTorch's function that stand for its own machinery, with their defaults."""


def export(
    model: Any,
    args: Any = (),
    f: Any = None,
    *,
    kwargs: dict[str, Any] | None = None,
    verbose: bool | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamo: bool = True,
    external_data: bool | None = None,
    dynamic_shapes: Any = None,
    custom_translation_table: Any = None,
    report: bool = False,
    optimize: bool = True,
    verify: bool = False,
    profile: bool = False,
    dump_exported_program: bool = False,
    artifacts_dir: Any = ".",
    export_params: bool = True,
    keep_initializers_as_inputs: bool = False,
    dynamic_axes: Mapping[str, Any] | None = None,
    training: Any = TrainingMode.EVAL,
    operator_export_type: Any = OperatorExportTypes.ONNX,
    do_constant_folding: bool = True,
    custom_opsets: Any = None,
    export_modules_as_functions: Any = False,
    autograd_inlining: bool = True,
) -> ONNXProgram:
    """Write a model in the ONNX format: the operations of one forward pass, and the parameters.

    The model runs on ``args`` and what it computes is noted. Conditions, loops and numbers that Python computes are
    those of this one pass; a :class:`TracerWarning` tells of values that were read from tensors. Sizes are fixed unless
    ``dynamic_axes`` or ``dynamic_shapes`` names them. Model, arguments and random numbers are afterwards as before.

    Args:
        model: a module, in evaluation mode for the export.
        args: the arguments of ``forward``; a tuple, or one tensor. A dictionary as last element gives named ones.
        f: a path, or a file opened for writing bytes; None writes nothing.
        kwargs: named arguments.
        verbose: print the graph.
        input_names, output_names: one for each tensor, in order; by default the names of ``forward``'s parameters, and
            ``output`` or ``output_0``, ``output_1`` ...
        opset_version: 18, 19 or 20; 18 unless given.
        external_data: put the parameters into a file beside ``f``; None does it for models of more than 2 GB.
        dynamic_axes: ``{input name: {axis: name}}``, or a list of axes. The model is recorded with several sizes of
            these, and the sizes that follow them become part of the graph.
        dynamic_shapes: the same by the structure of the arguments, ``({0: "batch"},)`` or ``{"x": {0: "batch"}}``.
        verify: compare the result of onnxruntime with the model's.
        export_params: False leaves the parameters out; they become inputs.
        keep_initializers_as_inputs: list the parameters among the inputs too.
        training: ``TrainingMode.EVAL``, ``PRESERVE`` or ``TRAINING``.
        optimize, do_constant_folding, dynamo, autograd_inlining, artifacts_dir: accepted and without effect.

    Returns:
        :class:`ONNXProgram`; ``model_proto`` is the model, ``save(path)`` writes it, a call runs it.

    Raises:
        ImportError: the package onnx is not installed.
        UnsupportedOperatorError: an operation has no counterpart; the text names it and the line that uses it.
        DynamicSizeError: the forward pass does not follow a dimension that was to be dynamic.
        ValueError: an opset version or names that do not fit.
        NotImplementedError: a parameter that stands for PyTorch's own machinery is given.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(2, 3)
        >>> program = nnlite.onnx.export(nnlite.nn.Linear(3, 4), (x,), dynamic_axes={"input": {0: "batch"}})
        >>> [v.name for v in program.model_proto.graph.initializer]
        ['weight', 'bias']
        >>> program(nnlite.ones(5, 3))[0].shape
        torch.Size([5, 4])
    """
    given = locals()
    _need_onnx()
    _refuse({name: given[name] for name in _WITHOUT}, operator_export_type)
    opset = DEFAULT_OPSET if opset_version is None else opset_version
    if opset not in OPSETS:
        raise ValueError(f"opset_version has to be one of {OPSETS}, got {opset_version!r}")
    if not isinstance(model, Module):
        raise TypeError(
            f"nnlite.onnx.export(): model must be a nnlite.nn.Module, not {type(model).__name__}; put a function "
            "into the forward of a module"
        )
    args, kwargs = _arguments(args, kwargs)
    program = _exported(
        model, args, kwargs, list(input_names or ()), output_names, opset, dynamic_axes, dynamic_shapes, training,
        export_params, keep_initializers_as_inputs,
    )  # fmt: skip
    if verbose:
        print(_text_of(program))
    if verify:
        _verify(program, model, args, kwargs, training)
    if f is not None:
        _save(program, f, external_data)
    return program


def _exported(
    model: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    input_names: list[str],
    output_names: Sequence[str] | None,
    opset: int,
    dynamic_axes: Any,
    dynamic_shapes: Any,
    training: Any,
    export_params: bool,
    initializers_as_inputs: bool,
) -> ONNXProgram:
    global _exporting
    from ._dynamic import from_dynamic_axes, from_dynamic_shapes, recorded
    from ._recording import mode_of
    from ._writing import written_model

    parameters = _parameters_of(model)
    labels, tensors = _inputs(args, kwargs, parameters)
    names = _named(labels, input_names)
    axes = {}
    if dynamic_axes:
        axes.update(from_dynamic_axes(dynamic_axes, names, [tuple(t.shape) for t in tensors]))
    if dynamic_shapes:
        axes.update(from_dynamic_shapes(dynamic_shapes, args, kwargs, parameters))
    outer, _exporting = _exporting, True
    try:
        with mode_of(model, _training_flag(training)):
            recordings, symbols = recorded(model, args, kwargs, axes)
    finally:
        _exporting = outer
    return ONNXProgram(
        written_model(recordings, symbols, names, output_names, opset, export_params, initializers_as_inputs)
    )


# ---------------------------------------------------------------------------------------------------------------------
# Arguments


def _need_onnx() -> None:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError('nnlite.onnx.export needs the package onnx: pip install "nnlite-framework[onnx]"') from error


def _refuse(given: dict[str, Any], operator_export_type: Any) -> None:
    for name, value in given.items():
        if value is not _WITHOUT[name] and value:
            raise NotImplementedError(
                f"nnlite.onnx.export(): {name} stands for a part of PyTorch's exporter that nnlite does not have; "
                "leave it out, and change the model_proto of the result with the package onnx"
            )
    if operator_export_type not in (None, OperatorExportTypes.ONNX):
        raise NotImplementedError("nnlite.onnx.export(): operator_export_type has to be ONNX")


def _arguments(args: Any, kwargs: dict[str, Any] | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(args, TensorBase) or not isinstance(args, tuple | list):
        args = (args,)
    args = tuple(args)
    if kwargs is None and args and type(args[-1]) is dict:
        *front, kwargs = args
        args = tuple(front)
    return args, dict(kwargs or {})


def _parameters_of(model: Any) -> list[str]:
    return list(inspect.signature(model.forward).parameters)


def _inputs(args: tuple[Any, ...], kwargs: dict[str, Any], parameters: list[str]) -> tuple[list[str], list[Any]]:
    """A name for each tensor among the arguments, and the tensors."""
    pairs: list[tuple[str, Any]] = []
    for i, value in enumerate(args):
        _walk(parameters[i] if i < len(parameters) else f"input_{i}", value, pairs)
    for name, value in kwargs.items():
        _walk(name, value, pairs)
    return [name for name, _ in pairs], [tensor for _, tensor in pairs]


def _walk(name: str, value: Any, pairs: list[tuple[str, Any]]) -> None:
    if isinstance(value, TensorBase):
        pairs.append((name, value))
    elif not is_leaf(value):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            _walk(f"{name}_{key}", part, pairs)


def _named(labels: list[str], wanted: list[str]) -> list[str]:
    if len(wanted) > len(labels):
        raise ValueError(f"number of input names provided ({len(wanted)}) exceeded number of inputs ({len(labels)})")
    names: list[str] = []
    for i, label in enumerate(labels):
        name = wanted[i] if i < len(wanted) else label
        if name in names and i < len(wanted):
            raise ValueError(f"nnlite.onnx.export(): two inputs are called {name!r}")
        while name in names:
            name += "_1"
        names.append(name)
    return names


def _training_flag(training: Any) -> bool | None:
    if training in (None, TrainingMode.EVAL):
        return False
    if training == TrainingMode.TRAINING:
        return True
    if training == TrainingMode.PRESERVE:
        return None
    raise ValueError(f"training has to be a TrainingMode, got {training!r}")


# ---------------------------------------------------------------------------------------------------------------------
# What is done with the result


def _text_of(program: ONNXProgram) -> str:
    from onnx import printer

    return str(printer.to_text(program.model_proto))


def _save(program: ONNXProgram, f: Any, external_data: bool | None) -> None:
    if isinstance(f, str | os.PathLike):
        program.save(f, external_data=external_data)
    elif hasattr(f, "write"):
        if external_data:
            raise ValueError("nnlite.onnx.export(): external_data needs a path in place of an opened file")
        f.write(program.model_proto.SerializeToString())
    else:
        raise TypeError(f"nnlite.onnx.export(): f must be a path or a file opened for writing, not {type(f).__name__}")


def _verify(program: ONNXProgram, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], training: Any) -> None:
    """Raise unless onnxruntime computes what the model does."""
    from .._core.grad_mode import no_grad
    from ..autograd._pytree import flatten
    from ..ops.pointwise.arithmetic import allclose
    from ._recording import mode_of
    from .errors import OnnxExporterError

    with no_grad(), mode_of(model, _training_flag(training)):
        wanted = [x for x in flatten(model(*args, **kwargs))[0] if isinstance(x, TensorBase)]
    for i, (mine, theirs) in enumerate(zip(wanted, program(*args, **kwargs), strict=True)):
        if mine.shape != theirs.shape or not allclose(mine, theirs, rtol=1e-3, atol=1e-4, equal_nan=True):
            raise OnnxExporterError(f"nnlite.onnx.export(): onnxruntime computes another output {i} than the model")
