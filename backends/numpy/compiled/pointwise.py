"""Formulas of one number each, and their gradients, in one pass over the memory: activation functions, the error
functions, dropout.

Times in the docstrings are for a million float32 numbers on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...kernels import kernel
from ..first_use import load, worth
from ..kernels import OVERRIDES
from .team import share

_FLOAT32 = np.dtype(np.float32)

LEAST = 1 << 10
"""Numbers from which on a compiled formula pays, of those that are many array expressions else."""

LEAST_OF_FEW = 1 << 14
"""The same for formulas of few array expressions."""

GRAIN = 1 << 16
"""Fewer numbers than this are not worth a thread."""


def _whole(x: Any) -> bool:
    """Whether an array is float32 without gaps."""
    return x.dtype is _FLOAT32 and x.flags.c_contiguous


def _fit(g: Any, x: Any) -> bool:
    """Whether gradient and input can be taken; gaps in the gradient are filled."""
    return worth(x.size, LEAST) and _whole(x) and g.dtype is _FLOAT32 and g.shape == x.shape


def _takes(x: Any) -> bool:
    return worth(x.size, LEAST) and _whole(x)


def _takes_large(x: Any) -> bool:
    return worth(x.size, LEAST_OF_FEW) and _whole(x)


def _takes_gelu(x: Any, *, approximate: str) -> bool:
    return worth(x.size, LEAST) and _whole(x)


def _takes_gelu_pair(g: Any, x: Any, *, approximate: str) -> bool:
    return _fit(g, x)


def _takes_mask(x: Any, keep: Any, *, scale: float) -> bool:
    return (
        worth(x.size, LEAST_OF_FEW)
        and _whole(x)
        and keep.shape == x.shape
        and keep.dtype == np.bool_
        and keep.flags.c_contiguous
    )


def _run(name: str, *arrays: np.ndarray, numbers: tuple[float, ...] = ()) -> np.ndarray:
    """The result of a kernel for all numbers of the arrays; ``numbers`` are its last arguments."""
    run = getattr(load("pointwise"), name)
    out = np.empty(arrays[0].shape, np.float32)
    flat = [a.ravel() for a in arrays]  # which copies where there are gaps
    _share(out.size, run, *flat, out.reshape(-1), last=tuple(map(np.float32, numbers)))
    return out


def _share(size: int, run: Any, *arguments: Any, last: tuple[Any, ...] = ()) -> None:
    """Call a kernel for all numbers; without threads at once, which is 1 us less."""
    if size <= GRAIN:
        run(*arguments, 0, size, *last)
    else:
        share(size, lambda start, stop: run(*arguments, start, stop, *last), GRAIN)


def _formula(name: str, when: Callable[[Any], bool], gain: str) -> Callable[[np.ndarray], np.ndarray]:
    """The kernel of an operation that has one array and no settings."""

    def formula(x: np.ndarray) -> np.ndarray:
        return _run(name, x)

    formula.__doc__ = gain
    return kernel(name, table=OVERRIDES, when=when, above=True)(formula)


def _gradient(name: str, gain: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The kernel of the gradient of such an operation."""

    def gradient(g: np.ndarray, x: np.ndarray) -> np.ndarray:
        return _run(f"{name}_gradient", g, x)

    gradient.__doc__ = gain
    return kernel(f"{name}_backward", table=OVERRIDES, when=_fit, above=True)(gradient)


silu = _formula("silu", _takes_large, "0.9 ms in place of 1.7.")
silu_backward = _gradient("silu", "1.0 ms in place of 2.7.")
sigmoid = _formula("sigmoid", _takes_large, "0.8 ms in place of 1.8.")
hardswish = _formula("hardswish", _takes, "0.4 ms in place of 1.5.")
hardswish_backward = _gradient("hardswish", "0.6 ms in place of 3.0.")
erf = _formula("erf", _takes, "0.7 ms in place of 7.")
erfc = _formula("erfc", _takes, "1.4 ms in place of 19.")
erfinv = _formula("erfinv", _takes, "1.8 ms in place of 7.6.")


@kernel("gelu", table=OVERRIDES, when=_takes_gelu, above=True)
def gelu(x: np.ndarray, *, approximate: str) -> np.ndarray:
    """0.6 ms in place of 6.8; of the form with tanh 1.0 in place of 2.8."""
    return _run("gelu" if approximate == "none" else "gelu_tanh", x)


@kernel("gelu_backward", table=OVERRIDES, when=_takes_gelu_pair, above=True)
def gelu_backward(g: np.ndarray, x: np.ndarray, *, approximate: str) -> np.ndarray:
    """1.4 ms in place of 9.2; of the form with tanh 1.5 in place of 6.5."""
    return _run("gelu_gradient" if approximate == "none" else "gelu_tanh_gradient", g, x)


def _takes_relu_pair(g: Any, out: Any) -> bool:
    return worth(out.size, LEAST_OF_FEW) and _fit(g, out)


@kernel("relu_backward", table=OVERRIDES, when=_takes_relu_pair, above=True)
def relu_backward(g: np.ndarray, out: np.ndarray) -> np.ndarray:
    """0.6 ms in place of 1.0."""
    return _run("relu_gradient", g, out)


def _takes_leaky(x: Any, *, slope: float) -> bool:
    return _takes_large(x)


def _takes_leaky_pair(g: Any, x: Any, *, slope: float) -> bool:
    return worth(x.size, LEAST_OF_FEW) and _fit(g, x)


@kernel("leaky_relu", table=OVERRIDES, when=_takes_leaky, above=True)
def leaky_relu(x: np.ndarray, *, slope: float) -> np.ndarray:
    """0.4 ms in place of 0.7."""
    return _run("leaky_relu", x, numbers=(slope,))


@kernel("leaky_relu_backward", table=OVERRIDES, when=_takes_leaky_pair, above=True)
def leaky_relu_backward(g: np.ndarray, x: np.ndarray, *, slope: float) -> np.ndarray:
    """0.6 ms in place of 1.6."""
    return _run("leaky_relu_gradient", g, x, numbers=(slope,))


def _takes_elu(x: Any, *, alpha: float, scale: float, input_scale: float) -> bool:
    return worth(x.size, LEAST) and _whole(x)


def _takes_elu_pair(g: Any, x: Any, *, alpha: float, scale: float, input_scale: float) -> bool:
    return _fit(g, x)


@kernel("elu", table=OVERRIDES, when=_takes_elu, above=True)
def elu(x: np.ndarray, *, alpha: float, scale: float, input_scale: float) -> np.ndarray:
    """1.1 ms in place of 1.9."""
    return _run("elu", x, numbers=(input_scale, alpha * scale, scale))


@kernel("elu_backward", table=OVERRIDES, when=_takes_elu_pair, above=True)
def elu_backward(g: np.ndarray, x: np.ndarray, *, alpha: float, scale: float, input_scale: float) -> np.ndarray:
    """0.9 ms in place of 3.7."""
    return _run("elu_gradient", g, x, numbers=(input_scale, alpha * scale, scale))


@kernel("dropout", table=OVERRIDES, when=_takes_mask, above=True)
def dropout(x: np.ndarray, keep: np.ndarray, *, scale: float) -> np.ndarray:
    """0.45 ms in place of 0.86."""
    run, factor = load("pointwise").keep, np.float32(scale)
    out = np.empty(x.shape, np.float32)
    _share(out.size, run, x.reshape(-1), keep.view(np.uint8).reshape(-1), factor, out.reshape(-1))
    return out


def warm_up() -> None:
    """Compile the kernels of this file."""
    x = np.zeros(1, np.float32)
    slopes = {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}
    for options in ({"approximate": "none"}, {"approximate": "tanh"}):
        gelu(x, **options)
        gelu_backward(x, x, **options)
    for function in (silu, sigmoid, erf, erfc, erfinv, hardswish):
        function(x)
    for gradient in (silu_backward, relu_backward, hardswish_backward):
        gradient(x, x)
    leaky_relu(x, slope=0.1)
    leaky_relu_backward(x, x, slope=0.1)
    elu(x, **slopes)
    elu_backward(x, x, **slopes)
    dropout(x, x == 0, scale=1.0)
