"""Initial values of parameters. Each function fills its tensor in place, outside of any graph, and returns it."""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from .._core.dtypes import float32, float64
from .._core.grad_mode import no_grad
from .._core.tensor_base import wrap
from ..backends import table_for
from ..creation import as_tensor, empty
from ..tensor import Tensor
from ._quantile import normal_quantile

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_F = TypeVar("_F", bound=Callable[..., Any])


class _State(threading.local):
    skip = False


_state = _State()


@contextmanager
def skipped() -> Iterator[None]:
    """In this context the functions here leave their tensors as they are."""
    before, _state.skip = _state.skip, True
    try:
        yield
    finally:
        _state.skip = before


def _fills(function: _F) -> _F:
    """A function that fills its first argument: not recorded, and nothing in the context of ``skipped``."""

    @functools.wraps(function)
    def filling(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if _state.skip:
            return tensor
        with no_grad():
            return function(tensor, *args, **kwargs)

    return filling  # type: ignore[return-value]


_LINEAR = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    r"""The factor by which weights before a nonlinearity should be larger, so that its output keeps the variance.

    1 for linear and convolution layers and the sigmoid, 5/3 for ``tanh``, sqrt(2) for ``relu``,
    sqrt(2 / (1 + negative_slope**2)) for ``leaky_relu``, 3/4 for ``selu``.

    Args:
        nonlinearity: the name of the function in `nnlite.nn.functional`.
        param: the negative slope of ``leaky_relu`` (default 0.01).

    Raises:
        ValueError: the name is none of these, or the slope is not a number.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.calculate_gain("leaky_relu", 0.2)
        1.3867504905630728
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs reach an output of a layer with this weight, and how many outputs an input reaches."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


@_fills
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with values of the uniform distribution on [a, b).

    Example:
        >>> import nnlite
        >>> w = nnlite.nn.init.uniform_(nnlite.empty(3, 5), -1, 1)
        >>> bool((w.abs() <= 1).all())
        True
    """
    return tensor.uniform_(a, b, generator=generator)


@_fills
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with values of the normal distribution.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.normal_(nnlite.empty(3, 5), std=0.01).shape
        torch.Size([3, 5])
    """
    return tensor.normal_(mean, std, generator=generator)


@_fills
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Fill with values of the normal distribution, restricted to [a, b].

    Uniform values between the probabilities of ``a`` and ``b`` are put through the inverse of the distribution
    function, so the values are right also where [a, b] lies far from the mean.

    Args:
        tensor: a tensor of a floating-point type.
        mean, std: of the normal distribution before it is cut.
        a, b: the smallest and the largest value.
        generator: source of the random numbers.

    Raises:
        ValueError: ``std`` is not positive.
        RuntimeError: ``a`` is larger than ``b``.

    Example:
        >>> import nnlite
        >>> w = nnlite.nn.init.trunc_normal_(nnlite.empty(3, 5), std=0.02, a=-0.04, b=0.04)
        >>> bool((w.abs() <= 0.04).all())
        True
    """
    if not std > 0:
        raise ValueError(f"trunc_normal_: expected std > 0, got {std}; constant_ fills with one value")
    if a > b:
        raise RuntimeError(f"trunc_normal_: expected a <= b, got a={a} > b={b}")
    low, high, sign = (a - mean) / std, (b - mean) / std, 1
    if low > 0:  # the mirror image: small probabilities are exact where those near 1 are not
        low, high, sign = -high, -low, -1
    lowest, highest = _normal_cdf(low), _normal_cdf(high)
    uniform = _working_copy(tensor).uniform_(generator=generator)._a
    p = lowest + (highest - lowest) * uniform
    values = mean + sign * std * normal_quantile(table_for(p).backend_.xp, p)
    return tensor.copy_(wrap(values)).clamp_(a, b)


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _working_copy(tensor: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
    """A new tensor like this one, without values, of float32 where its type is narrower."""
    dtype = float64 if tensor.dtype is float64 else float32
    return empty(tensor.shape if shape is None else shape, dtype=dtype, device=tensor.device)


@_fills
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.constant_(nnlite.empty(2), 0.5)
        tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


@_fills
def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.ones_(nnlite.empty(2))
        tensor([1., 1.])
    """
    return tensor.fill_(1.0)


@_fills
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.zeros_(nnlite.empty(2))
        tensor([0., 0.])
    """
    return tensor.zero_()


@_fills
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity, so that a linear layer passes as many inputs on as it has outputs.

    Raises:
        ValueError: the tensor has not 2 dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.eye_(nnlite.empty(2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(as_tensor(np.eye(*tensor.shape, dtype=np.float32)))


@_fills
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that it passes as many input channels on as it can, in each group.

    Shape:
        tensor: (out_channels, in_channels / groups, *kernel) with 1 to 3 dimensions of the kernel.

    Raises:
        ValueError: the tensor has not 3, 4 or 5 dimensions, or ``groups`` does not divide the output channels.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.dirac_(nnlite.empty(2, 2, 3))
        tensor([[[0., 1., 0.],
                 [0., 0., 0.]],
        <BLANKLINE>
                [[0., 0., 0.],
                 [0., 1., 0.]]])
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    outputs, inputs, *kernel = tensor.shape
    if outputs % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(tensor.shape, np.float32)
    centre = tuple(size // 2 for size in kernel)
    for group_start in range(0, outputs, outputs // groups):
        for channel in range(min(outputs // groups, inputs)):
            values[(group_start + channel, channel, *centre)] = 1
    return tensor.copy_(as_tensor(values))


@_fills
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    r"""Fill with uniform values on [-a, a), a = gain * sqrt(6 / (fan_in + fan_out)).

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010.

    Raises:
        ValueError: the tensor has fewer than 2 dimensions.

    Example:
        >>> import nnlite
        >>> w = nnlite.nn.init.xavier_uniform_(nnlite.empty(3, 3), gain=nnlite.nn.init.calculate_gain("relu"))
        >>> bool(w.abs().max() <= 2**0.5)
        True
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return tensor.uniform_(-bound, bound, generator=generator)


@_fills
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    r"""Fill with normal values of mean 0 and std = gain * sqrt(2 / (fan_in + fan_out)).

    Source and errors: as for `xavier_uniform_`.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.xavier_normal_(nnlite.empty(3, 5)).shape
        torch.Size([3, 5])
    """
    return tensor.normal_(0.0, _xavier_std(tensor, gain), generator=generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    # A tensor without elements may have no fans; it has no values either.
    return gain * math.sqrt(2.0 / max(1, sum(_calculate_fan_in_and_fan_out(tensor))))


@_fills
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    r"""Fill with uniform values on [-b, b), b = gain * sqrt(3 / fan).

    Args:
        tensor: the weight of a layer, at least 2 dimensions.
        a: the negative slope of the ``leaky_relu`` after the layer.
        mode: ``"fan_in"`` keeps the variance forwards, ``"fan_out"`` backwards.
        nonlinearity: what comes after the layer; see `calculate_gain`.
        generator: source of the random numbers.

    Raises:
        ValueError: fewer than 2 dimensions, or an unknown ``mode`` or ``nonlinearity``.

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015.

    Example:
        >>> import nnlite
        >>> w = nnlite.nn.init.kaiming_uniform_(nnlite.empty(3, 6), nonlinearity="relu")
        >>> bool(w.abs().max() <= 1)
        True
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return tensor.uniform_(-bound, bound, generator=generator)


@_fills
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    r"""Fill with normal values of mean 0 and std = gain / sqrt(fan).

    Arguments, errors and source: as for `kaiming_uniform_`.

    Example:
        >>> import nnlite
        >>> nnlite.nn.init.kaiming_normal_(nnlite.empty(3, 5), mode="fan_out", nonlinearity="relu").shape
        torch.Size([3, 5])
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else tensor.normal_(0.0, std, generator=generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


@_fills
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fill with a random (semi-)orthogonal matrix; dimensions after the first count as one.

    Raises:
        ValueError: the tensor has fewer than 2 dimensions.

    Source: A. Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
    2013; the signs make the matrix uniformly distributed: F. Mezzadri, "How to generate random matrices from the
    classical compact groups", Notices of the AMS 54 (2007).

    Example:
        >>> import nnlite
        >>> w = nnlite.nn.init.orthogonal_(nnlite.empty(3, 5))
        >>> bool((w @ w.t() - nnlite.eye(3)).abs().max() < 1e-5)
        True
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    flat = _working_copy(tensor, (max(rows, columns), min(rows, columns))).normal_(0.0, 1.0, generator=generator)._a
    xp = table_for(flat).backend_.xp
    q, r = xp.linalg.qr(flat)
    q = q * xp.sign(xp.diagonal(r))
    if rows < columns:
        q = q.T
    return tensor.copy_(wrap((gain * q).reshape(tensor.shape)))


@_fills
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix with normal values, of which in each column the same share, drawn at random, is 0.

    Args:
        tensor: a matrix.
        sparsity: the share of zeros in a column, rounded up to whole elements.
        std: standard deviation of the other values.
        generator: source of the random numbers.

    Raises:
        ValueError: the tensor has not 2 dimensions.

    Source: J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Example:
        >>> import nnlite
        >>> w = nnlite.nn.init.sparse_(nnlite.empty(10, 3), sparsity=0.35)
        >>> (w == 0).sum(0)
        tensor([4, 4, 4])
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    zeros = math.ceil(sparsity * tensor.shape[0])
    tensor.normal_(0.0, std, generator=generator)
    # The order of random keys is a random permutation of each column.
    keys = _working_copy(tensor).uniform_(generator=generator)._a
    order = table_for(keys).backend_.xp.argsort(keys, axis=0)
    return tensor.mul_(wrap(order >= zeros))


def _deprecated(function: _F) -> _F:
    new = function.__name__
    old = new.rstrip("_")

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"The old name of `{new}`."
    return renamed  # type: ignore[return-value]


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
