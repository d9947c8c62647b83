"""Scaled dot-product attention without dropout: which arguments the compiled kernels take, and how they are called."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels import kernel
from ..first_use import load, worth
from ..kernels import OVERRIDES
from .products import sgemm, share_products
from .workspace import workspace

_FLOAT32 = np.dtype(np.float32)

LEAST = 1 << 14
"""Products of a query's number and a key's from which on compiled kernels pay."""

ROWS, KEYS = 128, 512
"""The scores that are held at a time by a thread: 256 kB."""

At = tuple[int, ...]


def _takes(
    q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool, dropout: float, seed: int, counter: int
) -> bool:
    return worth(q.size * k.shape[2], LEAST) and not dropout and _fits(q, k, v, mask)


def _takes_gradient(
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    out: Any,
    sums: Any,
    weights: Any,
    *,
    scale: float,
    causal: bool,
    dropout: float,
    seed: int,
    counter: int,
    wanted: bool,
) -> bool:
    return worth(q.size * k.shape[2], LEAST) and not dropout and not wanted and _fits(q, k, v, mask, g, out)


def _fits(q: Any, k: Any, v: Any, mask: Any, *others: Any) -> bool:
    return all(a.dtype is _FLOAT32 and a.size for a in (q, k, v, *others)) and (
        mask is None or mask.dtype is _FLOAT32 or mask.dtype.kind == "b"
    )


def _rows(a: Any) -> Any:
    """The array, or a copy, with the numbers of each row side by side and rows, heads and batches forward."""
    step = a.strides
    if step[3] == 4 and not any(s % 4 for s in step) and step[2] >= 4 * a.shape[3]:
        return a
    return np.ascontiguousarray(a)


def _at(a: Any) -> At:
    """Where the array begins and how far batches, heads and rows are from one another."""
    batch, head, row, _ = a.strides
    return a.__array_interface__["data"][0], batch // 4, head // 4, max(row // 4, a.shape[3])


def _mask_at(mask: Any, shape: tuple[int, ...]) -> At:
    """The same for a mask, with the distance of keys and the kind (1: added, 2: seen)."""
    if mask is None:
        return 0, 0, 0, 0, 0, 0
    size = mask.itemsize
    strides = (0 if n == 1 and m != 1 else s // size for n, m, s in zip(mask.shape, shape, mask.strides, strict=True))
    return mask.__array_interface__["data"][0], *strides, 2 if size == 1 else 1


def _tile(queries: int, keys: int) -> tuple[int, int]:
    """Short sequences are cut too, for the sake of what is above the diagonal."""
    return min(ROWS if queries >= 4 * ROWS else ROWS // 2, queries), min(KEYS, keys)


@kernel("attention", table=OVERRIDES, when=_takes, above=True)
def attention(
    q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool, dropout: float, seed: int, counter: int
) -> tuple[Any, ...]:
    """Eight batches of 4 heads, 128 positions of 32, causal: 1.4 ms on one thread in place of 4.3; one batch of
    4 heads, 4096 positions: 112 in place of 443."""
    q, k, v = _rows(q), _rows(k), _rows(v)
    batches, heads, queries, _ = q.shape
    shape = (batches, heads, queries, v.shape[3])
    if q.strides[1] < q.strides[2]:  # heads within rows: so is the result, which a layer then takes without a copy
        out = np.empty((batches, queries, heads, v.shape[3]), np.float32).transpose(0, 2, 1, 3)
    else:
        out = np.empty(shape, np.float32)
    sums = np.empty((batches, heads, queries, 1), np.float32)
    run, blas, flat = load("attention").forward, sgemm(), sums.reshape(-1)
    sizes = (heads, queries, k.shape[2], q.shape[3], v.shape[3])
    tile = _tile(queries, k.shape[2])
    given = (_at(q), _at(k), _at(v), _mask_at(mask, (*shape[:3], k.shape[2])), _at(out), flat)

    def body(start: int, stop: int) -> None:
        work = workspace("scores", tile[0] * tile[1]), workspace("state", 2 * tile[0])
        run(blas, sizes, np.float32(scale), causal, tile, *given, start, stop, *work)

    share_products(batches * heads, body)
    return out, sums, None


@kernel("attention_gradient", table=OVERRIDES, when=_takes_gradient, above=True)
def attention_gradient(
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    out: Any,
    sums: Any,
    weights: Any,
    *,
    scale: float,
    causal: bool,
    dropout: float,
    seed: int,
    counter: int,
    wanted: bool,
) -> tuple[Any, ...]:
    """Eight batches of 4 heads, 128 positions of 32, causal: 2.7 ms on one thread in place of 7.3,
    though weights are computed again."""
    g, q, k, v, out = _rows(g), _rows(q), _rows(k), _rows(v), _rows(out)
    batches, heads, queries, _ = q.shape
    made = tuple(np.empty_like(a, order="K") for a in (q, k, v))
    run, blas, flat = load("attention").backward, sgemm(), np.ascontiguousarray(sums).reshape(-1)
    sizes = (heads, queries, k.shape[2], q.shape[3], v.shape[3])
    tile = _tile(queries, k.shape[2])
    given = (_at(q), _at(k), _at(v), _mask_at(mask, (*q.shape[:3], k.shape[2])), _at(out), _at(g), *map(_at, made))

    def body(start: int, stop: int) -> None:
        work = workspace("scores", tile[0] * tile[1]), workspace("down", tile[0] * tile[1])
        run(blas, sizes, np.float32(scale), causal, tile, *given, flat, start, stop, *work)

    share_products(batches * heads, body)
    return *made, None


def warm_up() -> None:
    """Compile the kernels of this file."""
    q = np.zeros((1, 2, 16, 8), np.float32)
    settings: Any = {"scale": 1.0, "causal": True, "dropout": 0.0, "seed": 0, "counter": 0}
    out, sums, _ = attention(q, q, q, None, **settings)
    attention_gradient(out, q, q, q, None, out, sums, None, **settings, wanted=False)
