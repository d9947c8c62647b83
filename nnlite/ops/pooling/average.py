"""Average pooling, and pooling by a power norm: sums over windows that slide along the last axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.op import TensorBase, cast, not_a_tensor
from ..._core.tensor_base import wrap
from ...backends import backend_of
from ...backends.constants import constant
from .._public import public
from .._windows import as_ints
from ..activation.softmax import relu, title_of
from ..pointwise.arithmetic import div
from ..pointwise.elementwise import abs as absolute
from ..pointwise.elementwise import pow_ as power
from ..pointwise.elementwise import sign
from .largest import MAX_POOL, out_size
from .sums import window_sums

Ints = tuple[int, ...]
_FLOAT32 = dtypes.float32.np


def _windows(n: int, out: int, kernel: int, stride: int, padding: int) -> tuple[Ints, Ints, Ints]:
    """Starts and lengths of the windows on the input, and their lengths with the padding."""
    starts = [i * stride - padding for i in range(out)]
    ends = [min(start + kernel, n + padding) for start in starts]
    padded = tuple(end - start for start, end in zip(starts, ends, strict=True))
    inside = [(max(start, 0), min(end, n)) for start, end in zip(starts, ends, strict=True)]
    return tuple(a for a, _ in inside), tuple(max(b - a, 0) for a, b in inside), padded


def average(x: Any, windows: list[tuple[Ints, Ints]], divisors: list[Ints]) -> Any:
    """The sums over windows of the last axes, divided by a number for each; 16-bit numbers are added up in float32."""
    kind = x._a.dtype
    if kind.itemsize == 2 and kind.kind != "i":
        return cast(_divided(window_sums(cast(x, _FLOAT32), windows), divisors), kind)
    return _divided(window_sums(x, windows), divisors)


def _divided(x: Any, divisors: list[Ints]) -> Any:
    """``x`` divided by the product of a number for each position of each of the last axes."""
    if all(len(set(numbers)) <= 1 for numbers in divisors):
        divisor: Any = math.prod(numbers[0] for numbers in divisors if numbers)
    else:
        product = np.ones((), np.int64)
        for numbers in divisors:
            product = product[..., None] * np.array(numbers)
        divisor = wrap(constant(backend_of(x._a).xp, product.astype(x._a.dtype)))
    return div(x, divisor, rounding_mode="trunc") if x._a.dtype.kind in "iu" else x / divisor


def _average(
    name: str,
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Any:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    message = f"{name}: {{argument}} must either be a single int, or a tuple of {dims} ints (got {{value}})"
    kernel = as_ints(name, "kernel_size", 2, kernel_size, dims, message)
    given = stride is not None and stride != [] and stride != ()
    steps = as_ints(name, "stride", 3, stride, dims, message) if given else kernel
    pads = as_ints(name, "padding", 4, padding, dims, message)
    a = input._a
    _check(name, dims, a, kernel, steps, pads)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    sizes = a.shape[-dims:]
    out = [out_size(n, k, s, p, 1, bool(ceil_mode)) for n, k, s, p in zip(sizes, kernel, steps, pads, strict=True)]
    if min(out) < 1:
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, a.shape[-dims - 1 :]))}). Calculated output size: "
            f"({'x'.join(map(str, (a.shape[-dims - 1], *out)))}). Output size is too small"
        )
    windows = [_windows(*numbers) for numbers in zip(sizes, out, kernel, steps, pads, strict=True)]
    divisors = [padded if count_include_pad else counts for _, counts, padded in windows]
    if divisor_override is not None:
        divisors = [(divisor_override,)]
    return average(input, [(starts, counts) for starts, counts, _ in windows], divisors)


def _check(name: str, dims: int, a: Any, kernel: Ints, stride: Ints, padding: Ints) -> None:
    if a.ndim not in (dims + 1, dims + 2) or 0 in a.shape[-dims - 1 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got: {list(a.shape)} ({name})"
        )
    if a.dtype.kind in "bc":
        raise NotImplementedError(f"\"{name}\" not implemented for '{title_of(a)}' (convert the input with .to(dtype))")
    for values, what in ((kernel, "kernel size"), (stride, "stride")):
        if 0 in values and what == "stride":
            raise RuntimeError("stride should not be zero")
        if min(values) <= 0:
            raise RuntimeError(f"{what} should be greater than zero, but got {list(values)} ({name})")
    for pad, size in zip(padding, kernel, strict=True):
        if pad < 0 or pad > size // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={pad}, kernel_size={size} and "
                f"dilation=1 ({name})"
            )


_ABOUT = """

    Args:
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; the size of the window unless given.
        padding: zeros around the input, at most half of the window.
        ceil_mode: windows that begin on the input or on the left padding but end outside count too.
        count_include_pad: zeros around the input count in the mean.{override}

    Shape: input (N, C, {axes}) or (C, {axes}); each size n becomes floor((n + 2 padding - kernel_size) / stride) + 1
        (with ``ceil_mode``, ceil).

    Raises:
        RuntimeError: sizes do not fit together, or an argument is out of range.
        NotImplementedError: the input is bool or complex.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.{name}(nnlite.{example}, 2)
        {shown}
    """
_OVERRIDE = "\n        divisor_override: the sum is divided by this in place of the number of positions."


@public(method=False)
def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    return _average("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    return _average(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    return _average(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


for _function, _axes, _example, _shown in (
    (avg_pool1d, "L", "arange(4.0).reshape(1, 4)", "tensor([[0.5000, 2.5000]])"),
    (avg_pool2d, "H, W", "arange(4.0).reshape(1, 2, 2)", "tensor([[[1.5000]]])"),
    (avg_pool3d, "D, H, W", "arange(8.0).reshape(1, 2, 2, 2)", "tensor([[[[3.5000]]]])"),
):
    _function.__doc__ = f"The mean under each position of a window that slides over ({_axes})." + _ABOUT.format(
        override="" if _function is avg_pool1d else _OVERRIDE,
        axes=_axes,
        name=_function.__name__,
        example=_example,
        shown=_shown,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Power norms


def _norm_pool(dims: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
    name = f"lp_pool{dims}d"
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    if norm_type == math.inf:
        return MAX_POOL[dims](absolute(input), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -math.inf:
        return -MAX_POOL[dims](-absolute(input), kernel_size, stride, 0, 1, ceil_mode)
    volume = math.prod(as_ints(name, "kernel_size", 3, kernel_size, dims, "{argument}: {value}"))
    mean = _average(name, dims, power(input, norm_type), kernel_size, stride, 0, ceil_mode, True)
    return power(sign(mean) * relu(absolute(mean)) * volume, 1.0 / norm_type)


_NORM = """The norm (sum of x^p)^(1/p) under each position of a window that slides over ({axes}).

    Args:
        norm_type: p; with inf the largest absolute value, with -inf the smallest.
        kernel_size: the size of the window, a number or one for each axis.
        stride: its step; the size of the window unless given.
        ceil_mode: windows that begin on the input but end outside count too.

    Shape: input (N, C, {axes}) or (C, {axes}); each size n becomes floor((n - kernel_size) / stride) + 1.

    Raises:
        RuntimeError: sizes do not fit together, or an argument is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.{name}(nnlite.full({shape}, 3.0), 2, 2).shape
        torch.Size({shown})
    """


def lp_pool1d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    return _norm_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    return _norm_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    return _norm_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


for _function, _axes, _dims in ((lp_pool1d, "L", 1), (lp_pool2d, "H, W", 2), (lp_pool3d, "D, H, W", 3)):
    _function.__doc__ = _NORM.format(
        axes=_axes, name=_function.__name__, shape=(1,) + (4,) * _dims, shown=[1] + [2] * _dims
    )
