"""Batch, layer, group, instance and root-mean-square norm, their gradients, and running statistics."""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from ..kernels import kernel
from .geometry import FLOATS, over_columns, over_rows
from .launch import blocks_for
from .overrides import OVERRIDES

_FILLING = 1056
"""Blocks of 256 threads that 132 multiprocessors run at once."""

_LEAST_PLANES, _LEAST_COLUMNS = 8192, 128
"""Numbers of a channel that are worth a part of their own: side by side, and in a column."""

_WIDE = {"float64": np.dtype("float64")}
_FLOAT32 = np.dtype("float32")


def _wide(x: Any) -> Any:
    """The dtype that is computed in."""
    return _WIDE.get(x.dtype.name, _FLOAT32)


def _fit(x: Any, *weights: Any) -> bool:
    """Whether the kernels take ``x``, and weights of its dtype or, all of them, of the one that is computed in."""
    kinds = {w.dtype for w in weights if w is not None}
    return x.size > 0 and x.dtype.name in FLOATS and len(kinds) <= 1 and kinds <= {x.dtype, _wide(x)}


def _wider(x: Any, *weights: Any) -> int:
    """Whether the weights have the dtype that is computed in."""
    return int(any(w is not None and w.dtype == _wide(x) for w in weights))


def _flat(gpu: Any, a: Any) -> Any:
    return None if a is None else gpu.xp.ascontiguousarray(a)


# ---------------------------------------------------------------------------------------------------------------------
# Rows


def _spread(shape: tuple[int, ...], affine: tuple[int, ...]) -> int:
    """How many neighbours each number of the weight is for: the product of the last axes where it has size 1."""
    spread = 1
    for size, own in zip(reversed(shape), reversed(affine), strict=False):
        if own != 1:
            break
        spread *= size
    return spread


def _takes_rows(
    x: Any, weight: Any, bias: Any, *, rows: int, affine: Any, eps: float, centred: bool, title: str
) -> bool:
    return x.size > rows and _fit(x, weight, bias)


@kernel("row_norm", table=OVERRIDES, when=_takes_rows)
def row_norm(
    gpu: Any,
    x: Any,
    weight: Any,
    bias: Any,
    *,
    rows: int,
    affine: tuple[int, ...],
    eps: float,
    centred: bool,
    title: str,
) -> tuple[Any, ...]:
    """One launch in place of about ten; rows of up to 8,192 numbers are read once and written once."""
    n, kind = x.size // rows, _wide(x)
    x, weight, bias = (_flat(gpu, a) for a in (x, weight, bias))
    out = gpu.xp.empty(x.shape, x.dtype)
    mean = gpu.xp.empty((rows, 1), kind) if centred else None
    inverse = gpu.xp.empty((rows, 1), kind)
    blocks, threads = over_rows(rows, n)
    gpu.launch("normalization", "row_norm", blocks, threads, x, weight, bias, out, mean, inverse, rows, n,
               _spread(x.shape, affine), prod(affine), kind.type(eps), int(centred), _wider(x, weight, bias),
               T=x.dtype)  # fmt: skip
    return out, mean, inverse


def _takes_rows_gradient(
    g: Any, x: Any, weight: Any, bias: Any, mean: Any, inverse: Any, *, affine: Any, wanted: bool
) -> bool:
    """Not rows of one number, whose gradient is exactly 0."""
    return x.size > inverse.shape[0] and g.dtype == x.dtype and g.shape == x.shape and _fit(x, weight, bias)


@kernel("row_norm_gradient", table=OVERRIDES, when=_takes_rows_gradient)
def row_norm_gradient(
    gpu: Any,
    g: Any,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    inverse: Any,
    *,
    affine: tuple[int, ...],
    wanted: bool,
) -> tuple[Any, ...]:
    """One launch for the input, two for weight and bias, which are sums over columns in a fixed order."""
    rows, spread, weights, wider = inverse.shape[0], _spread(x.shape, affine), prod(affine), _wider(x, weight, bias)
    n = x.size // rows
    g, x, weight = (_flat(gpu, a) for a in (g, x, weight))
    gx = None
    if wanted:
        gx = gpu.xp.empty(x.shape, x.dtype)
        blocks, threads = over_rows(rows, n)
        gpu.launch("normalization", "row_norm_gradient", blocks, threads, g, x, weight, mean, inverse, gx, rows, n,
                   spread, weights, wider, T=x.dtype)  # fmt: skip
    if weight is None and bias is None:
        return gx, None, None
    sizes = (x.size // (weights * spread), weights, spread)
    parts, count = _sums(gpu, g, x, mean, inverse, sizes, n)
    gw, gb = (None if w is None else gpu.xp.empty(w.shape, w.dtype) for w in (weight, bias))
    blocks, threads = over_columns(1, count, weights)
    gpu.launch("channels", "weight_gradients", blocks, threads, parts, gw, gb, weights, count, wider, T=x.dtype)
    return gx, gw, gb


# ---------------------------------------------------------------------------------------------------------------------
# Channels


@functools.lru_cache(1024)
def _shared_out(images: int, channels: int, positions: int) -> tuple[str, int, tuple[int, int], int]:
    """Planes or columns, the launch, and how many parts each channel is cut into."""
    numbers = images * positions
    if positions > 1:
        parts = max(1, min(_FILLING // channels, numbers // _LEAST_PLANES))
        return "planes", min(channels * parts, 1 << 20), (1, 256 if numbers > 256 else 32), parts
    tiles, threads = over_columns(1, numbers, channels)
    parts = max(1, min(_FILLING // tiles, numbers // _LEAST_COLUMNS))
    return "columns", tiles * parts, threads, parts


def _sums(gpu: Any, g: Any, x: Any, mean: Any, inverse: Any, sizes: tuple[int, ...], length: int) -> tuple[Any, int]:
    """The sums of g and of g times normalised x for each channel, in parts, and how many parts there are."""
    which, blocks, threads, count = _shared_out(*sizes)
    parts = gpu.xp.empty((count, 2, sizes[1]), _wide(x))
    gpu.launch("channels", f"sums_{which}", blocks, threads, g, x, mean, inverse, parts, *sizes, count, length,
               T=x.dtype)  # fmt: skip
    return parts, count


def _channels_last(x: Any) -> bool:
    """Whether an array (images, channels, ...) has its channels side by side in memory."""
    return x.ndim > 2 and not x.flags.c_contiguous and _last(x).flags.c_contiguous


def _last(x: Any) -> Any:
    return x.transpose((0, *range(2, x.ndim), 1))


def _first(x: Any) -> Any:
    return x.transpose((0, x.ndim - 1, *range(1, x.ndim - 1)))


def _laid_out(gpu: Any, x: Any, *others: Any) -> tuple[tuple[int, int, int], list[Any], Any]:
    """The sizes (images, channels, positions), the arrays as they lie in memory, copied where they do not lie as ``x``
    does, and a function that turns such an array back."""
    if _channels_last(x):
        arrays = [gpu.xp.ascontiguousarray(_last(a)) for a in (x, *others)]
        return (x.size // x.shape[1], x.shape[1], 1), arrays, _first
    arrays = [gpu.xp.ascontiguousarray(a) for a in (x, *others)]
    return (x.shape[0], x.shape[1], prod(x.shape[2:])), arrays, lambda a: a


def _normalised(
    gpu: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any, inverse: Any, eps: float, training: bool
) -> Any:
    sizes, (x,), turned = _laid_out(gpu, x)
    weight, bias = _flat(gpu, weight), _flat(gpu, bias)
    which, blocks, threads, count = _shared_out(*sizes)
    parts = None
    if training:
        parts = gpu.xp.empty((count, sizes[1], 3), _wide(x))
        gpu.launch("channels", f"moments_{which}", blocks, threads, x, parts, *sizes, count, T=x.dtype)
    out = gpu.xp.empty(x.shape, x.dtype)
    gpu.launch("channels", f"batch_norm_{which}", blocks, threads, x, weight, bias, out, parts, mean, variance,
               inverse, *sizes, count, _wide(x).type(eps), _wider(x, weight, bias), T=x.dtype)  # fmt: skip
    return turned(out)


def _takes_batch(x: Any, weight: Any, bias: Any, *, eps: float) -> bool:
    return _fit(x, weight, bias)


@kernel("batch_norm", table=OVERRIDES, when=_takes_batch)
def batch_norm(gpu: Any, x: Any, weight: Any, bias: Any, *, eps: float) -> tuple[Any, ...]:
    """Two launches, which read the input twice and write once; channels may lie first or last."""
    mean, variance, inverse = (gpu.xp.empty(x.shape[1], _wide(x)) for _ in range(3))
    out = _normalised(gpu, x, weight, bias, mean, variance, inverse, eps, True)
    return out, mean, variance, mean, inverse


def _takes_fixed(x: Any, weight: Any, bias: Any, mean: Any, inverse: Any) -> bool:
    return _fit(x, weight, bias) and mean.dtype == inverse.dtype == _wide(x)


@kernel("batch_norm_fixed", table=OVERRIDES, when=_takes_fixed)
def batch_norm_fixed(gpu: Any, x: Any, weight: Any, bias: Any, mean: Any, inverse: Any) -> Any:
    """One launch."""
    mean, inverse = _flat(gpu, mean), _flat(gpu, inverse)
    return _normalised(gpu, x, weight, bias, mean, None, inverse, 0.0, False)


def _takes_batch_gradient(
    g: Any, x: Any, weight: Any, bias: Any, mean: Any, inverse: Any, *, training: bool, wanted: bool
) -> bool:
    return g.dtype == x.dtype and g.shape == x.shape and _fit(x, weight, bias) and mean.dtype == _wide(x)


@kernel("batch_norm_gradient", table=OVERRIDES, when=_takes_batch_gradient)
def batch_norm_gradient(
    gpu: Any, g: Any, x: Any, weight: Any, bias: Any, mean: Any, inverse: Any, *, training: bool, wanted: bool
) -> tuple[Any, ...]:
    """Two launches, which read both arrays twice and write once."""
    sizes, (x, g), turned = _laid_out(gpu, x, g)
    weight, mean, inverse = (_flat(gpu, a) for a in (weight, mean, inverse))
    wider = _wider(x, weight, bias)
    parts, count = _sums(gpu, g, x, mean, inverse, sizes, 0)
    gw, gb = (None if w is None else gpu.xp.empty(w.shape, w.dtype) for w in (weight, bias))
    if wanted:
        gx = gpu.xp.empty(x.shape, x.dtype)
        which, blocks, threads, _ = _shared_out(*sizes)
        gpu.launch("channels", f"batch_gradient_{which}", blocks, threads, g, x, weight, mean, inverse, parts, gx,
                   gw, gb, *sizes, count, int(training), wider, T=x.dtype)  # fmt: skip
        return turned(gx), gw, gb
    blocks, threads = over_columns(1, count, sizes[1])
    gpu.launch("channels", "weight_gradients", blocks, threads, parts, gw, gb, sizes[1], count, wider, T=x.dtype)
    return None, gw, gb


def _takes_statistics(
    mean: Any, variance: Any, batch_mean: Any, batch_variance: Any, step: Any, *, momentum: float, factor: float
) -> bool:
    contiguous = mean.flags.c_contiguous and variance.flags.c_contiguous
    return contiguous and _fit(mean, variance) and all(a.dtype == _wide(mean) for a in (batch_mean, batch_variance))


@kernel("move_statistics", table=OVERRIDES, when=_takes_statistics)
def move_statistics(
    gpu: Any,
    mean: Any,
    variance: Any,
    batch_mean: Any,
    batch_variance: Any,
    step: Any,
    *,
    momentum: float,
    factor: float,
) -> None:
    """One launch for both in place of ten."""
    wide = _wide(mean).type
    if step is not None:
        step = step.astype(_wide(mean), copy=False)
    arrays = (mean, variance, _flat(gpu, batch_mean), _flat(gpu, batch_variance), step)
    gpu.launch("channels", "move_statistics", blocks_for(mean.size), 256, *arrays, wide(momentum), wide(factor),
               mean.size, int(mean.dtype == _wide(mean)), T=mean.dtype)  # fmt: skip
