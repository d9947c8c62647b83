"""Activation functions made of straight lines and exponentials: the relatives of ReLU, and the hard forms."""

from __future__ import annotations

import math
from typing import Any

from ..._core import rng
from ..._core.device import device_of
from ..._core.dtypes import TITLES, from_numpy
from ..._core.op import TensorBase, in_place, op, unbroadcast
from ..._core.tensor_base import wrap
from ...backends import backend_of
from ...backends.registry import tables
from .._formula import check_float, formula, is_half, number, run
from .._public import FUNCTIONS, METHODS, put

_ALPHA = 1.6732632423543772848170429916717
_SCALE = 1.0507009873554804934193349852946
"""The constants for which mean 0 and variance 1 stay so from layer to layer (Klambauer and others, 2017)."""


# ---------------------------------------------------------------------------------------------------------------------
# Leaky ReLU, and slopes that are learned or drawn


def _leaky_gradient(f: Any, g: Any, x: Any, *, slope: float) -> Any:
    return f.where(x > 0, g, g * slope)


def _leaky_body(xp: Any, x: Any, *, slope: float) -> Any:
    if 0 < slope <= 1:
        return xp.maximum(x, x * slope)
    return tables[type(x)].where(x > 0, x, x * slope)


_leaky_relu = formula(_leaky_gradient, name="leaky_relu", kernel="leaky_relu_backward")(_leaky_body)
_rrelu_fixed = formula(
    _leaky_gradient, name="rrelu_fixed", title="RreluWithNoiseBackward0", kernel="rrelu_fixed_backward"
)(_leaky_body)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where x > 0, ``negative_slope`` times x elsewhere.

    Args:
        negative_slope: the slope below 0.
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.leaky_relu(nnlite.tensor([-1.0, 2.0]))
        tensor([-0.0100,  2.0000])
    """
    check_float("leaky_relu", input)
    return run(_leaky_relu, input, inplace, slope=float(number("leaky_relu", "negative_slope", 2, negative_slope)))


def _wide(f: Any, kind: Any, *values: Any) -> tuple[Any, ...]:
    return tuple(f.cast(v, dtype=_FLOAT32, source=kind) for v in values) if is_half(kind) else values


_FLOAT32 = next(kind for kind in from_numpy if kind.name == "float32")


@op(saves=("x", "weight"))
def _prelu_kernel(xp: Any, x: Any, weight: Any) -> Any:
    return xp.where(x > 0, x, xp.asarray(x * weight).astype(x.dtype, copy=False))


@_prelu_kernel.vjp
def _(f: Any, g: Any, node: Any, x: Any, weight: Any) -> tuple[Any, ...]:
    kind = getattr(x, "_a", x).dtype
    xn, wn = node.edges
    gx = gw = None
    positive = x > 0
    if xn is not None:
        gx = f.where(positive, g, f.cast(g * weight, dtype=kind, source=kind))
    if wn is not None:
        wide_g, wide_x = _wide(f, kind, g, x)
        gw = unbroadcast(f, f.zero_where(wide_g * wide_x, positive), node.shapes[1])
        if is_half(kind):
            gw = f.cast(gw, dtype=kind, source=_FLOAT32)
    return gx, gw


def prelu(input: Any, weight: Any) -> Any:
    """x where x > 0, ``weight`` times x elsewhere, with one weight for all or one for each channel.

    Args:
        weight: the slope below 0: a number of no dimensions, or a vector with one number or one for each channel.

    Shape: input any, with its channels in dimension 1; the result has the input's.

    Raises:
        RuntimeError: the number of weights is neither 1 nor that of the channels, or the dtypes differ.

    Source: K. He and others, "Delving Deep into Rectifiers", 2015.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.prelu(nnlite.tensor([[-1.0, -2.0]]), nnlite.tensor([0.5, 0.25]))
        tensor([[-0.5000, -0.5000]])
    """
    for position, (argument, value) in enumerate((("input", input), ("weight", weight)), 1):
        if not isinstance(value, TensorBase):
            raise TypeError(
                f"prelu(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}; "
                "make one with nnlite.as_tensor(...)"
            )
    a, w = input._a, weight._a
    if a.dtype != w.dtype:
        given, found = (TITLES[from_numpy[v.dtype].name] for v in (a, w))
        raise RuntimeError(f"prelu: Type promoting not supported. Got {given} and {found} (convert one with .to())")
    if w.size != 1:
        if not a.ndim:
            raise RuntimeError("Not allow zero-dim input tensor. (prelu: several weights need a channel dimension)")
        channels = a.shape[1] if a.ndim > 1 else 1
        if w.size != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{w.size} and channel size = {channels}. (prelu)"
            )
    if w.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}")
    check_float("prelu", input)
    shape = tuple(w.size if i == 1 else 1 for i in range(a.ndim)) if a.ndim > 1 else (1,) * a.ndim
    return _prelu_kernel(input, weight if w.shape == shape else weight.reshape(shape))


@op("rrelu_with_noise", saves=("noise",))
def _rrelu(xp: Any, x: Any, noise: Any) -> Any:
    return xp.asarray(x * noise).astype(x.dtype, copy=False)


@_rrelu.vjp
def _(f: Any, g: Any, node: Any, noise: Any) -> tuple[Any, ...]:
    return f.rrelu_with_noise(g, noise), None


def _rrelu_run(input: Any, lower: float, upper: float, training: bool, inplace: bool, generator: Any = None) -> Any:
    if isinstance(input, TensorBase):
        lower, upper = number("rrelu", "lower", 2, lower), number("rrelu", "upper", 3, upper)
        for what, bound in (("lower", lower), ("upper", upper)):
            if training and not math.isfinite(bound):
                raise RuntimeError(f"rrelu: {what} bound must be finite, got {bound}")
        if lower > upper:
            raise RuntimeError(
                f"Lower bound should be less than or equal to the upper bound (rrelu: they are {lower} and {upper})"
            )
    check_float("rrelu", input, "rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu")
    if not training:
        return run(_rrelu_fixed, input, inplace, slope=(lower + upper) / 2)
    a = input._a
    slopes = rng.uniform(a.shape, from_numpy[a.dtype], device_of(a), generator)
    xp = backend_of(a).xp
    slopes = xp.where(a > 0, xp.ones((), a.dtype), slopes * (upper - lower) + lower)
    noise = wrap(xp.asarray(slopes).astype(a.dtype, copy=False))
    return in_place(_rrelu, input, noise) if inplace else _rrelu(input, noise)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """x where x > 0, a times x elsewhere, with a random a for each element.

    Args:
        lower, upper: between them lie the slopes.
        training: False takes the slope in the middle between them.
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        RuntimeError: ``lower`` is above ``upper``.
        NotImplementedError: the numbers are not floating point.

    Source: B. Xu and others, "Empirical Evaluation of Rectified Activations in Convolution Network", 2015.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.rrelu(nnlite.tensor([-1.0, 2.0]), 0.25, 0.75)
        tensor([-0.5000,  2.0000])
    """
    return _rrelu_run(input, lower, upper, training, inplace)


# ---------------------------------------------------------------------------------------------------------------------
# Exponential below 0


def _elu_gradient(f: Any, g: Any, x: Any, *, alpha: float, scale: float, input_scale: float) -> Any:
    below = f.exp(f.clamp(x, min=None, max=0.0) * input_scale) * (alpha * scale * input_scale)
    return f.where(x > 0, g * scale if scale != 1 else g, g * below)


def _elu_body(xp: Any, x: Any, *, alpha: float, scale: float, input_scale: float) -> Any:
    low = xp.minimum(x, 0)
    if input_scale != 1:
        low = low * input_scale
    low = xp.expm1(low) * (alpha * scale)
    return low + (xp.maximum(x, 0) * scale if scale != 1 else xp.maximum(x, 0))


_elu = formula(_elu_gradient, name="elu", kernel="elu_backward")(_elu_body)
_celu = formula(_elu_gradient, name="celu", kernel="celu_backward")(_elu_body)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where x > 0, alpha (e^x - 1) elsewhere.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Source: D. Clevert and others, "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2016.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.elu(nnlite.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    check_float("elu", input)
    alpha = float(number("elu", "alpha", 2, alpha))
    return run(_elu, input, inplace, alpha=alpha, scale=1.0, input_scale=1.0)


def selu(input: Any, inplace: bool = False) -> Any:
    """s x where x > 0, s alpha (e^x - 1) elsewhere, with s = 1.0507 and alpha = 1.6733.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Source: G. Klambauer and others, "Self-Normalizing Neural Networks", 2017.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.selu(nnlite.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """
    check_float("selu", input, "elu_cpu")
    return run(_elu, input, inplace, alpha=_ALPHA, scale=_SCALE, input_scale=1.0)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where x > 0, alpha (e^(x / alpha) - 1) elsewhere.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        RuntimeError: ``alpha`` is 0.
        NotImplementedError: the numbers are not floating point.

    Source: J. Barron, "Continuously Differentiable Exponential Linear Units", 2017.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.celu(nnlite.tensor([-1.0, 2.0]), alpha=2.0)
        tensor([-0.7869,  2.0000])
    """
    alpha = float(number("celu", "alpha", 2, alpha))
    if not alpha:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    check_float("celu", input, "elu_cpu")
    return run(_celu, input, inplace, alpha=alpha, scale=1.0, input_scale=1 / alpha)


# ---------------------------------------------------------------------------------------------------------------------
# Cut off


def _hardtanh_gradient(f: Any, g: Any, x: Any, *, low: float, high: float) -> Any:
    return f.zero_where(g, ~((x > low) & (x < high)))


@formula(_hardtanh_gradient, kernel="hardtanh_backward")
def _hardtanh(xp: Any, x: Any, *, low: float, high: float) -> Any:
    return xp.minimum(xp.maximum(x, low), high)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x limited to [min_val, max_val], elementwise. The gradient is 0 at the bounds and beyond.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        ValueError: ``min_val`` is above ``max_val``.
        RuntimeError: the input is a bool tensor, or unsigned with negative bounds.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.hardtanh(nnlite.tensor([-2.0, 0.5, 2.0]))
        tensor([-1.0000,  0.5000,  1.0000])
    """
    low, high = number("hardtanh", "min_val", 2, min_val), number("hardtanh", "max_val", 3, max_val)
    if low > high:
        raise ValueError(f"min_val cannot be greater than max_val (hardtanh: they are {low} and {high})")
    if isinstance(input, TensorBase):
        kind = input._a.dtype.kind
        if kind == "b":
            raise RuntimeError("Bool inputs not supported for hardtanh")
        if kind == "c":
            raise NotImplementedError("clamp is not supported for complex types (hardtanh)")
        if kind in "iu":
            low, high = int(low), int(high)
            if kind == "u" and low < 0:
                raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    check_float("hardtanh", input, kinds="fViu")
    return run(_hardtanh, input, inplace, low=low, high=high)


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(x, 0), 6), elementwise.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        RuntimeError: the input is a bool tensor.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.relu6(nnlite.tensor([-1.0, 2.0, 8.0]))
        tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def _hardsigmoid_gradient(f: Any, g: Any, x: Any) -> Any:
    return f.zero_where(g * (1 / 6), ~((x > -3) & (x < 3)))


@formula(_hardsigmoid_gradient, kernel="hardsigmoid_backward")
def _hardsigmoid(xp: Any, x: Any) -> Any:
    return xp.minimum(xp.maximum(x + 3, 0), 6) / 6


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """x / 6 + 1/2 limited to [0, 1], elementwise.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.hardsigmoid(nnlite.tensor([-4.0, 0.0, 1.5]))
        tensor([0.0000, 0.5000, 0.7500])
    """
    check_float("hardsigmoid", input)
    return run(_hardsigmoid, input, inplace)


def _hardswish_gradient(f: Any, g: Any, x: Any) -> Any:
    return f.zero_where(f.where(x >= 3, g, g * (x * (1 / 3) + 0.5)), x <= -3)


@formula(_hardswish_gradient, kernel="hardswish_backward")
def _hardswish(xp: Any, x: Any) -> Any:
    return x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x times (x / 6 + 1/2 limited to [0, 1]), elementwise.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Source: A. Howard and others, "Searching for MobileNetV3", 2019.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.hardswish(nnlite.tensor([-2.0, 1.5, 4.0]))
        tensor([-0.3333,  1.1250,  4.0000])
    """
    check_float("hardswish", input)
    return run(_hardswish, input, inplace)


def _threshold_gradient(f: Any, g: Any, x: Any, *, threshold: float, value: float) -> Any:
    return f.zero_where(g, x <= threshold)


@formula(_threshold_gradient, kernel="threshold_backward")
def _threshold(xp: Any, x: Any, *, threshold: float, value: float) -> Any:
    if value == threshold:
        return xp.maximum(x, value)
    return tables[type(x)].where(x <= threshold, xp.full_like(x, value), x)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False, *, out: Any = None) -> Any:
    """x where x > ``threshold``, ``value`` elsewhere.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the input is a bool tensor.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.threshold(nnlite.tensor([0.5, 2.0]), 1.0, -1.0)
        tensor([-1.,  2.])
    """
    limit, value = number("threshold", "threshold", 2, threshold), number("threshold", "value", 3, value)
    check_float("threshold", input, kinds="fViu")
    if input._a.dtype.kind in "iu":
        limit, value = int(limit), int(value)
    result = run(_threshold, input, inplace, threshold=limit, value=value)
    return result if out is None else put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# Shrunk towards 0


def _shrink_gradient(f: Any, g: Any, x: Any, *, lambd: float) -> Any:
    return f.zero_where(g, ~((x < -lambd) | (x > lambd)))


@formula(_shrink_gradient, kernel="hardshrink_backward")
def _hardshrink(xp: Any, x: Any, *, lambd: float) -> Any:
    return tables[type(x)].zero_where(x, (x >= -lambd) & (x <= lambd))


@formula(_shrink_gradient, kernel="softshrink_backward")
def _softshrink(xp: Any, x: Any, *, lambd: float) -> Any:
    return x - xp.minimum(xp.maximum(x, -lambd), lambd)


def hardshrink(input: Any, lambd: float = 0.5, *, out: Any = None) -> Any:
    r"""x where \|x\| > ``lambd``, 0 elsewhere.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.hardshrink(nnlite.tensor([-1.0, 0.25, 2.0]))
        tensor([-1.,  0.,  2.])
    """
    check_float("hardshrink", input)
    result = _hardshrink(input, lambd=number("hardshrink", "lambd", 2, lambd))
    return result if out is None else put(result, out)


_LARGEST = {"float16": 65504.0, "bfloat16": 3.38953e38, "float32": 3.40282e38, "float64": 1.79769e308}


def softshrink(input: Any, lambd: float = 0.5, *, out: Any = None) -> Any:
    r"""x moved by ``lambd`` towards 0, and 0 where \|x\| <= ``lambd``.

    Shape: any; the result has the input's.

    Raises:
        RuntimeError: ``lambd`` is negative, or above what the dtype can hold.
        NotImplementedError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.softshrink(nnlite.tensor([-1.0, 0.25, 2.0]))
        tensor([-0.5000,  0.0000,  1.5000])
    """
    check_float("softshrink", input, "softshrink_check")
    lambd = number("softshrink", "lambd", 2, lambd)
    name = from_numpy[input._a.dtype].name
    if not 0 <= lambd <= _LARGEST[name] * 1.0001:
        raise RuntimeError(
            f"lambda must be in range [0, {_LARGEST[name]:g}] for input dtype {TITLES[name]}, but found {lambd:g} "
            "(softshrink)"
        )
    result = _softshrink(input, lambd=lambd)
    return result if out is None else put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# In place, and as functions of nnlite


def hardtanh_(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """``hardtanh`` in place."""
    return hardtanh(input, min_val, max_val, True)


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Any:
    """``leaky_relu`` in place."""
    return leaky_relu(input, negative_slope, True)


def elu_(input: Any, alpha: float = 1.0) -> Any:
    """``elu`` in place."""
    return elu(input, alpha, True)


def selu_(input: Any) -> Any:
    """``selu`` in place."""
    return selu(input, True)


def celu_(input: Any, alpha: float = 1.0) -> Any:
    """``celu`` in place."""
    return celu(input, alpha, True)


def threshold_(input: Any, threshold: float, value: float) -> Any:
    """``threshold`` in place."""
    return _threshold_function(input, threshold, value, True)


_threshold_function = threshold


def rrelu_(input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Any:
    """``rrelu`` in place."""
    return _rrelu_run(input, lower, upper, training, True)


def _rrelu_function(
    input: Any,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    generator: Any = None,
) -> Any:
    """See :func:`nnlite.nn.functional.rrelu`; with a generator."""
    return _rrelu_run(input, lower, upper, training, False, generator)


_rrelu_function.__name__ = _rrelu_function.__qualname__ = "rrelu"

for _function in (celu, celu_, hardshrink, prelu, rrelu_, selu, selu_, threshold, threshold_, _rrelu_function):
    FUNCTIONS[_function.__name__] = _function
METHODS["prelu"], METHODS["hardshrink"] = prelu, hardshrink
