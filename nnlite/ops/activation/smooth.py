"""Smooth activation functions: GELU, SiLU, Mish, Softplus and their kin.

Backward keeps the input alone and computes the function's parts again, a block at a time.
"""

from __future__ import annotations

import math
from typing import Any

from ..._core import rng
from ..._core.device import device_of
from ..._core.dtypes import from_numpy
from ..._core.op import TensorBase, op, recorded, unary
from ..._core.tensor_base import wrap
from ...backends.registry import tables
from .._axes import axis_of
from .._formula import apply, check_float, formula, number, run
from .._public import put
from ..pointwise import elementwise as e
from .softmax import _implicit_dim, title_of

_SQRT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)
_SQRT_TWO_OVER_PI = math.sqrt(2 / math.pi)
_CUBE = 0.044715


# ---------------------------------------------------------------------------------------------------------------------
# GELU


_cdf = unary(
    "gelu_cdf",
    lambda xp, x: 0.5 * (1 + xp.erf(x * _SQRT_HALF)),
    lambda f, g, x: g * (_DENSITY * f.exp(-0.5 * (x * x))),
)
"""P(X <= x) for a standard normal X, to as many digits as GELU needs."""


def _gelu_gradient(f: Any, g: Any, x: Any, *, approximate: str) -> Any:
    x = f.clamp(x, min=-40.0, max=40.0)  # beyond it is 0 or 1, where parts of the formula would be infinite
    if approximate == "none":
        return g * (f.gelu_cdf(x) + x * (_DENSITY * f.exp(-0.5 * (x * x))))
    square = x * x
    t = f.tanh(_SQRT_TWO_OVER_PI * x * (1 + _CUBE * square))
    inner = _SQRT_TWO_OVER_PI * (1 + 3 * _CUBE * square)
    return g * (0.5 * (1 + t) + 0.5 * x * ((1 - t * t) * inner))


@formula(_gelu_gradient, kernel="gelu_backward")
def _gelu(xp: Any, x: Any, *, approximate: str) -> Any:
    if approximate == "none":
        return x * tables[type(x)].gelu_cdf(x)
    return 0.5 * x * (1 + xp.tanh(_SQRT_TWO_OVER_PI * x * (1 + _CUBE * (x * x))))


def gelu(input: Any, approximate: str = "none", *, out: Any = None) -> Any:
    """x P(X <= x) for a standard normal X: 0.5 x (1 + erf(x / sqrt(2))), elementwise.

    Args:
        approximate: ``"none"``, or ``"tanh"`` for 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).

    Shape: any; the result has the input's.

    Raises:
        RuntimeError: ``approximate`` is neither.
        NotImplementedError: the numbers are not floating point.

    Source: D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units (GELUs)", 2016.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.gelu(nnlite.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1587,  0.0000,  0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh. (gelu: it is {approximate!r})")
    check_float("gelu", input, "GeluKernelImpl")
    result = _gelu(input, approximate=approximate)
    return result if out is None else put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# SiLU, Mish


def _silu_gradient(f: Any, g: Any, x: Any) -> Any:
    s = f.sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


@formula(_silu_gradient, kernel="silu_backward")
def _silu(xp: Any, x: Any) -> Any:
    return x / (1 + xp.exp(-x))


def silu(input: Any, inplace: bool = False) -> Any:
    """x / (1 + e^-x), elementwise; also called swish.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are integers.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.silu(nnlite.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.2689,  0.0000,  0.7311])
    """
    check_float("silu", input, kinds="fVc")
    return run(_silu, input, inplace)


def _mish_gradient(f: Any, g: Any, x: Any) -> Any:
    # tanh(log(1 + e)) = n / (n + 2), where n = e (e + 2); beyond 20 it is 1 in float32, beyond 40 in float64.
    e = f.exp(f.clamp(x, min=None, max=40.0))
    n = e * (e + 2)
    t = n / (n + 2)
    return g * (t + x * f.sigmoid(x) * (1 - t) * (1 + t))


@formula(_mish_gradient, kernel="mish_backward")
def _mish(xp: Any, x: Any) -> Any:
    e = xp.exp(xp.minimum(x, 40))
    n = e * (e + 2)
    return x * (n / (n + 2))


def mish(input: Any, inplace: bool = False) -> Any:
    """x tanh(log(1 + e^x)), elementwise.

    Args:
        inplace: write the result into the input.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Source: D. Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2019.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.mish(nnlite.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.3034,  0.0000,  0.8651])
    """
    check_float("mish", input)
    return run(_mish, input, inplace)


# ---------------------------------------------------------------------------------------------------------------------
# Softplus and the logarithm of the sigmoid


def _exact(x: Any, threshold: float) -> bool:
    """Whether x is log(1 + e^x) in float32 before the threshold is reached."""
    return threshold >= 20 and getattr(x, "_a", x).dtype.itemsize <= 4


def _softplus_gradient(f: Any, g: Any, x: Any, *, beta: float, threshold: float) -> Any:
    z = x * beta if beta != 1 else x
    slope = g * f.sigmoid(z)
    return slope if _exact(x, threshold) else f.where(z > threshold, g, slope)


@formula(_softplus_gradient, kernel="softplus_backward")
def _softplus(xp: Any, x: Any, *, beta: float, threshold: float) -> Any:
    z = x * beta if beta != 1 else x
    soft = xp.log1p(xp.exp(-xp.absolute(z))) + xp.maximum(z, 0)  # log(1 + e^z) without overflow
    if beta != 1:
        soft = soft / beta
    return soft if _exact(x, threshold) else tables[type(x)].where(z > threshold, x, soft)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0, *, out: Any = None) -> Any:
    """log(1 + e^(beta x)) / beta, elementwise: a smooth form of max(x, 0).

    Args:
        beta: how sharp the bend at 0 is.
        threshold: where beta x lies above it, the result is x.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.softplus(nnlite.tensor([-1.0, 0.0, 100.0]))
        tensor([  0.3133,   0.6931, 100.0000])
    """
    check_float("softplus", input)
    beta, threshold = number("softplus", "beta", 2, beta), number("softplus", "threshold", 3, threshold)
    result = _softplus(input, beta=beta, threshold=threshold)
    return result if out is None else put(result, out)


def _logsigmoid_gradient(f: Any, g: Any, x: Any) -> Any:
    return g * f.sigmoid(-x)


@formula(_logsigmoid_gradient, title="LogSigmoidBackward0", kernel="logsigmoid_backward")
def _logsigmoid(xp: Any, x: Any) -> Any:
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.absolute(x)))


def logsigmoid(input: Any, *, out: Any = None) -> Any:
    """log(1 / (1 + e^-x)), elementwise, without overflow.

    Shape: any; the result has the input's.

    Raises:
        NotImplementedError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.logsigmoid(nnlite.tensor([-1000.0, 0.0]))
        tensor([-1.0000e+03, -6.9315e-01])
    """
    check_float("log_sigmoid", input)
    result = _logsigmoid(input)
    return result if out is None else put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# Formulas of tensors


def _tanhshrink_gradient(f: Any, g: Any, x: Any) -> Any:
    t = f.tanh(x)
    return g * (t * t)


@formula(_tanhshrink_gradient, title="SubBackward0", kernel="tanhshrink_backward")
def _tanhshrink(xp: Any, x: Any) -> Any:
    return x - xp.tanh(x)


def tanhshrink(input: Any) -> Any:
    """x - tanh(x), elementwise.

    Shape: any; the result has the input's.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.tanhshrink(nnlite.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.2384,  0.0000,  0.2384])
    """
    if isinstance(input, TensorBase) and input._a.dtype.kind not in "fV":
        return input - input.tanh()
    check_float("tanhshrink", input)
    return _tanhshrink(input)


def _softsign_gradient(f: Any, g: Any, x: Any) -> Any:
    below = 1 + f.abs(x)
    return g / (below * below)


@formula(_softsign_gradient, title="DivBackward0", kernel="softsign_backward")
def _softsign(xp: Any, x: Any) -> Any:
    return x / (1 + xp.absolute(x))


def softsign(input: Any) -> Any:
    r"""x / (1 + \|x\|), elementwise.

    Shape: any; the result has the input's.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.softsign(nnlite.tensor([-1.0, 0.0, 3.0]))
        tensor([-0.5000,  0.0000,  0.7500])
    """
    if isinstance(input, TensorBase) and input._a.dtype.kind in "iuc":
        return input / (input.abs() + 1)
    check_float("softsign", input, "abs_cpu")
    return _softsign(input)


# ---------------------------------------------------------------------------------------------------------------------
# GLU


def _halves(x: Any, axis: int) -> tuple[Any, Any]:
    half = x.shape[axis] // 2
    lead = (slice(None),) * axis
    return x[(*lead, slice(half))], x[(*lead, slice(half, None))]


@op(saves=("x",))
def _glu(xp: Any, x: Any, *, axis: int) -> Any:
    a, b = _halves(x, axis)
    return apply(xp, lambda a, b: a / (1 + xp.exp(-b)), a, b)


@_glu.vjp
def _(f: Any, g: Any, node: Any, x: Any) -> tuple[Any, ...]:
    axis = node.attrs["axis"]
    if f is recorded:
        a, b = _halves(x, axis)
        s = f.sigmoid(b)
        ga = g * s
        return (f.concatenate(ga, ga * (a * (1 - s)), axis=axis),)
    return (f.glu_backward(g, x, axis=axis),)


@op()
def _glu_backward(xp: Any, g: Any, x: Any, *, axis: int) -> Any:
    out = xp.empty_like(x)
    ga, gb = _halves(out, axis)
    a, b = _halves(x, axis)
    s = apply(xp, tables[type(x)].sigmoid, b)
    ga[...] = apply(xp, lambda g, s: g * s, g, s)
    gb[...] = apply(xp, lambda ga, a, s: ga * (a * (1 - s)), ga, a, s)
    return out


def glu(input: Any, dim: int = -1) -> Any:
    """a / (1 + e^-b), where a is the first half of the input along ``dim`` and b the second.

    Shape: any with an even size 2 n along ``dim``; the result has n there.

    Raises:
        RuntimeError: the size is odd, or there is no dimension.
        IndexError: there is no such dimension.

    Source: Y. Dauphin and others, "Language Modeling with Gated Convolutional Networks", 2017.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.glu(nnlite.tensor([2.0, 4.0, 0.0, 0.0]))
        tensor([1., 2.])
    """
    if isinstance(input, TensorBase) and not input._a.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    if isinstance(input, TensorBase):
        axis = axis_of(dim, input._a.ndim)
        size = input._a.shape[axis]
        if size % 2:
            raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {size}")
    check_float("glu", input)
    return _glu(input, axis=axis)


# ---------------------------------------------------------------------------------------------------------------------
# Relatives of softmax


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(-x_i) / sum_j exp(-x_j) along ``dim``.

    Without ``dim`` it is 0 for inputs of 0, 1 or 3 dimensions and 1 for others, with a warning.

    Args:
        _stacklevel: accepted; warnings name the line of the program.
        dtype: the input is converted to this dtype first.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.softmin(nnlite.zeros(1, 4), dim=1)
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    if dim is None:
        dim = _implicit_dim("softmin", input.dim())
    return (-input).softmax(dim, dtype)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """A random sample near a corner: the softmax of (x_i + n_i) / tau, with n_i from Gumbel's distribution.

    Args:
        logits: logarithms of probabilities, up to a number added to all.
        tau: the smaller it is, the nearer to a corner.
        hard: return the corner itself, with the gradient of the sample.
        eps: has no effect.
        dim: the dimension along which the samples add up to 1.

    Shape: any; the result has the input's.

    Raises:
        RuntimeError: the numbers are not floating point.

    Source: E. Jang and others, "Categorical Reparameterization with Gumbel-Softmax", 2017.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.gumbel_softmax(nnlite.tensor([0.0, 100.0]), hard=True)
        tensor([0., 1.])
    """
    if not isinstance(logits, TensorBase):
        check_float("gumbel_softmax", logits)
    a = logits._a
    if a.dtype.kind not in "fV":
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a floating point but "
            f"you specified {title_of(a)} (gumbel_softmax: call .float())"
        )
    noise: Any = wrap(rng.uniform(a.shape, from_numpy[a.dtype], device_of(a)))
    # 1 - u is never 0; an exponential number of 0 is infinite noise, which the smallest number keeps away.
    noise = -(-e.log1p(-noise)).clamp(min=_smallest(a)).log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    at = soft.max(dim, keepdim=True)[1]
    corner = e.zeros_like(soft.detach()).scatter(dim, at, 1.0)
    return corner - soft.detach() + soft


def _smallest(a: Any) -> float:
    """The smallest normal number of a dtype."""
    return 6.2e-05 if a.dtype.name == "float16" else 1.2e-38
