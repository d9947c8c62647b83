"""Index arrays large enough for the kernels that bring them to positions in the flat array."""

from __future__ import annotations

import numpy as np
import pytest

from nnlite.backends.numpy.indexing import at_index, put_along_axis, reduce_index, take_along_axis
from nnlite.backends.numpy.positions import scatter_add, set_at

N = 1200


def draws() -> np.random.Generator:
    return np.random.default_rng(3)


def at_one(rng, axis, shape, negative):
    n = shape[axis]
    return (slice(None),) * axis + (rng.integers(-n if negative else 0, n, N),)


def indices(rng, shape, negative):
    """One array along each axis, all axes, neighbouring ones, one that broadcasts."""
    low = [-n if negative else 0 for n in shape]
    for axis in range(len(shape)):
        yield at_one(rng, axis, shape, negative)
    yield tuple(rng.integers(a, n, N) for a, n in zip(low, shape, strict=True))
    yield tuple(rng.integers(a, n, N) for a, n in zip(low[:2], shape[:2], strict=True))
    yield (slice(None), *(rng.integers(a, n, (N // 50, 50)) for a, n in zip(low[1:], shape[1:], strict=True)))
    yield rng.integers(low[0], shape[0], (N, 1)), rng.integers(low[1], shape[1], (1, 2)), slice(None)
    yield rng.integers(low[0], shape[0], (1, N)), rng.integers(low[1], shape[1], N), slice(None)
    yield rng.integers(low[0], shape[0], N).astype(np.int32), slice(None), rng.integers(low[2], shape[2], N)


LAYOUTS = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.transpose(2, 1, 0).copy().transpose(2, 1, 0),
    "every second": lambda x: np.repeat(x, 2, axis=0)[::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 4, 3), (1, 7, 2), (20, 30, 2)])
def test_index_reads_and_adds(shape, negative, layout):
    rng = draws()
    x = LAYOUTS[layout](rng.integers(-8, 8, shape).astype(np.float32))
    for index in indices(rng, shape, negative):
        np.testing.assert_array_equal(at_index(x, index=index), x[index])
        values = rng.integers(-8, 8, x[index].shape).astype(np.float32)
        for kind in (np.float32, np.float64, np.int64, np.complex64):
            mine, theirs = (LAYOUTS[layout](x.astype(kind)) for _ in range(2))
            scatter_add(mine, index, values.astype(kind))
            np.add.at(theirs, index, values.astype(kind))
            np.testing.assert_array_equal(mine, theirs)
        if all(np.ndim(part) < 2 for part in index if not isinstance(part, slice)):
            mine, theirs = x.copy(), x.copy()
            set_at(mine, index, values)
            theirs[index] = values
            np.testing.assert_array_equal(mine, theirs)
            set_at(mine, index, values[..., :1])
            theirs[index] = values[..., :1]
            np.testing.assert_array_equal(mine, theirs)
        for kind in ("multiply", "maximum", "minimum"):
            theirs = x.astype(np.float64)
            getattr(np, kind).at(theirs, index, np.sign(values))
            mine = reduce_index(x.astype(np.float64), np.sign(values), index=index, kind=kind, title="")
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_an_axis(axis):
    rng = draws()
    x = rng.standard_normal((20, 30, 7)).astype(np.float32)
    shape = [15, 25, 7]
    shape[axis] = 40
    where = rng.integers(-x.shape[axis], x.shape[axis], shape)
    cut = x[tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(shape))]
    np.testing.assert_array_equal(take_along_axis(x, where, axis=axis), np.take_along_axis(cut, where, axis))
    g = rng.integers(-8, 8, shape).astype(np.float32)
    want = np.zeros_like(x)
    grid = [np.arange(n).reshape([-1 if i == k else 1 for i in range(3)]) for k, n in enumerate(shape)]
    grid[axis] = where
    np.add.at(want, tuple(grid), g)
    np.testing.assert_array_equal(put_along_axis(g, where, axis=axis, shape=x.shape), want)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_masks(dims):
    rng = draws()
    x = rng.standard_normal((20, 30, 7)).astype(np.float32)
    mask = rng.random(x.shape[:dims]) < 0.5
    for layout in LAYOUTS.values():
        np.testing.assert_array_equal(at_index(layout(x), index=(mask,)), x[mask])
    np.testing.assert_array_equal(at_index(x, index=(mask.T.copy().T,)), x[mask])


def test_16_bits_are_summed_in_32():
    """4096 ones: in float16 the sum would stop at 2048."""
    x = np.zeros((2, 3), np.float16)
    scatter_add(x, np.zeros(4096, np.int64), np.ones((4096, 3), np.float16))
    np.testing.assert_array_equal(x[0], 4096)


def test_no_wider_type():
    """float32 stays float32: a sum that float64 would keep exact is rounded as float32 rounds it."""
    x = np.full((1, 2), 2.0**24, np.float32)
    scatter_add(x, np.zeros(2048, np.int64), np.ones((2048, 2), np.float32))
    np.testing.assert_array_equal(x, 2.0**24)
