"""Activation functions and their gradients, and triangles of matrices: one launch each, 16 bytes moved at a time.

Times over memory: one read and one write forward, two reads and one write backward, where array expressions take up to
ten of each. Formulas of 16-bit numbers are computed in float32 without a copy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS, kept_in_order
from .launch import THREADS, blocks_for
from .overrides import OVERRIDES

_ATTRIBUTES = {
    "leaky_relu": ("slope",),
    "elu": ("alpha", "scale", "input_scale"),
    "celu": ("alpha", "scale", "input_scale"),
    "hardtanh": ("low", "high"),
    "threshold": ("threshold", "value"),
    "hardshrink": ("lambd",),
    "softshrink": ("lambd",),
    "gelu": ("approximate",),
    "softplus": ("beta", "threshold"),
    "rrelu_fixed": ("slope",),
}
"""The attributes of operations that have some, in the order in which their formula takes them."""

_FORMULAS = {"celu": "elu", "rrelu_fixed": "leaky_relu", "tanh": "tanh_of"}
"""The formulas of ``activations.cu`` whose names are not their operation's."""

_OF_THE_INPUT = (
    "leaky_relu", "rrelu_fixed", "elu", "celu", "hardtanh", "hardsigmoid", "hardswish", "threshold", "hardshrink",
    "softshrink", "gelu", "silu", "mish", "softplus", "logsigmoid", "tanhshrink", "softsign",
)  # fmt: skip
"""Operations whose gradient is one of g and the input ``x``; of the others it is one of g and ``out``."""


def in_memory(gpu: Any, arrays: tuple[Any, ...]) -> tuple[list[Any], tuple[int, ...]]:
    """The arrays as they lie in memory, if they do so alike and without gaps, else copied in the order of their axes;
    and the order of the axes."""
    first = arrays[0]
    if all(a.flags.c_contiguous for a in arrays):
        return list(arrays), ()
    order = kept_in_order(first.shape, first.strides, first.itemsize)
    if order is not None and all(a.strides == first.strides for a in arrays):
        return [a.transpose(order) for a in arrays], order
    return [gpu.xp.ascontiguousarray(a) for a in arrays], ()


def _run(gpu: Any, function: str, name: str, arrays: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    formula = _FORMULAS.get(name, name)
    given = [attributes[a] for a in _ATTRIBUTES.get(name, ())]
    if name == "gelu":
        formula, given = "gelu_tanh" if given[0] == "tanh" else "gelu", []
    flat, order = in_memory(gpu, arrays)
    out = gpu.xp.empty(flat[0].shape, flat[0].dtype)
    numbers = [np.float64(v) for v in (*given, 0.0, 0.0, 0.0)[:3]]
    blocks = blocks_for(-(-out.nbytes // 16))
    gpu.launch("activations", function, blocks, THREADS, *flat, out, out.size, *numbers, T=out.dtype, F=formula)
    return out.transpose(tuple(order.index(i) for i in range(len(order)))) if order else out


def _signed(function: Callable[..., Any], *names: str, attributes: tuple[str, ...]) -> Callable[..., Any]:
    """``function`` with the signature of the operation: arrays of these names, then attributes."""
    kinds = inspect.Parameter
    parameters = [kinds(n, kinds.POSITIONAL_OR_KEYWORD) for n in names]
    parameters += [kinds(n, kinds.KEYWORD_ONLY) for n in attributes]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function


def _register(name: str, saved: str, forward: bool = True) -> None:
    """The kernels of an activation function and of its gradient."""
    attributes = _ATTRIBUTES.get(name, ())

    def takes(x: Any, **attributes: Any) -> bool:
        return x.size > 0 and x.dtype.name in FLOATS

    def takes_gradient(g: Any, x: Any, **attributes: Any) -> bool:
        return g.dtype == x.dtype and g.shape == x.shape and takes(x)

    def run(gpu: Any, x: Any, **attributes: Any) -> Any:
        return _run(gpu, "forward", name, (x,), attributes)

    def gradient(gpu: Any, g: Any, x: Any, **attributes: Any) -> Any:
        return _run(gpu, "backward", name, (g, x), attributes)

    if forward:
        when = _signed(takes, "x", attributes=attributes)
        kernel(name, table=OVERRIDES, when=when)(_signed(run, "gpu", "x", attributes=attributes))
    when = _signed(takes_gradient, "g", saved, attributes=attributes)
    kernel(f"{name}_backward", table=OVERRIDES, when=when)(_signed(gradient, "gpu", "g", saved, attributes=attributes))


for _name in _OF_THE_INPUT:
    _register(_name, "x")
for _name in ("relu", "sigmoid"):
    _register(_name, "out")
_register("tanh", "out", forward=False)  # CuPy's own is one launch


# ---------------------------------------------------------------------------------------------------------------------
# GLU


def _glu(gpu: Any, function: str, axis: int, out_shape: tuple[int, ...], x: Any, *more: Any) -> Any:
    out = gpu.xp.empty(out_shape, x.dtype)
    arrays = [gpu.xp.ascontiguousarray(a) for a in (*more, x)]
    count, size = x.size // 2, prod(x.shape[axis:]) // 2
    gpu.launch("glu", function, blocks_for(-(-count * x.itemsize // 16)), THREADS, *arrays, out, count, size, T=x.dtype)
    return out


def _takes_glu(x: Any, *, axis: int) -> bool:
    return x.size > 0 and x.dtype.name in FLOATS


@kernel("glu", table=OVERRIDES, when=_takes_glu)
def glu(gpu: Any, x: Any, *, axis: int) -> Any:
    """One launch in place of four."""
    return _glu(gpu, "forward", axis, tuple(n // 2 if i == axis else n for i, n in enumerate(x.shape)), x)


def _takes_glu_gradient(g: Any, x: Any, *, axis: int) -> bool:
    return g.dtype == x.dtype and _takes_glu(x, axis=axis)


@kernel("glu_backward", table=OVERRIDES, when=_takes_glu_gradient)
def glu_backward(gpu: Any, g: Any, x: Any, *, axis: int) -> Any:
    """One launch in place of ten."""
    return _glu(gpu, "backward", axis, x.shape, x, g)


# ---------------------------------------------------------------------------------------------------------------------
# Triangles of matrices


def _takes_triangle(x: Any, *, diagonal: int, upper: bool) -> bool:
    return x.size > 0 and x.itemsize <= 8


@kernel("triangle", table=OVERRIDES, when=_takes_triangle)
def triangle(gpu: Any, x: Any, *, diagonal: int, upper: bool) -> Any:
    """One launch in place of three, for any dtype of up to 8 bytes: bits are moved."""
    x = gpu.xp.ascontiguousarray(x)
    bits, kind = np.dtype(f"uint{8 * x.itemsize}"), x.dtype
    out = gpu.xp.empty(x.shape, bits)
    gpu.launch("triangle", "triangle", blocks_for(-(-x.nbytes // 16)), THREADS, x.view(bits), out, x.size,
               *x.shape[-2:], int(diagonal), int(upper), T=bits)  # fmt: skip
    return out.view(kind)
